//! JSON messages, with serde.

use aiomsg_core::{Error, ErrorKind, Identity, Outbound};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Socket;
use crate::layer::SendService;

impl<S: SendService> Socket<S> {
    /// Sends a value as JSON.
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send), and [`Error::is_payload`] when the value cannot
    /// be written as JSON.
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Error> {
        self.send(to_json(value)?).await
    }

    /// Sends a value as JSON to one peer.
    ///
    /// # Errors
    ///
    /// As for [`send_json`](Socket::send_json).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    pub async fn send_json_to<T: Serialize + ?Sized>(
        &self,
        peer: impl Into<Identity>,
        value: &T,
    ) -> Result<(), Error> {
        let message = Outbound::new(to_json(value)?).to(peer.into());
        self.send_message(message).await
    }
}

impl<S> Socket<S> {
    /// Receives the next message, and parses it as JSON.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv), and [`Error::is_payload`] when the message is not
    /// the JSON of such a value. It counts as received.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let (from, payload, _) = self.take().await?.into_parts();
        serde_json::from_slice(&payload).map_err(|error| {
            Error::new(ErrorKind::Payload)
                .with_reason("the message is not the json that was asked for")
                .with_peer(from)
                .with_source(error)
        })
    }
}

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| {
        Error::new(ErrorKind::Payload)
            .with_reason("the value has no form in json")
            .with_source(error)
    })
}

use aiomsg_core::{BoxError, Headers, IntoReply};
use bytes::Bytes;

/// The reply of a handler of a [`Router`](super::Router), with the id of its request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterReply {
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Headers,
}

impl RouterReply {
    pub(super) fn of(reply: impl IntoReply) -> Result<Self, BoxError> {
        let headers = reply.reply_headers();
        let payload = reply.try_into_reply()?;
        Ok(Self { payload, headers })
    }

    /// The payload to send back, if any.
    pub fn payload(&self) -> Option<&Bytes> {
        self.payload.as_ref()
    }
}

impl IntoReply for RouterReply {
    fn into_reply(self) -> Option<Bytes> {
        self.payload
    }

    fn reply_headers(&self) -> Headers {
        self.headers.clone()
    }
}

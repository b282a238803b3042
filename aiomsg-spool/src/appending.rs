//! A message on its way into the store, for its sender.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Error, ErrorKind, Outbound};
use tokio::sync::oneshot;

use crate::SpoolError;

/// The future of a message on its way into the store. Dropped before it is ready, the
/// message may be stored or not.
#[derive(Debug)]
pub struct Appending {
    pub(crate) message: Option<Outbound>,
    pub(crate) refused: Option<SpoolError>,
    pub(crate) stored: Option<oneshot::Receiver<Result<(), SpoolError>>>,
    pub(crate) acked: Option<oneshot::Receiver<Result<(), String>>>,
}

impl Future for Appending {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(error) = this.refused.take() {
            return Poll::Ready(Err(this.error(error)));
        }
        if let Some(stored) = &mut this.stored {
            let outcome = ready!(Pin::new(stored).poll(cx));
            this.stored = None;
            if let Err(error) = outcome.unwrap_or(Err(SpoolError::Closed)) {
                return Poll::Ready(Err(this.error(error)));
            }
        }
        let Some(acked) = &mut this.acked else {
            return Poll::Ready(Ok(()));
        };
        Poll::Ready(match ready!(Pin::new(acked).poll(cx)) {
            Ok(Ok(())) => Ok(()),
            // It is in the store, among the dead letters.
            Ok(Err(reason)) => Err(Error::new(ErrorKind::Timeout).with_reason(reason)),
            // It is in the store, and is sent when that is opened again.
            Err(_) => Err(SpoolError::Closed.into()),
        })
    }
}

impl Appending {
    fn error(&mut self, error: SpoolError) -> Error {
        let error = Error::from(error);
        match self.message.take() {
            Some(message) => error.with_message(message),
            None => error,
        }
    }
}

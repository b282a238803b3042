use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Certificate, Delivery, Error, ErrorKind, Limits};
use tower::Service;

use super::Intake;
use crate::queue::{Closed, Queue};

/// The messages that wait to be received: the innermost service of the receive path.
///
/// Layers of the receive path wrap it. It is ready while there is room. Without such
/// layers, sessions fill it directly, with one lock per batch.
#[derive(Debug, Clone)]
pub struct Inbox {
    queue: Queue<Delivery>,
    certificate: Option<Certificate>,
}

impl Inbox {
    /// How much an inbox takes beyond its limits of connections that this end ends:
    /// 1,048,576 messages or 32 MiB. A system may hold as much of one connection.
    pub const LAST: Limits = Limits {
        items: 1 << 20,
        bytes: 32 << 20,
    };

    /// An inbox over this queue.
    pub fn new(queue: Queue<Delivery>) -> Self {
        Self {
            queue,
            certificate: None,
        }
    }

    /// Notes the certificate of the peer in each message of a session.
    #[must_use]
    pub fn certificate(mut self, certificate: Option<Certificate>) -> Self {
        self.certificate = certificate;
        self
    }
}

impl Service<Delivery> for Inbox {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.queue.poll_ready(cx).map_err(closed)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        std::future::ready(self.queue.push(message).map_err(closed))
    }
}

impl Intake for Inbox {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        ready!(self.queue.poll_ready(cx)).map_err(closed)?;
        let Limits { items, bytes } = self.queue.room();
        // Others may have filled it in between. The place that was free is ours.
        Poll::Ready(Ok(Limits {
            items: items.max(1),
            bytes: bytes.max(1),
        }))
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        let room = self.queue.room_and(Self::LAST);
        match room.items == 0 || room.bytes == 0 {
            true => Intake::poll_ready(self, cx),
            false => Poll::Ready(Ok(room)),
        }
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        if let Some(certificate) = &self.certificate {
            for message in batch.iter_mut() {
                message.set_certificate(certificate.clone());
            }
        }
        self.queue.push_batch(batch).map_err(closed)
    }
}

fn closed<T>(_: Closed<T>) -> Error {
    ErrorKind::Closed.into()
}

#[cfg(test)]
mod tests;

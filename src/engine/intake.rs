//! What becomes of messages that a session has read.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aiomsg_core::queue::{Closed, Limits, Queue};
use aiomsg_core::{BoxError, Delivery, Error, ErrorKind, MessageId};
use tokio_util::sync::ReusableBoxFuture;
use tower::Service;

use super::events::Reporter;
use super::explain;
use crate::callers::Callers;

/// Makes the intake of one session.
pub(crate) type MakeIntake = Arc<dyn Fn() -> Box<dyn Intake> + Send + Sync>;

/// Where a session puts what it has read. Asked once per batch.
pub(crate) trait Intake: Send {
    /// Ready when more may be read, and how much. While it is pending, the
    /// peer is held back.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>>;

    /// Takes a batch, which is left empty.
    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error>;

    /// Works on what was taken, and names the messages that are to be
    /// acknowledged, unless that was done when they were read.
    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Result<(), Error>;

    /// Works on what is left when the connection has ended.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
}

/// Straight into the inbox: a lock per batch, and nothing per message.
#[derive(Debug)]
pub(crate) struct Direct(pub(crate) Queue<Delivery>);

impl Intake for Direct {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        ready!(self.0.poll_ready(cx)).map_err(closed)?;
        let Limits { items, bytes } = self.0.room();
        // Others may have filled it in between. The one that was there is
        // ours.
        Poll::Ready(Ok(Limits {
            items: items.max(1),
            bytes: bytes.max(1),
        }))
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        self.0.push_batch(batch).map_err(closed)
    }

    fn poll_work(&mut self, _: &mut Context<'_>, _: &mut VecDeque<MessageId>) -> Result<(), Error> {
        Ok(())
    }

    fn poll_rest(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

fn closed<T>(_: Closed<T>) -> Error {
    ErrorKind::Closed.into()
}

/// The innermost service of the receive path: into the inbox, from which
/// `recv` takes.
///
/// This is what the layers of
/// [`SocketBuilder::receive_layer`](crate::SocketBuilder::receive_layer) are
/// put around. It is ready while the inbox has room.
#[derive(Debug, Clone)]
pub struct Inbox(pub(crate) Queue<Delivery>);

impl Service<Delivery> for Inbox {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx).map_err(closed)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        std::future::ready(self.0.push(message).map_err(closed))
    }
}

/// Through a service that all sessions of the socket share, one message of a
/// session after the other.
pub(crate) struct Layered<R> {
    shared: Arc<SharedService<R>>,
    reporter: Reporter,
    waiting: VecDeque<Delivery>,
    /// What the service is working on, if anything; the box is used again.
    working: Option<ReusableBoxFuture<'static, Result<(), BoxError>>>,
    current: Option<Delivery>,
}

pub(crate) struct SharedService<R> {
    service: Mutex<R>,
    sessions: Callers,
}

impl<R> SharedService<R> {
    pub(crate) fn new(service: R) -> Self {
        Self {
            service: Mutex::new(service),
            sessions: Callers::default(),
        }
    }
}

impl<R> Layered<R> {
    pub(crate) fn new(shared: Arc<SharedService<R>>, reporter: Reporter) -> Self {
        Self {
            shared,
            reporter,
            waiting: VecDeque::new(),
            working: None,
            current: None,
        }
    }
}

impl<R> Layered<R>
where
    R: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    /// Works until it must wait, or there is nothing left.
    fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if let (Some(message), Some(working)) = (&self.current, &mut self.working) {
                let result = ready!(working.poll(cx));
                match result {
                    Ok(()) => acks.extend(message.id()),
                    Err(error) => self.reporter.refused(message.clone(), explain(error)),
                }
                self.current = None;
            }
            if self.waiting.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let SharedService { service, sessions } = &*self.shared;
            let mut service = service.lock().unwrap_or_else(PoisonError::into_inner);
            ready!(sessions.poll(cx, |cx| service.poll_ready(cx))).map_err(explain)?;
            let Some(message) = self.waiting.pop_front() else {
                continue;
            };
            self.current = Some(message.clone());
            let future = service.call(message);
            drop(service);
            let future = async { future.await.map(drop).map_err(Into::into) };
            match &mut self.working {
                Some(working) => working.set(future),
                working => *working = Some(ReusableBoxFuture::new(future)),
            }
        }
    }
}

impl<R> Intake for Layered<R>
where
    R: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        // `poll_work` wakes the session when it has gone on.
        match self.waiting.is_empty() && self.current.is_none() {
            true => Poll::Ready(Ok(Limits {
                items: usize::MAX,
                bytes: usize::MAX,
            })),
            false => Poll::Pending,
        }
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        self.waiting.append(batch);
        Ok(())
    }

    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Result<(), Error> {
        match self.poll_all(cx, acks) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Nobody is there any more to take an acknowledgement.
        self.poll_all(cx, &mut VecDeque::new())
    }
}

/// What the layers have not dealt with is not gone in silence.
impl<R> Drop for Layered<R> {
    fn drop(&mut self) {
        for message in self
            .current
            .take()
            .into_iter()
            .chain(self.waiting.drain(..))
        {
            self.reporter.refused(message, ErrorKind::Closed.into());
        }
    }
}

impl<R> fmt::Debug for Layered<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layered")
    }
}

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Certificate, Delivery, Error, ErrorKind, Limits, MessageId, Weight};
use tokio_util::sync::ReusableBoxFuture;
use tower::Service;

use super::{Inbox, Waiting};
use crate::acknowledge::Deferral;
use crate::shared::{Shared, catch, caught, note};

/// Takes the messages that a session has read. Called once per batch.
pub trait Intake: Send {
    /// Ready when more may be read, with how much. While it is pending, the peer is held
    /// back.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>>;

    /// How much may be read of a connection that this end is ending, even without room:
    /// unread messages are lost then. While it is pending, nothing is read.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        let _ = cx;
        Poll::Ready(Ok(Limits {
            items: usize::MAX,
            bytes: usize::MAX,
        }))
    }

    /// Takes a batch, and leaves it empty.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error>;

    /// Works on the messages that were taken, and names those to acknowledge, unless the
    /// handler acknowledges.
    ///
    /// # Errors
    ///
    /// An error ends the connection.
    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Result<(), Error> {
        let _ = (cx, acks);
        Ok(())
    }

    /// Whether no message is being worked on.
    fn is_idle(&self) -> bool {
        true
    }

    /// Works on the rest when the connection has ended. Ready when nothing is left.
    ///
    /// # Errors
    ///
    /// When the rest cannot be handled.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }
}

impl<T: Intake + ?Sized> Intake for Box<T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        (**self).poll_ready(cx)
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        (**self).poll_last(cx)
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        (**self).take(batch)
    }

    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Result<(), Error> {
        (**self).poll_work(cx, acks)
    }

    fn is_idle(&self) -> bool {
        (**self).is_idle()
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        (**self).poll_rest(cx)
    }
}

type Refuse = Arc<dyn Fn(Delivery, BoxError) + Send + Sync>;

/// An intake through a service that all sessions of a socket share, one message of a
/// session after the other.
///
/// A message is acknowledged when the service has returned `Ok`. A refused message goes
/// to a function, and so do unhandled ones when this is dropped.
///
/// ```
/// use aiomsg_core::Limits;
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::session::{Inbox, ServiceIntake, Waiting};
/// use aiomsg_layers::shared::Shared;
/// use std::time::Duration;
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let (inbox, waiting) = (Queue::new(limits), Waiting::new(limits));
/// let service = ServiceBuilder::new()
///     .rate_limit(100, Duration::from_secs(1))
///     .service(Inbox::new(inbox));
/// // One for each session, all with the same service.
/// let intake = ServiceIntake::new(Shared::new(service), |message, error| {
///     eprintln!("from {}: {error}", message.from());
/// })
/// .waiting(waiting);
/// # }
/// ```
pub struct ServiceIntake<R> {
    shared: Shared<R>,
    refuse: Refuse,
    deferral: Deferral,
    certificate: Option<Certificate>,
    waiting: VecDeque<Delivery>,
    /// The messages that wait in all sessions, if these have a bound.
    all: Option<Waiting>,
    /// This session's share of them, in messages and bytes.
    here: (usize, usize),
    /// The call in progress, if there is one. The box is used again.
    working: Option<ReusableBoxFuture<'static, Result<(), BoxError>>>,
    current: Option<Delivery>,
}

impl<R> ServiceIntake<R> {
    /// The intake of one more session. `refuse` must not block.
    pub fn new(
        shared: Shared<R>,
        refuse: impl Fn(Delivery, BoxError) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared,
            refuse: Arc::new(refuse),
            deferral: Deferral::new(),
            certificate: None,
            waiting: VecDeque::new(),
            all: None,
            here: (0, 0),
            working: None,
            current: None,
        }
    }

    /// While deferred, leaves acknowledgements to the handler of the message.
    #[must_use]
    pub fn deferral(mut self, deferral: Deferral) -> Self {
        self.deferral = deferral;
        self
    }

    /// Reads nothing while too much waits in all sessions that share this. Without it,
    /// each session reads a batch, and a message may be as large as the codec allows.
    #[must_use]
    pub fn waiting(mut self, all: Waiting) -> Self {
        self.all = Some(all);
        self
    }

    /// Notes the certificate of the peer in each message, for the service.
    #[must_use]
    pub fn certificate(mut self, certificate: Option<Certificate>) -> Self {
        self.certificate = certificate;
        self
    }
}

impl<R> ServiceIntake<R>
where
    R: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    /// Works until it must wait, or nothing is left.
    fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Poll<Result<(), Error>> {
        let mut done = (0, 0);
        let worked = self.poll_each(cx, acks, &mut done);
        if done.0 > 0
            && let Some(all) = &self.all
        {
            self.here = (self.here.0 - done.0, self.here.1 - done.1);
            all.sub(done.0, done.1);
        }
        worked
    }

    /// Counts the message that is done.
    fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
        done: &mut (usize, usize),
    ) -> Poll<Result<(), Error>> {
        loop {
            if let (Some(message), Some(working)) = (&self.current, &mut self.working) {
                let worked = ready!(working.poll(cx));
                *done = (done.0 + 1, done.1 + message.weight());
                match worked {
                    Ok(()) if !self.deferral.is_deferred() => acks.extend(message.id()),
                    Ok(()) => {}
                    Err(error) => refuse(&self.refuse, message.clone(), error),
                }
                self.current = None;
            }
            let Some(message) = self.waiting.pop_front() else {
                return Poll::Ready(Ok(()));
            };
            let current = message.clone();
            let mut request = Some(message);
            // A message on which a layer panics is refused, and the others go on.
            let called = match catch(LAYER, || self.shared.poll_call(cx, &mut request)) {
                Ok(called) => called,
                Err(panicked) => {
                    *done = (done.0 + 1, done.1 + current.weight());
                    refuse(&self.refuse, current, panicked.into());
                    continue;
                }
            };
            if let Some(message) = request {
                self.waiting.push_front(message);
            }
            let future = ready!(called).map_err(Error::from_boxed)?;
            self.current = Some(current);
            let future = async { future.await.map(drop).map_err(Into::into) };
            let future = caught(LAYER, future);
            let future = async { future.await.unwrap_or_else(|panicked| Err(panicked.into())) };
            match &mut self.working {
                Some(working) => working.set(future),
                working => *working = Some(ReusableBoxFuture::new(future)),
            }
        }
    }
}

impl<R> Intake for ServiceIntake<R>
where
    R: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        // `poll_work` wakes the session when it has gone on.
        match self.is_idle() {
            true => self.poll_room(cx, Limits { items: 0, bytes: 0 }),
            false => Poll::Pending,
        }
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        self.poll_room(cx, Inbox::LAST)
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        if let Some(all) = &self.all {
            let (items, bytes) = (batch.len(), batch.iter().map(Weight::weight).sum());
            all.add(items, bytes);
            self.here = (self.here.0 + items, self.here.1 + bytes);
        }
        if let Some(certificate) = &self.certificate {
            for message in batch.iter_mut() {
                message.set_certificate(certificate.clone());
            }
        }
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

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The connection for an acknowledgement is gone.
        self.poll_all(cx, &mut VecDeque::new())
    }
}

impl<R> ServiceIntake<R> {
    fn poll_room(&self, cx: &mut Context<'_>, more: Limits) -> Poll<Result<Limits, Error>> {
        let room = self.all.as_ref().map(|all| all.poll_room(cx, more));
        room.unwrap_or(Poll::Ready(Limits {
            items: usize::MAX,
            bytes: usize::MAX,
        }))
        .map(Ok)
    }
}

/// The name of this code in the report of a panic.
const LAYER: &str = "a layer";

/// A function that panics would end the connection, or the process if it panics during
/// another panic.
fn refuse(refuse: &Refuse, message: Delivery, error: BoxError) {
    let told = catch("the function that hears of refused messages", || {
        refuse(message, error);
    });
    if let Err(panicked) = told {
        note(&panicked);
    }
}

/// Messages that the service has not handled are not lost in silence.
impl<R> Drop for ServiceIntake<R> {
    fn drop(&mut self) {
        let current = self.current.take();
        for message in current.into_iter().chain(self.waiting.drain(..)) {
            refuse(&self.refuse, message, Error::new(ErrorKind::Closed).into());
        }
        if let Some(all) = &self.all {
            all.sub(self.here.0, self.here.1);
        }
    }
}

impl<R> fmt::Debug for ServiceIntake<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceIntake")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Handling what arrives with a service.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use aiomsg_core::{BoxError, Delivery, DropReason, Error, ErrorKind, Outbound, Reply};
use aiomsg_layers::shared::{catch, caught, panicked};
use tokio::task::{Id, JoinError, JoinSet};
use tower::Service;

use super::Socket;
use crate::builder::SendService;
use crate::engine::events::say;
use crate::engine::explain;

impl<S: SendService + Send> Socket<S> {
    /// Handles each message that arrives with a [`tower::Service`] of
    /// [`Delivery`], until the socket is closed: the server's side of a socket.
    ///
    /// - A number of messages is handled at once, each in a task of its own:
    ///   [`concurrency`](Serve::concurrency). While so many are, or the service
    ///   is not ready, no more is taken, and back pressure reaches the peers.
    /// - What the service returns is sent back to the peer that asked, through
    ///   the layers of the send path: see [`Reply`]. The reply has its turn
    ///   when the peer's queue has room, and the message counts as being
    ///   handled until then.
    /// - A message that asks for it is acknowledged when the service has
    ///   returned `Ok`, and its reply is accepted. One that it refuses, or in
    ///   which it panics, is not acknowledged, and an
    ///   [`Event::Refused`](crate::Event::Refused) tells of it.
    ///
    /// This turns the socket to [`AckMode::Handled`](crate::AckMode::Handled)
    /// from the call on. A socket that is bound or connected before it is
    /// served is to be built with that mode, or it acknowledges what arrives in
    /// between.
    ///
    /// ```
    /// use aiomsg::{AckMode, Delivery, Error, Socket};
    /// use tower::service_fn;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let shout = service_fn(|message: Delivery| async move {
    ///     Ok::<_, Error>(message.payload().to_ascii_uppercase())
    /// });
    /// let server = Socket::builder().ack_mode(AckMode::Handled).build()?;
    /// let endpoint = server.bind("127.0.0.1:0").await?;
    /// let serving = tokio::spawn(server.serve(shout).concurrency(16).into_future());
    /// # use std::future::IntoFuture;
    ///
    /// let client = Socket::new()?;
    /// client.connect(endpoint)?;
    /// client.send("hello").await?;
    /// assert_eq!(client.recv().await?, "HELLO");
    ///
    /// server.close(std::time::Duration::from_secs(1)).await;
    /// serving.await.unwrap()?;
    /// # Ok(()) }
    /// ```
    pub fn serve<H>(&self, handler: H) -> Serve<S, H>
    where
        H: Service<Delivery>,
    {
        self.inner.engine.deferral.defer();
        Serve {
            socket: self.clone(),
            handler,
            concurrency: DEFAULT_CONCURRENCY,
            shutdown: Box::pin(std::future::pending()),
        }
    }
}

const DEFAULT_CONCURRENCY: usize = 64;

/// A socket whose messages are handled by a service. See [`Socket::serve`].
///
/// Awaiting it serves: `Ok` when the socket is closed or a shutdown was asked
/// for, and all that was begun is done.
///
/// # Errors
///
/// When the handler fails to become ready: that is final, and so is a panic as
/// it is asked. The message that waited for it is refused, and a line at WARN
/// says that nothing is handled any more. The same is said when the shutdown
/// signal panics, and what was begun is finished before that.
///
/// # Cancel safety
///
/// When the future is dropped, what is being handled is ended, and an
/// [`Event::Refused`](crate::Event::Refused) tells of each message: none of
/// these is acknowledged.
#[must_use = "nothing is handled unless it is awaited"]
pub struct Serve<S, H> {
    socket: Socket<S>,
    handler: H,
    concurrency: usize,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S, H> Serve<S, H> {
    /// How many messages are handled at once, at least 1. Default: 64.
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages.max(1);
        self
    }

    /// When `signal` is ready, takes no more messages, finishes those that it
    /// has begun, sends their replies, and is done. What is in the inbox stays
    /// there. The socket is to be closed afterwards.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.shutdown = Box::pin(signal);
        self
    }
}

impl<S, H> IntoFuture for Serve<S, H>
where
    S: SendService + Send,
    H: Service<
            Delivery,
            Response: Reply + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send
        + 'static,
{
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S, H> Serve<S, H>
where
    S: SendService + Send,
    H: Service<
            Delivery,
            Response: Reply + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        >,
{
    async fn run(self) -> Result<(), Error> {
        let Self {
            socket,
            mut handler,
            concurrency,
            mut shutdown,
        } = self;
        let mut running = Running::new(socket.clone());
        let mut taken = Taken::new(socket);
        let mut shutdown = pin!(caught("the shutdown signal", &mut shutdown));
        let mut result = Ok(());
        loop {
            tokio::select! {
                biased;
                signal = &mut shutdown => {
                    result = signal;
                    break;
                }
                Some(()) = running.next(), if !running.tasks.is_empty() => {}
                // One more, if there is room for it.
                called = taken.hand_to(&mut handler),
                    if running.tasks.len() < concurrency =>
                {
                    match called {
                        Ok(Some((message, handling))) => running.spawn(message, handling),
                        Ok(None) => break,
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                }
            }
        }
        if let Err(error) = &result {
            say(|| tracing::warn!(%error, "serving ends: no message is handled any more"));
        }
        while running.next().await.is_some() {}
        result
    }
}

/// A message that was taken out of the inbox, and for which the handler is not
/// yet ready.
///
/// It is taken first: a handler that is made ready reserves something, a permit
/// perhaps that others want, and is to be called with no delay.
struct Taken<S> {
    socket: Socket<S>,
    message: Option<Delivery>,
}

impl<S> Taken<S> {
    fn new(socket: Socket<S>) -> Self {
        Self {
            socket,
            message: None,
        }
    }

    /// Takes a message, and calls the handler with it when that is ready.
    /// `None`: the socket is closed. Dropped before that, the message stays
    /// here.
    async fn hand_to<H>(&mut self, handler: &mut H) -> Result<Option<Called<H>>, Error>
    where
        H: Service<Delivery, Error: Into<BoxError>>,
    {
        if self.message.is_none() {
            self.message = poll_fn(|cx| self.socket.inner.poll_recv(cx)).await;
        }
        if self.message.is_none() {
            return Ok(None);
        }
        let ready = poll_fn(|cx| match catch(HANDLER, || handler.poll_ready(cx)) {
            Ok(ready) => ready.map_err(explain),
            Err(panicked) => Poll::Ready(Err(panicked)),
        });
        if let Err(error) = ready.await {
            if let Some(message) = self.message.take() {
                self.socket.refuse(message, not_ready(&error));
            }
            return Err(error);
        }
        Ok(self.message.take().map(|message| {
            // A message on which the handler panics must not take the others
            // along, wherever it does that: here, or in its future.
            let called = catch(HANDLER, || handler.call(message.clone()));
            (message, called)
        }))
    }
}

/// What is said to have panicked.
const HANDLER: &str = "the handler";

/// The error is the caller's of [`Socket::serve`], and its text is the reason
/// why a message was not handled.
fn not_ready(error: &Error) -> Error {
    Error::new(error.kind()).with_reason(format!("the handler is not ready: {error}"))
}

/// A message, and what the handler makes of it; an error if it panicked.
type Called<H> = (Delivery, Result<<H as Service<Delivery>>::Future, Error>);

/// What was taken and not handled is not gone in silence.
impl<S> Drop for Taken<S> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.socket.refuse(message, ErrorKind::Closed.into());
        }
    }
}

/// The messages that are being handled.
struct Running<S> {
    socket: Socket<S>,
    tasks: JoinSet<Result<(), BoxError>>,
    messages: HashMap<Id, Delivery>,
}

impl<S> Running<S> {
    fn new(socket: Socket<S>) -> Self {
        Self {
            socket,
            tasks: JoinSet::new(),
            messages: HashMap::new(),
        }
    }

    /// Waits until one is done.
    async fn next(&mut self) -> Option<()> {
        let (id, result) = match self.tasks.join_next_with_id().await? {
            Ok(done) => done,
            Err(error) => (error.id(), Err(ended(error))),
        };
        let message = self.messages.remove(&id)?;
        match result {
            Ok(()) => {
                self.socket.acknowledge(&message);
            }
            Err(error) => self.socket.refuse(message, explain(error)),
        }
        Some(())
    }
}

impl<S> Socket<S> {
    fn refuse(&self, message: Delivery, error: Error) {
        self.engine().reporter.refused(message, error);
    }
}

impl<S: SendService + Send> Running<S> {
    fn spawn<R, E>(
        &mut self,
        message: Delivery,
        handling: Result<impl Future<Output = Result<R, E>> + Send + 'static, Error>,
    ) where
        R: Reply + Send + 'static,
        E: Into<BoxError>,
    {
        let asker = message.from().clone();
        let socket = self.socket.clone();
        let task = self.tasks.spawn(async move {
            let reply = caught(HANDLER, handling?).await?.map_err(Into::into)?;
            if let Some(payload) = reply.into_reply() {
                reply_to(&socket, Outbound::new(payload).to(asker)).await;
            }
            Ok(())
        });
        self.messages.insert(task.id(), message);
    }
}

/// The message was handled, whatever becomes of its reply.
async fn reply_to<S: SendService + Send>(socket: &Socket<S>, reply: Outbound) {
    if let Err(mut error) = socket.send_message(reply).await {
        say(|| tracing::debug!(%error, "a reply could not be sent"));
        if let Some(reply) = error.take_message() {
            let discard = &socket.engine().discard;
            discard.message(reply, DropReason::ReplyRefused);
        }
    }
}

fn ended(error: JoinError) -> BoxError {
    match error.try_into_panic() {
        // In making the reply, or in a destructor.
        Ok(payload) => panicked(HANDLER, payload),
        Err(error) => Error::new(ErrorKind::Layer)
            .with_reason("the handler was ended")
            .with_source(error),
    }
    .into()
}

/// What is not done is not gone in silence.
impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        for message in std::mem::take(&mut self.messages).into_values() {
            self.socket.refuse(message, ErrorKind::Closed.into());
        }
    }
}

impl<S, H> fmt::Debug for Serve<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

//! Handling received messages with a service.

pub(crate) mod handler;
#[cfg(feature = "json")]
pub(crate) mod json;
mod replies;
mod running;
mod taken;
mod unhandled;

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Delivery, Error, IntoReply};
use aiomsg_layers::shared::caught;
use tower::Service;

use super::Socket;
use crate::engine::events::say;
use crate::layer::SendService;
use handler::Handler;
use replies::Replies;
use running::Running;
use taken::Taken;

impl<S: SendService + Send> Socket<S> {
    /// Handles each received message with an async function or a [`tower::Service`] of
    /// [`Delivery`], until the socket is closed. The returned [`Serve`] is a future, to
    /// await or to spawn.
    ///
    /// - The handler handles up to [`concurrency`](Serve::concurrency) messages at once,
    ///   each in its own task. At that number, or while a service is not ready, the
    ///   socket takes no further messages, and back pressure reaches the peers.
    /// - The response goes to the sender of the message, through the layers of the send
    ///   path: see [`IntoReply`]. A reply that waits for room in its peer's queue holds up no
    ///   other peer, and does not count among the messages handled at once. While 16
    ///   replies wait for a peer, its messages are neither handled nor read.
    /// - A message that asks for it is acknowledged when the handler has returned `Ok`,
    ///   before the reply is sent. When the handler fails or panics, the message is not
    ///   acknowledged, and [`Event::Refused`](crate::Event::Refused) reports it.
    /// - A request of [`Requests`](crate::layer::Requests) that fails is answered with the
    ///   text of the error: see [`error_texts`](Serve::error_texts). One that is taken when the
    ///   handler fails to become ready, or whose handling ends with the future, is not.
    /// - A request whose sender has stopped waiting is not begun. It is acknowledged, so that
    ///   it does not come again, reported by [`Event::Refused`](crate::Event::Refused), and
    ///   counted by [`expired_messages`](crate::stats::Stats::expired_messages).
    ///
    /// The call sets the socket to [`AckMode::Handled`](crate::AckMode::Handled). Build a
    /// socket that is bound or connected before this call with that mode, or it
    /// acknowledges messages that arrive in between.
    ///
    /// ```
    /// use aiomsg::{AckMode, Delivery, Error, Socket};
    ///
    /// async fn shout(message: Delivery) -> Result<Vec<u8>, Error> {
    ///     Ok(message.payload().to_ascii_uppercase())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let server = Socket::builder().ack_mode(AckMode::Handled).build()?;
    /// let endpoint = server.bind("127.0.0.1:0").await?;
    /// let serving = tokio::spawn(server.serve(shout).concurrency(16));
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
    ///
    /// A service comes with tower's layers around it:
    ///
    /// ```
    /// use aiomsg::{Delivery, Error, Socket};
    /// use tower::{ServiceBuilder, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// # let socket = Socket::new()?;
    /// let handler = ServiceBuilder::new()
    ///     .timeout(std::time::Duration::from_secs(10))
    ///     .service(service_fn(|job: Delivery| async move {
    ///         Ok::<_, Error>(format!("{} bytes", job.payload().len()))
    ///     }));
    /// tokio::spawn(socket.serve(handler));
    /// # Ok(()) }
    /// ```
    pub fn serve<M, H>(&self, handler: H) -> Serve<S, H::Service>
    where
        H: Handler<M>,
    {
        self.inner.engine.deferral.defer();
        Serve(State::Idle(Settings {
            socket: self.clone(),
            handler: handler.into_service(),
            concurrency: DEFAULT_CONCURRENCY,
            error_texts: true,
            shutdown: Box::pin(std::future::pending()),
        }))
    }
}

const DEFAULT_CONCURRENCY: usize = 64;

/// The future of a socket that handles its messages with a service. See
/// [`Socket::serve`].
///
/// Awaiting or spawning it serves. It returns `Ok` when the socket is closed, or after the shutdown
/// signal, when all started messages are handled.
///
/// # Errors
///
/// When the handler fails, or panics, as it becomes ready. The message that waited for it
/// is refused. An error is also returned when the shutdown signal panics, after all
/// started messages are handled. In both cases a line at WARN says that no more messages
/// are handled.
///
/// # Cancel safety
///
/// Dropping the future ends the handling of started messages. None of them is
/// acknowledged, and [`Event::Refused`](crate::Event::Refused) reports each.
#[must_use = "nothing is handled unless it is awaited or spawned"]
pub struct Serve<S, H>(State<S, H>);

enum State<S, H> {
    /// Not polled so far.
    Idle(Settings<S, H>),
    Serving(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>),
    Done,
}

struct Settings<S, H> {
    socket: Socket<S>,
    handler: H,
    concurrency: usize,
    error_texts: bool,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Nothing in it is polled where it is.
impl<S, H> Unpin for Serve<S, H> {}

impl<S, H> Serve<S, H> {
    /// Sets the number of messages handled at once, at least 1. Default: 64. It has no
    /// effect after the first poll.
    pub fn concurrency(mut self, messages: usize) -> Self {
        if let State::Idle(settings) = &mut self.0 {
            settings.concurrency = messages.max(1);
        }
        self
    }

    /// Sets whether the sender of a request that fails gets the text of the handler's error,
    /// up to 1 KiB of it. Default: `true`. With `false` the text is always the same, and says
    /// only that the handler failed. The text of a panic is never sent. It has no effect after
    /// the first poll.
    ///
    /// The answer goes to senders that understand it, as `Requests` does, on connections of
    /// dialect v1. To others no answer goes.
    pub fn error_texts(mut self, sent: bool) -> Self {
        if let State::Idle(settings) = &mut self.0 {
            settings.error_texts = sent;
        }
        self
    }

    /// Stops taking messages when `signal` is ready, finishes the started ones, sends
    /// their replies, and returns. The messages in the inbox stay there. Close the socket
    /// afterwards. It has no effect after the first poll.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        if let State::Idle(settings) = &mut self.0 {
            settings.shutdown = Box::pin(signal);
        }
        self
    }
}

impl<S, H> Future for Serve<S, H>
where
    S: SendService + Send,
    H: Service<
            Delivery,
            Response: IntoReply + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send
        + 'static,
{
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Idle(_) = &self.0
            && let State::Idle(settings) = std::mem::replace(&mut self.0, State::Done)
        {
            self.0 = State::Serving(Box::pin(settings.serve()));
        }
        let State::Serving(serving) = &mut self.0 else {
            // It was ready before.
            return Poll::Pending;
        };
        let served = serving.as_mut().poll(cx);
        if served.is_ready() {
            self.0 = State::Done;
        }
        served
    }
}

impl<S, H> Settings<S, H>
where
    S: SendService + Send,
    H: Service<
            Delivery,
            Response: IntoReply + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        >,
{
    async fn serve(self) -> Result<(), Error> {
        let Self {
            socket,
            mut handler,
            concurrency,
            error_texts,
            mut shutdown,
        } = self;
        let replies = Replies::default();
        let mut running = Running::new(socket.clone(), replies.clone(), error_texts);
        let mut taken = Taken::new(socket, replies.clone());
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
                // It makes room, too.
                () = replies.more() => {}
                // One more, if there is room for it.
                called = taken.hand_to(&mut handler),
                    if running.len() < concurrency =>
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
            say(
                || tracing::warn!(error = %error.chain(), "serving ends: no message is handled any more"),
            );
        }
        while running.next().await.is_some() {}
        result
    }
}

/// The subject of the panic in errors.
const HANDLER: &str = "the handler";

impl<S> Socket<S> {
    fn refuse(&self, message: Delivery, error: Error) {
        self.engine().reporter.refused(message, error);
    }
}

impl<S, H> fmt::Debug for Serve<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut serve = f.debug_struct("Serve");
        if let State::Idle(settings) = &self.0 {
            serve.field("concurrency", &settings.concurrency);
        }
        serve.finish_non_exhaustive()
    }
}

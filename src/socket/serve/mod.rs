//! Handling what arrives with a service.

mod replies;
mod running;
mod taken;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};

use aiomsg_core::{BoxError, Delivery, Error, Reply};
use aiomsg_layers::shared::caught;
use tower::Service;

use super::Socket;
use crate::builder::SendService;
use crate::engine::events::say;
use replies::Replies;
use running::Running;
use taken::Taken;

impl<S: SendService + Send> Socket<S> {
    /// Handles each message that arrives with a [`tower::Service`] of
    /// [`Delivery`], until the socket is closed: the server's side of a socket.
    ///
    /// - A number of messages is handled at once, each in a task of its own:
    ///   [`concurrency`](Serve::concurrency). While so many are, or the service
    ///   is not ready, no more is taken, and back pressure reaches the peers.
    /// - What the service returns is sent back to the peer that asked, through
    ///   the layers of the send path: see [`Reply`]. A reply that has to wait
    ///   for room in its peer's queue holds up no other peer: it is not among
    ///   the messages that are handled at once, and while 16 wait for a peer, no
    ///   more of its messages are handled, nor read.
    /// - A message that asks for it is acknowledged when the service has
    ///   returned `Ok`, before its reply is sent. One that it refuses, or in
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
        let replies = Replies::default();
        let mut running = Running::new(socket.clone(), replies.clone());
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
            say(|| tracing::warn!(error = %error.chain(), "serving ends: no message is handled any more"));
        }
        while running.next().await.is_some() {}
        result
    }
}

/// What is said to have panicked.
const HANDLER: &str = "the handler";

impl<S> Socket<S> {
    fn refuse(&self, message: Delivery, error: Error) {
        self.engine().reporter.refused(message, error);
    }
}

impl<S, H> fmt::Debug for Serve<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

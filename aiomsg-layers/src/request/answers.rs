use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::Delivery;
use pin_project::pin_project;
use tower::{Layer, Service};

use super::failure::Status;
use super::pending::Listener;
use super::{Requests, id};

/// Puts [`Answers`] around the receive path. Made by [`Requests::answers`].
///
/// ```
/// use aiomsg_core::{Delivery, Error, Identity};
/// use aiomsg_layers::request::Requests;
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let requests = Requests::new();
/// let recv = service_fn(|message: Delivery| async move {
///     Ok::<_, Error>(message.into_payload())
/// });
/// let mut arriving = requests.answers().layer(recv);
/// let peer = Identity::random();
///
/// let news = Delivery::new(peer.clone(), "it rains");
/// let forwarded = arriving.ready().await?.call(news).await?;
/// assert_eq!(forwarded.as_deref(), Some(&b"it rains"[..]));
///
/// // An id and a zero byte make an answer. There was no request.
/// let answer = Delivery::new(peer, "id\0it does");
/// assert_eq!(arriving.ready().await?.call(answer).await?, None);
/// assert_eq!(requests.unknown(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AnswersLayer {
    requests: Requests,
}

impl AnswersLayer {
    pub(super) fn new(requests: Requests) -> Self {
        Self { requests }
    }
}

impl<S> Layer<S> for AnswersLayer {
    type Service = Answers<S>;

    fn layer(&self, inner: S) -> Answers<S> {
        Answers {
            inner,
            listener: Listener::new(&self.requests.pending),
        }
    }
}

/// A service of received messages that takes the answers, and forwards all others. See the
/// [module](super).
///
/// A message with a zero byte among its first 64 bytes is an answer, and the bytes before
/// the zero byte are its id. An answer is never forwarded, even if no request waits for
/// it. So this is not for sockets that receive requests, or other messages that may have
/// a zero byte there.
///
/// The response is that of the inner service, or `None` for an answer.
///
/// When the last `Answers` of a table is dropped, no answer can arrive any more: the
/// requests that wait for one fail with [`Error::is_closed`](aiomsg_core::Error::is_closed).
/// So keep one as long as answers are awaited, rather than make one for each message.
///
/// It is ready when the inner service is. While that is not, answers wait too: a socket
/// must receive its other messages.
#[derive(Debug, Clone)]
pub struct Answers<S> {
    inner: S,
    listener: Listener,
}

impl<S> Answers<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Service<Delivery>> Service<Delivery> for Answers<S> {
    type Response = Option<S::Response>;
    type Error = S::Error;
    type Future = AnswersFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        let Some(end) = id::end_of_id(message.payload()) else {
            return AnswersFuture {
                inner: Some(self.inner.call(message)),
            };
        };
        let (id, answer) = (
            &message.payload()[..end],
            message.payload().slice(end + 1..),
        );
        let status = Status::of(message.headers());
        let pending = self.listener.pending();
        pending.answer(message.from(), id, status, answer);
        AnswersFuture { inner: None }
    }
}

/// The future of [`Answers`]: ready when the message is accepted.
#[derive(Debug)]
#[pin_project]
pub struct AnswersFuture<F> {
    /// `None` for an answer.
    #[pin]
    inner: Option<F>,
}

impl<F, T, E> Future for AnswersFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Option<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().inner.as_pin_mut() {
            Some(inner) => Poll::Ready(ready!(inner.poll(cx)).map(Some)),
            None => Poll::Ready(Ok(None)),
        }
    }
}

//! Functions of JSON as handlers.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Delivery, Error, ErrorKind, IntoOutcome, IntoReply};
use bytes::Bytes;
use pin_project::pin_project;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::Service;

use super::handler::Handler;
use crate::socket::json::to_json;

/// A value that travels as JSON: the argument of a [`Handler`], and its reply.
///
/// ```
/// use aiomsg::Socket;
/// use aiomsg::receive::Json;
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     pieces: u32,
/// }
///
/// async fn price(Json(order): Json<Order>) -> Result<Json<u32>, &'static str> {
///     match order.pieces {
///         0 => Err("an order has at least one piece"),
///         pieces => Ok(Json(pieces * 12)),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let server = Socket::new()?;
/// let endpoint = server.bind("127.0.0.1:0").await?;
/// tokio::spawn(server.serve(price));
///
/// let client = Socket::new()?;
/// client.connect(endpoint)?;
/// client.send(r#"{"pieces": 2}"#).await?;
/// assert_eq!(client.recv().await?, "24");
/// # Ok(()) }
/// ```
///
/// A message that is not the JSON of the argument is not handled: its error
/// ([`Error::is_payload`]) is as that of the handler.
///
/// A handler that needs the sender or the headers takes a [`Delivery`], and calls
/// [`Json::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned> Json<T> {
    /// Reads the payload of a message.
    ///
    /// # Errors
    ///
    /// [`Error::is_payload`] when it is not the JSON of such a value; the source says where.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(payload).map(Self).map_err(|error| {
            Error::new(ErrorKind::Payload)
                .with_reason("the message is not the json of the handler")
                .with_source(error)
        })
    }
}

/// A value without a form in JSON is no reply: the message counts as not handled.
impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Option<Bytes> {
        self.try_into_reply().ok().flatten()
    }

    fn try_into_reply(self) -> Result<Option<Bytes>, BoxError> {
        Ok(Some(to_json(&self.0)?.into()))
    }
}

/// Says that a [`Handler`] is a function of [`Json`].
pub struct AsJson<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for AsJson<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsJson")
    }
}

#[diagnostic::do_not_recommend]
impl<F, T, O> Handler<AsJson<T>> for F
where
    F: FnMut(Json<T>) -> O,
    T: DeserializeOwned,
    O: Future<Output: IntoOutcome>,
{
    type Service = JsonFn<F, T>;

    fn into_service(self) -> JsonFn<F, T> {
        JsonFn(self, PhantomData)
    }
}

// ===== JsonFn =====

/// An async function of [`Json`] as a service of messages. It is always ready.
pub struct JsonFn<F, T>(F, PhantomData<fn(T)>);

impl<F, T, O> Service<Delivery> for JsonFn<F, T>
where
    F: FnMut(Json<T>) -> O,
    T: DeserializeOwned,
    O: Future<Output: IntoOutcome>,
{
    type Response = <O::Output as IntoOutcome>::Reply;
    type Error = BoxError;
    type Future = JsonFuture<O>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Delivery) -> JsonFuture<O> {
        JsonFuture(match Json::parse(message.payload()) {
            Ok(value) => Stage::Handling((self.0)(value)),
            Err(error) => Stage::Refused(Some(error)),
        })
    }
}

impl<F: Clone, T> Clone for JsonFn<F, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F, T> fmt::Debug for JsonFn<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonFn")
    }
}

/// The future of [`JsonFn`].
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct JsonFuture<O>(#[pin] Stage<O>);

#[derive(Debug)]
#[pin_project(project = StageProject)]
enum Stage<O> {
    Handling(#[pin] O),
    Refused(Option<Error>),
}

impl<O: Future<Output: IntoOutcome>> Future for JsonFuture<O> {
    type Output = Result<<O::Output as IntoOutcome>::Reply, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StageProject::Handling(handling) => {
                let outcome = ready!(handling.poll(cx)).into_outcome();
                Poll::Ready(outcome.map_err(Into::into))
            }
            // Polled again after it was ready: there is nothing to wait for.
            StageProject::Refused(error) => error
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error.into()))),
        }
    }
}

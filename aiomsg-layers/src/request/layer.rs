use tower::Layer;

use super::{Request, Requests};

/// Puts [`Request`] around a service that sends messages. Made by
/// [`Requests::layer`].
///
/// ```
/// use aiomsg_core::{Delivery, Error, Identity, Outbound};
/// use aiomsg_layers::request::{ReplyLayer, Requests};
/// use bytes::Bytes;
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let requests = Requests::new();
///
/// // The receive path. In a socket: `.receive_layer(requests.answers())`.
/// let recv = service_fn(|_: Delivery| async { Ok::<_, Error>(()) });
/// let arriving = requests.answers().layer(recv);
///
/// // A peer that answers in capitals.
/// let capitals = ReplyLayer::new().layer(service_fn(|payload: Bytes| async move {
///     Ok::<_, Error>(payload.to_ascii_uppercase())
/// }));
///
/// // The send path. Here a request goes straight to the peer, and its answer back.
/// let peer = Identity::random();
/// let sending = service_fn(move |request: Outbound| {
///     let (peer, capitals, arriving) = (peer.clone(), capitals.clone(), arriving.clone());
///     async move {
///         let request = Delivery::new(peer.clone(), request.into_payload());
///         let answer = capitals.oneshot(request).await?;
///         arriving.oneshot(Delivery::new(peer, answer)).await
///     }
/// });
///
/// let mut ask = requests.layer().layer(sending);
/// let answer = ask.ready().await?.call("hello".into()).await?;
/// assert_eq!(answer, "HELLO");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RequestLayer {
    requests: Requests,
}

impl RequestLayer {
    pub(super) fn new(requests: Requests) -> Self {
        Self { requests }
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = Request<S>;

    fn layer(&self, inner: S) -> Request<S> {
        Request::new(inner, self.requests.clone())
    }
}

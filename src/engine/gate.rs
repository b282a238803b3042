//! The dial and accept paths: byte streams through their layers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Error};
use aiomsg_layers::shared::{Shared, caught};
use aiomsg_transport::Io;
use tower::Service;

/// A service that makes byte streams, for all tasks of a socket. It is boxed, as there is
/// one call for each connection.
pub(crate) type Gate<R> = Arc<dyn Open<R>>;

type Opening = Pin<Box<dyn Future<Output = Result<Io, BoxError>> + Send>>;

pub(crate) trait Open<R>: Send + Sync {
    fn poll_open(
        &self,
        cx: &mut Context<'_>,
        request: &mut Option<R>,
    ) -> Poll<Result<Opening, BoxError>>;
}

impl<S, R> Open<R> for Shared<S>
where
    S: Service<R, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + Send,
{
    fn poll_open(
        &self,
        cx: &mut Context<'_>,
        request: &mut Option<R>,
    ) -> Poll<Result<Opening, BoxError>> {
        self.poll_call(cx, request).map(|called| {
            let opening = called?;
            let opening: Opening = Box::pin(async { opening.await.map_err(Into::into) });
            Ok(opening)
        })
    }
}

pub(crate) fn gate<S, R>(service: S) -> Gate<R>
where
    S: Service<R, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + Send + 'static,
{
    Arc::new(Shared::new(service))
}

/// Waits until the gate is ready, and calls it.
///
/// A layer that panics fails. The dial task would end otherwise, and with it all
/// reconnecting.
pub(crate) async fn open<R>(
    gate: &Gate<R>,
    request: R,
) -> Result<impl Future<Output = Result<Io, BoxError>> + use<R>, BoxError> {
    let mut request = Some(request);
    let opening = poll_fn(|cx| gate.poll_open(cx, &mut request));
    let opening = flat(caught(LAYER, opening).await)?;
    Ok(async { flat(caught(LAYER, opening).await) })
}

/// The subject of the panic in errors.
pub(crate) const LAYER: &str = "a layer";

/// Flattens the result of a future that may have panicked.
pub(super) fn flat<T>(result: Result<Result<T, BoxError>, Error>) -> Result<T, BoxError> {
    result.unwrap_or_else(|panicked| Err(panicked.into()))
}

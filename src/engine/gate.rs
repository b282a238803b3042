//! How byte streams come: through the layers of the dial and accept paths.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Error, ErrorKind};
use aiomsg_layers::shared::Shared;
use aiomsg_transport::Io;
use pin_project::pin_project;
use tower::Service;

/// A service that makes byte streams, for all tasks of a socket. Boxed: there
/// is one call for each connection.
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
/// A layer that panics fails: the task that dials would end, and nobody would
/// ever connect again.
pub(crate) async fn open<R>(
    gate: &Gate<R>,
    request: R,
) -> Result<impl Future<Output = Result<Io, BoxError>> + use<R>, BoxError> {
    let mut request = Some(request);
    let opening = caught(poll_fn(|cx| gate.poll_open(cx, &mut request))).await?;
    Ok(caught(opening))
}

/// A future that fails where it would panic.
pub(super) fn caught<F, T>(future: F) -> Caught<F>
where
    F: Future<Output = Result<T, BoxError>>,
{
    Caught(future)
}

/// What [`caught`] returns: no larger than the future in it.
#[pin_project]
pub(super) struct Caught<F>(#[pin] F);

impl<F, T> Future for Caught<F>
where
    F: Future<Output = Result<T, BoxError>>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().0;
        match catch(|| future.poll(cx)) {
            Ok(polled) => polled,
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

/// Fails where `call` panics.
pub(super) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call))
        .map_err(|_| Error::new(ErrorKind::Layer).with_reason("a layer panicked"))
}

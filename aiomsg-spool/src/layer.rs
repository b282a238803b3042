//! The spool as a layer of the send path.

use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Error, Outbound};
use tokio::task::AbortHandle;
use tower::{Layer, Service};

use crate::Spool;
use crate::appending::Appending;

/// Stores each message before it is sent. See the [crate](crate).
///
/// It belongs outside of at-least-once, which is where `SocketBuilder::layer` puts it. The
/// messages of one spool go out through one service: a second one of this layer sends
/// nothing, and says so in the log.
#[derive(Debug, Clone)]
pub struct SpoolLayer {
    spool: Spool,
}

impl SpoolLayer {
    pub(crate) fn new(spool: Spool) -> Self {
        Self { spool }
    }
}

impl<S> Layer<S> for SpoolLayer
where
    S: Service<Outbound> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Service = SpoolService;

    fn layer(&self, inner: S) -> SpoolService {
        let front = self.spool.front();
        let draining = match self.spool.drainer(inner) {
            Ok(drainer) => {
                let task = front.runtime().spawn(async move {
                    if let Err(error) = drainer.run().await {
                        tracing::error!(error = %Error::from(error).chain(), "nothing more is sent from a spool");
                    }
                });
                Some(Arc::new(Draining(task.abort_handle())))
            }
            Err(error) => {
                tracing::error!(%error, "a spool stores messages for a socket, and sends none");
                None
            }
        };
        SpoolService {
            spool: self.spool.clone(),
            _draining: draining,
        }
    }
}

/// A service that stores messages. Its response says that a message is as durable as the
/// spool makes it or, with [`until_acked`](Outbound::until_acked), that it is acknowledged.
#[derive(Debug, Clone)]
pub struct SpoolService {
    spool: Spool,
    /// The service inside, which sends them, ends with this one.
    _draining: Option<Arc<Draining>>,
}

#[derive(Debug)]
struct Draining(AbortHandle);

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Service<Outbound> for SpoolService {
    type Response = ();
    type Error = Error;
    type Future = Appending;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.spool.front().poll_room(cx).map_err(Error::from)
    }

    fn call(&mut self, message: Outbound) -> Appending {
        self.spool.send(message)
    }
}

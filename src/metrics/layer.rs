use std::fmt;
use std::sync::Arc;

use aiomsg_core::{BoxError, Error, ErrorKind};
use metrics::{Counter, Histogram, IntoLabels, Label};
use tower::Layer;

use super::catalogue::{LAYER_BYTES, LAYER_CALL, LAYER_ERRORS, LAYER_MESSAGES};
use super::registry::Registry;
use super::{Metrics, describe};
use crate::engine::explain;

/// Counts messages, bytes and errors, and records how long the calls below it take.
///
/// | it stands | made by | the time of a call |
/// |---|---|---|
/// | in [`SocketBuilder::layer`](crate::SocketBuilder::layer) | [`send`](Self::send) | until the message is accepted or, for one that waits for it, acknowledged |
/// | in [`SocketBuilder::receive_layer`](crate::SocketBuilder::receive_layer) | [`receive`](Self::receive) | until the layers below and the inbox have taken it |
/// | around a handler of [`Socket::serve`](crate::Socket::serve) | [`receive`](Self::receive) | until it is handled |
///
/// Up to 10,000 calls a second are timed, and beyond that one in 64: the histogram is a sample
/// then. The counters count all. In such a flood they are some 10 ms late, as a task of the
/// runtime hands them on; no count is lost when the layer or the runtime ends. A call that is
/// dropped before its end is counted as a message,
/// and neither as an error nor in the histogram.
///
/// The error of the service is an [`Error`]. One that is of another type becomes its source.
///
/// ```
/// use aiomsg::metrics::MetricsLayer;
/// use aiomsg::{Delivery, Error, Socket};
/// use tower::{ServiceBuilder, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::builder().layer(MetricsLayer::send()).build()?;
/// let handler = ServiceBuilder::new()
///     .layer(MetricsLayer::receive())
///     .service(service_fn(|job: Delivery| async move {
///         Ok::<_, Error>(format!("{} bytes", job.payload().len()))
///     }));
/// tokio::spawn(socket.serve(handler));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MetricsLayer {
    handles: Arc<Handles>,
}

/// Which messages a [`MetricsLayer`] measures: its label `direction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// Messages to send.
    Send,
    /// Received messages.
    Receive,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

impl MetricsLayer {
    /// A layer for the send path, with handles from the current recorder.
    pub fn send() -> Self {
        Self::with_labels(Direction::Send, Vec::new())
    }

    /// A layer for the receive path or a handler, with handles from the current recorder.
    pub fn receive() -> Self {
        Self::with_labels(Direction::Receive, Vec::new())
    }

    /// A layer whose series have further labels, which tell the sockets of a program apart:
    ///
    /// ```
    /// use aiomsg::metrics::{Direction, MetricsLayer};
    ///
    /// let layer = MetricsLayer::with_labels(Direction::Send, &[("socket", "jobs")]);
    /// ```
    pub fn with_labels(direction: Direction, labels: impl IntoLabels) -> Self {
        describe();
        let mut labels = labels.into_labels();
        labels.push(Label::from_static_parts("direction", direction.name()));
        let registry = Registry::new(labels);
        let errors = ErrorKind::ALL.iter();
        Self {
            handles: Arc::new(Handles {
                messages: registry.counter(&LAYER_MESSAGES, []),
                bytes: registry.counter(&LAYER_BYTES, []),
                seconds: registry.histogram(&LAYER_CALL, []),
                errors: errors
                    .map(|it| registry.counter(&LAYER_ERRORS, [("reason", it.name())]))
                    .collect(),
            }),
        }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics::new(inner, Arc::clone(&self.handles))
    }
}

/// The handles of a layer, looked up once.
pub(super) struct Handles {
    pub(super) messages: Counter,
    pub(super) bytes: Counter,
    pub(super) seconds: Histogram,
    /// By the kind of the error.
    errors: Box<[Counter]>,
}

impl Handles {
    /// Counts an error by its kind, and returns it.
    #[cold]
    pub(super) fn failed(&self, error: impl Into<BoxError>) -> Error {
        let error = explain(error);
        if let Some(counter) = self.errors.get(error.kind() as usize) {
            counter.increment(1);
        }
        error
    }
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}

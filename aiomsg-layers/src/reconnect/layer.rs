use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::service::Report;
use super::{Delay, Failure, Reconnect, exponential};

/// Puts [`Reconnect`] around a service of endpoints.
///
/// ```
/// use aiomsg_layers::ReconnectLayer;
/// use std::time::Duration;
///
/// let layer = ReconnectLayer::new()
///     .delay(|failures| Duration::from_millis(100) * (failures + 1))
///     .on_failure(|failure| eprintln!("{}: {}", failure.endpoint, failure.error));
/// ```
#[derive(Clone)]
pub struct ReconnectLayer {
    pub(super) delay: Delay,
    pub(super) good_after: Duration,
    pub(super) report: Report,
}

impl ReconnectLayer {
    /// The first delay: about 0.1 s.
    pub const FIRST_DELAY: Duration = Duration::from_millis(100);

    /// The longest delay: 10 s.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(10);

    /// How long a connection must last to reset the delay: 1 s.
    pub const GOOD_AFTER: Duration = Duration::from_secs(1);

    /// Reconnecting with [`exponential`] delays from 0.1 s to 10 s.
    pub fn new() -> Self {
        Self {
            delay: exponential(Self::FIRST_DELAY, Self::LONGEST_DELAY),
            good_after: Self::GOOD_AFTER,
            report: Arc::new(|_| {}),
        }
    }

    /// Sets the delay, as a function of the number of failed tries in a row.
    ///
    /// A panic of the function is reported as a failure, and the usual delay is used.
    #[must_use]
    pub fn delay(self, delay: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        self.shared_delay(Arc::new(delay))
    }

    /// Sets the delay, by a shared function.
    #[must_use]
    pub fn shared_delay(mut self, delay: Delay) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how long a connection must last to reset the delay.
    #[must_use]
    pub fn good_after(mut self, good_after: Duration) -> Self {
        self.good_after = good_after;
        self
    }

    /// Sets a function to call for each failed try. It must not block. A panic of it is
    /// logged.
    #[must_use]
    pub fn on_failure(mut self, report: impl Fn(Failure<'_>) + Send + Sync + 'static) -> Self {
        self.report = Arc::new(report);
        self
    }
}

impl Default for ReconnectLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ReconnectLayer {
    type Service = Reconnect<S>;

    fn layer(&self, inner: S) -> Reconnect<S> {
        Reconnect::new(inner, self.clone())
    }
}

impl fmt::Debug for ReconnectLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectLayer")
            .field("good_after", &self.good_after)
            .finish_non_exhaustive()
    }
}

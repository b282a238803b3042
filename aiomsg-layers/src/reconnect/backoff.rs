use std::sync::Arc;
use std::time::Duration;

/// The delay after a number of failed tries in a row; 0 is the first.
pub type Delay = Arc<dyn Fn(u32) -> Duration + Send + Sync>;

/// Doubles the delay after each try, from `first` up to `most`. A random part of up to
/// a half is taken off each time, so that peers of one lost server do not come back in
/// step.
///
/// ```
/// use aiomsg_layers::reconnect::exponential;
/// use std::time::Duration;
///
/// let delay = exponential(Duration::from_millis(100), Duration::from_secs(10));
/// assert!((50..=100).contains(&delay(0).as_millis()));
/// assert!((100..=200).contains(&delay(1).as_millis()));
/// assert!((5..=10).contains(&delay(1_000_000).as_secs()));
/// ```
pub fn exponential(first: Duration, most: Duration) -> Delay {
    Arc::new(move |failures| {
        let factor = 2u32.checked_pow(failures).unwrap_or(u32::MAX);
        let delay = first.saturating_mul(factor).min(most);
        delay.mul_f64(1.0 - fastrand::f64() / 2.0)
    })
}

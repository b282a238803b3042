//! How long the sender of a request waits, as a header.

use std::time::Duration;

use aiomsg_core::Headers;
use tokio::time::Instant;

use super::names::DEADLINE;
use crate::time::bounded;

/// The value of the header. It is rounded up, so that no request is dropped too early.
pub(super) fn value(timeout: Duration) -> String {
    timeout
        .as_nanos()
        .div_ceil(1_000_000)
        .clamp(1, u128::from(u64::MAX))
        .to_string()
}

/// When the sender of a message that arrives now stops waiting. A value that is no number
/// says nothing.
pub(crate) fn of_arriving(headers: &Headers) -> Option<Instant> {
    let value = headers.get(DEADLINE)?;
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let left = Duration::from_millis(value.parse().ok()?);
    Some(Instant::now() + bounded(left))
}

/// Whether a [deadline](aiomsg_core::Delivery::deadline) has passed.
pub fn is_over(deadline: std::time::Instant) -> bool {
    deadline <= Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Duration> {
        let mut headers = Headers::new();
        headers.insert(DEADLINE, value).unwrap();
        of_arriving(&headers).map(|at| at - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_whole_milliseconds_rounded_up() {
        for (timeout, written) in [
            (Duration::ZERO, "1"),
            (Duration::from_nanos(1), "1"),
            (Duration::from_millis(30_000), "30000"),
            (Duration::from_micros(1_001), "2"),
            (Duration::MAX, "18446744073709551615"),
        ] {
            assert_eq!(value(timeout), written);
        }
        assert_eq!(read("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(read("0"), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_is_no_number_says_nothing() {
        for value in ["", "+5", "-1", "1.5", "5 ", "99999999999999999999", "soon"] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(of_arriving(&Headers::new()), None);
    }

    /// Adding it to the present overflowed.
    #[tokio::test(start_paused = true)]
    async fn the_longest_time_is_bounded() {
        assert_eq!(read("18446744073709551615"), Some(bounded(Duration::MAX)));
    }
}

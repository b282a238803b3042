//! Values of options: times, sizes, rates, numbers without an end.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use tower::limit::RateLimitLayer;

use super::text::Size;

/// A time, as `500ms`, `5s` or `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("the time is zero: write 500ms, 5s or 2m".to_owned()),
        // Longer ones cannot all be added to the present.
        Ok(time) if time > LONGEST => Err("the time is longer than a year".to_owned()),
        Ok(time) => Ok(time),
        Err(_) => Err("it is no time: write 500ms, 5s or 2m".to_owned()),
    }
}

const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A number of bytes, as `65536`, `64KiB` or `1MB`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(Size(0)) => Err("the size is zero: write 65536, 64KiB or 1MB".to_owned()),
        Ok(Size(bytes)) => Ok(bytes),
        Err(_) => Err("it is no size: write 65536, 64KiB or 1MB".to_owned()),
    }
}

/// How long to wait for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Option<Duration>);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Self(None)),
            _ => duration(text)
                .map(|time| Self(Some(time)))
                .map_err(|error| format!("{error}, or forever")),
        }
    }
}

/// How often to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat(pub(crate) Option<NonZeroU64>);

impl FromStr for Repeat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(times) => Ok(Self(Some(times))),
                Err(_) => Err("it is no number above 0, and not forever".to_owned()),
            },
        }
    }
}

/// A number of messages in some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
}

/// Each wait is a little too long, by a timer's millisecond and by other work. That is
/// little beside this time, so messages at a higher rate come in groups.
const STEP: f64 = 0.1;

impl Rate {
    /// Tower's layer for this rate: one message at a time up to ten a second, and
    /// else the messages of a tenth of a second.
    pub(crate) fn layer(self) -> RateLimitLayer {
        let (messages, time) = self.groups();
        RateLimitLayer::new(messages, time)
    }

    fn groups(self) -> (u64, Duration) {
        let messages = (self.per_second * STEP).ceil().max(1.0);
        let time = Duration::from_secs_f64(messages / self.per_second);
        (messages as u64, time)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it is no rate: write 100/s, 30/m or 5/h".to_owned();
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let per_second = number / seconds;
        // Not a number fails here, too.
        match (1e-6..=1e9).contains(&per_second) {
            true => Ok(Self { per_second }),
            false => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(size("100"), Ok(100));
        for wrong in ["", "5", "-1s", "0s", "2years", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "x", "-1", "0"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!("forever".parse(), Ok(Patience(None)));
        assert!("for ever".parse::<Patience>().is_err());
    }

    #[test]
    fn a_rate_is_kept_in_groups() {
        let groups = |text: &str| text.parse::<Rate>().map(Rate::groups);
        assert_eq!(groups("2/s"), Ok((1, Duration::from_millis(500))));
        assert_eq!(groups("10"), Ok((1, Duration::from_millis(100))));
        assert_eq!(groups("1000/s"), Ok((100, Duration::from_millis(100))));
        assert_eq!(groups("6/m"), Ok((1, Duration::from_secs(10))));
        for wrong in ["", "0", "-1/s", "x/s", "5/d", "nan", "inf"] {
            assert!(groups(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn repeats_are_above_zero() {
        assert_eq!("forever".parse(), Ok(Repeat(None)));
        assert_eq!("3".parse(), Ok(Repeat(NonZeroU64::new(3))));
        assert!("0".parse::<Repeat>().is_err());
    }
}

//! The measurement.

use std::fmt::Write;

use aiomsg::Error;
use bytesize::ByteSize;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::chart;
use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::said::said;

pub(super) struct Report {
    pub(super) what: &'static str,
    pub(super) messages: u64,
    pub(super) size: usize,
    pub(super) in_flight: Option<u32>,
    pub(super) seconds: f64,
    /// Messages that did not come back, or were taken and not sent.
    pub(super) missing: u64,
    /// Messages that were not taken.
    pub(super) refused: Refusals,
    /// Messages that came and were no answers.
    pub(super) strange: u64,
    pub(super) latency: Option<Latency>,
}

/// Messages that the socket did not take, and why the first was not.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    first: Option<Error>,
}

impl Refusals {
    /// Counts it.
    ///
    /// # Errors
    ///
    /// When the socket is closed, and takes no other message either.
    pub(super) fn add(&mut self, error: Error) -> Result<(), Error> {
        if error.is_closed() {
            return Err(error);
        }
        self.count += 1;
        self.first.get_or_insert(error);
        Ok(())
    }
}

/// In nanoseconds.
pub(super) struct Latency(pub(super) Histogram<u64>);

/// The percentiles that are shown.
const SHOWN: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];

#[derive(Serialize)]
struct Json {
    what: &'static str,
    messages: u64,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<u32>,
    seconds: f64,
    messages_per_second: f64,
    bytes_per_second: f64,
    missing: u64,
    refused: u64,
    strange: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_microseconds: Option<Percentiles>,
}

#[derive(Serialize)]
struct Percentiles {
    min: f64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p99_9: f64,
    #[serde(rename = "p99.99")]
    p99_99: f64,
    max: f64,
}

impl Latency {
    fn percentiles(&self) -> Percentiles {
        let at = |percent| self.0.value_at_percentile(percent) as f64 / 1000.0;
        Percentiles {
            min: self.0.min() as f64 / 1000.0,
            mean: self.0.mean() / 1000.0,
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            p99_99: at(99.99),
            max: self.0.max() as f64 / 1000.0,
        }
    }
}

impl Report {
    fn rate(&self) -> f64 {
        match self.seconds > 0.0 {
            true => self.messages as f64 / self.seconds,
            false => 0.0,
        }
    }

    pub(super) fn tell(&self, as_json: bool) -> Outcome {
        match as_json {
            true => print::print_line(&self.json()),
            false => print::print_text(&self.text()),
        }
    }

    fn json(&self) -> Json {
        Json {
            what: self.what,
            messages: self.messages,
            size: self.size,
            in_flight: self.in_flight,
            seconds: self.seconds,
            messages_per_second: self.rate(),
            bytes_per_second: self.rate() * self.size as f64,
            missing: self.missing,
            refused: self.refused.count,
            strange: self.strange,
            latency_microseconds: self.latency.as_ref().map(Latency::percentiles),
        }
    }

    fn text(&self) -> String {
        let Self {
            what,
            messages,
            size,
            seconds,
            ..
        } = self;
        let rate = self.rate();
        let mut text = format!("{messages} {what} of {size} bytes in {seconds:.2} s");
        if let Some(in_flight) = self.in_flight {
            let _ = write!(text, ", {in_flight} in flight");
        }
        let bytes = ByteSize::b((rate * *size as f64) as u64).display().iec();
        let _ = writeln!(text, "\n{rate:.0} a second, {bytes} a second");
        if let Some(Latency(latencies)) = &self.latency
            && !latencies.is_empty()
        {
            text.push('\n');
            let mut line = |name: &str, nanos: f64| {
                let _ = writeln!(text, "{name:<7} {:>10}", chart::time(nanos));
            };
            line("min", latencies.min() as f64);
            line("mean", latencies.mean());
            for (name, percent) in SHOWN {
                line(name, latencies.value_at_percentile(percent) as f64);
            }
            line("max", latencies.max() as f64);
            text.push('\n');
            text.push_str(&chart::draw(latencies));
        }
        text
    }

    pub(super) fn outcome(&self) -> Outcome {
        let rest = self.rest();
        match &self.refused {
            Refusals {
                count,
                first: Some(first),
            } => {
                let refused = Failure::failed(format!(
                    "{count} messages were refused, the first: {}",
                    said(first)
                ));
                Err(match rest {
                    Ok(()) => refused,
                    Err(rest) => refused.but(rest),
                })
            }
            _ => rest,
        }
    }

    /// Whether the messages that were taken got through.
    fn rest(&self) -> Outcome {
        if self.missing > 0 {
            return Err(Failure::failed(match self.latency {
                Some(_) => format!(
                    "{} messages did not come back in time; does the peer answer, as aiomsg echo \
                     does?",
                    self.missing
                ),
                None => format!(
                    "{} messages were not sent, or not acknowledged",
                    self.missing
                ),
            }));
        }
        match self.messages {
            0 => Err(Failure::failed("nothing was measured; raise --duration")),
            _ => Ok(()),
        }
    }
}

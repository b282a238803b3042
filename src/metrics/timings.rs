//! The histograms that a socket fills as things happen.

use std::time::Duration;

use aiomsg_core::Dialect;
use metrics::Histogram;

use super::catalogue::{ACKNOWLEDGEMENT, HANDLING, HANDSHAKE};
use super::registry::Registry;
use crate::stats::Timings;

pub(super) struct Histograms {
    dialled: Handshakes,
    accepted: Handshakes,
    acknowledgement: Histogram,
    handling: Histogram,
}

/// By dialect.
type Handshakes = [(Dialect, Histogram); 2];

impl Histograms {
    pub(super) fn new(registry: &Registry) -> Self {
        let handshakes = |direction| {
            [(Dialect::V1, "v1"), (Dialect::V2019, "2019")].map(|(dialect, name)| {
                let labels = [("direction", direction), ("dialect", name)];
                (dialect, registry.histogram(&HANDSHAKE, labels))
            })
        };
        Self {
            dialled: handshakes("dial"),
            accepted: handshakes("accept"),
            acknowledgement: registry.histogram(&ACKNOWLEDGEMENT, []),
            handling: registry.histogram(&HANDLING, []),
        }
    }
}

impl Timings for Histograms {
    fn handshake(&self, time: Duration, dialled: bool, dialect: Dialect) {
        let handshakes = match dialled {
            true => &self.dialled,
            false => &self.accepted,
        };
        if let Some((_, histogram)) = handshakes.iter().find(|(of, _)| *of == dialect) {
            histogram.record(time);
        }
    }

    /// Once for messages that left together: recorders take each value by itself.
    fn acknowledged(&self, time: Duration, _messages: usize) {
        self.acknowledgement.record(time);
    }

    fn handled(&self, time: Duration) {
        self.handling.record(time);
    }
}

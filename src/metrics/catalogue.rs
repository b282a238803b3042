//! All metrics. `docs/observability.md` has the same table, and a test compares the two.

use metrics::{Recorder, Unit};

/// A metric, as it is described to a recorder.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    kind: Kind,
    unit: Unit,
    means: &'static str,
}

#[derive(Debug)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    const fn counter(name: &'static str, unit: Unit, means: &'static str) -> Self {
        let kind = Kind::Counter;
        Self {
            name,
            kind,
            unit,
            means,
        }
    }

    const fn gauge(name: &'static str, unit: Unit, means: &'static str) -> Self {
        let kind = Kind::Gauge;
        Self {
            name,
            kind,
            unit,
            means,
        }
    }

    const fn seconds(name: &'static str, means: &'static str) -> Self {
        let (kind, unit) = (Kind::Histogram, Unit::Seconds);
        Self {
            name,
            kind,
            unit,
            means,
        }
    }

    pub(super) fn describe(&self, recorder: &dyn Recorder) {
        let (name, unit, means) = (self.name.into(), Some(self.unit), self.means.into());
        match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, means),
            Kind::Gauge => recorder.describe_gauge(name, unit, means),
            Kind::Histogram => recorder.describe_histogram(name, unit, means),
        }
    }
}

macro_rules! catalogue {
    ($($id:ident = $metric:expr;)*) => {
        $(pub(super) const $id: Metric = $metric;)*

        pub(super) const ALL: &[Metric] = &[$($id),*];
    };
}

catalogue! {
    // ===== of a socket =====
    PEERS = Metric::gauge("aiomsg_peers", Unit::Count, "connected peers");
    INBOX = Metric::gauge(
        "aiomsg_inbox_messages",
        Unit::Count,
        "received messages that wait in the inbox",
    );
    INBOX_BYTES = Metric::gauge(
        "aiomsg_inbox_bytes",
        Unit::Bytes,
        "bytes of the messages in the inbox",
    );
    BUFFERED = Metric::gauge(
        "aiomsg_buffered_messages",
        Unit::Count,
        "messages that wait while no peer is connected",
    );
    BUFFERED_BYTES = Metric::gauge(
        "aiomsg_buffered_bytes",
        Unit::Bytes,
        "bytes of the messages that wait while no peer is connected",
    );
    UNACKNOWLEDGED = Metric::gauge(
        "aiomsg_unacknowledged_messages",
        Unit::Count,
        "unacknowledged messages",
    );
    UNACKNOWLEDGED_BYTES = Metric::gauge(
        "aiomsg_unacknowledged_bytes",
        Unit::Bytes,
        "bytes of the unacknowledged messages",
    );
    QUEUED_MESSAGES = Metric::gauge(
        "aiomsg_queued_messages",
        Unit::Count,
        "messages in the queues of all peers",
    );
    QUEUED_BYTES = Metric::gauge(
        "aiomsg_queued_bytes",
        Unit::Bytes,
        "bytes in the queues of all peers",
    );
    LONGEST_QUEUE = Metric::gauge(
        "aiomsg_longest_queue_messages",
        Unit::Count,
        "messages in the longest queue of any peer",
    );
    LONGEST_QUEUE_BYTES = Metric::gauge(
        "aiomsg_longest_queue_bytes",
        Unit::Bytes,
        "bytes in the queue of any peer that has most of them",
    );
    RECEIVED_MESSAGES = Metric::counter(
        "aiomsg_received_messages_total",
        Unit::Count,
        "received messages",
    );
    RECEIVED_BYTES =
        Metric::counter("aiomsg_received_bytes_total", Unit::Bytes, "their payloads");
    SENT_MESSAGES = Metric::counter(
        "aiomsg_sent_messages_total",
        Unit::Count,
        "messages given to a connection",
    );
    SENT_BYTES = Metric::counter("aiomsg_sent_bytes_total", Unit::Bytes, "their payloads");
    DROPPED = Metric::counter("aiomsg_dropped_messages_total", Unit::Count, "dropped messages");
    REFUSED = Metric::counter(
        "aiomsg_refused_messages_total",
        Unit::Count,
        "received messages that a layer or the handler refused",
    );
    RESENT = Metric::counter(
        "aiomsg_resent_messages_total",
        Unit::Count,
        "resends of unacknowledged messages",
    );
    HEADERLESS = Metric::counter(
        "aiomsg_headerless_messages_total",
        Unit::Count,
        "messages sent without their headers, which the 2019 dialect does not have",
    );
    CONNECTIONS = Metric::counter(
        "aiomsg_connections_total",
        Unit::Count,
        "connections made, in either direction",
    );
    FAILED_CONNECTIONS = Metric::counter(
        "aiomsg_failed_connections_total",
        Unit::Count,
        "connections that failed before they had a peer",
    );
    HANDSHAKE = Metric::seconds(
        "aiomsg_handshake_seconds",
        "the time of connecting, TLS and the handshake",
    );
    ACKNOWLEDGEMENT = Metric::seconds(
        "aiomsg_acknowledgement_seconds",
        "the time from the first leaving of a message to its acknowledgement",
    );
    HANDLING = Metric::seconds(
        "aiomsg_handling_seconds",
        "the time of the handler of a received message",
    );

    // ===== of a layer =====
    LAYER_MESSAGES = Metric::counter(
        "aiomsg_layer_messages_total",
        Unit::Count,
        "messages that have come to the layer",
    );
    LAYER_BYTES = Metric::counter("aiomsg_layer_bytes_total", Unit::Bytes, "their payloads");
    LAYER_ERRORS = Metric::counter(
        "aiomsg_layer_errors_total",
        Unit::Count,
        "calls below the layer that failed",
    );
    LAYER_CALL = Metric::seconds(
        "aiomsg_layer_call_seconds",
        "the time of a call below the layer",
    );
}

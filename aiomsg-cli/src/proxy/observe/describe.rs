//! The descriptions of the metrics.

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes the metrics. `docs/proxy.md` has the same table.
pub(super) fn describe() {
    let gauges = [
        (
            "aiomsg_proxy_info",
            "1, with the version and the mode as labels",
        ),
        ("aiomsg_proxy_state", "1 for the current state of the proxy"),
        ("aiomsg_proxy_ready", "1 if /readyz succeeds, else 0"),
        ("aiomsg_proxy_uptime_seconds", "the time since the start"),
        (
            "aiomsg_endpoints",
            "endpoints of the settings that listen or are connected (up), whose peer is connected at another of them (duplicate), or neither (down)",
        ),
        ("aiomsg_peers", "connected peers"),
        (
            "aiomsg_limit_messages",
            "the most messages that the settings allow in a place",
        ),
        (
            "aiomsg_limit_bytes",
            "the most bytes of messages that the settings allow in a place",
        ),
        (
            "aiomsg_build_info",
            "1, with the version and the oldest Rust as labels",
        ),
        (
            "aiomsg_inbox_messages",
            "received messages that wait to be forwarded",
        ),
        ("aiomsg_inbox_bytes", "bytes of the messages in the inbox"),
        (
            "aiomsg_buffered_messages",
            "messages that wait while no peer is connected",
        ),
        (
            "aiomsg_buffered_bytes",
            "bytes of the messages that wait while no peer is connected",
        ),
        ("aiomsg_unacknowledged_messages", "unacknowledged messages"),
        (
            "aiomsg_unacknowledged_bytes",
            "bytes of the unacknowledged messages",
        ),
        (
            "aiomsg_queued_messages",
            "messages in the queues of all peers",
        ),
        ("aiomsg_queued_bytes", "bytes in the queues of all peers"),
        (
            "aiomsg_longest_queue_messages",
            "messages in the longest queue of any peer",
        ),
        (
            "aiomsg_longest_queue_bytes",
            "bytes in the queue of any peer that has most of them",
        ),
        (
            "aiomsg_spool_messages",
            "stored messages that no consumer has acknowledged",
        ),
        ("aiomsg_spool_bytes", "their payloads"),
        (
            "aiomsg_spool_oldest_seconds",
            "the age of the oldest of them, or 0",
        ),
        ("aiomsg_spool_dead_messages", "messages that were set aside"),
        ("aiomsg_spool_dead_bytes", "their payloads"),
        ("aiomsg_spool_disk_bytes", "the size of the files"),
        (
            "aiomsg_spool_working",
            "1 if the spool stores messages, else 0",
        ),
    ];
    for (name, means) in gauges {
        describe_gauge!(name, Unit::Count, means);
    }
    let counters = [
        (
            "aiomsg_proxy_taken_total",
            "messages taken from a side: onward from producers, back from consumers",
        ),
        (
            "aiomsg_proxy_forwarded_total",
            "messages forwarded: the other side has accepted them or, with a spool, they are stored",
        ),
        (
            "aiomsg_proxy_unacknowledged_total",
            "unacknowledged messages, which their producers keep and send again",
        ),
        (
            "aiomsg_proxy_unanswerable_total",
            "with replies, messages without a usable id",
        ),
        ("aiomsg_proxy_reloads_total", "reloads of the file"),
        (
            "aiomsg_spool_acknowledged_total",
            "stored messages that consumers have acknowledged since the start",
        ),
        (
            "aiomsg_spool_damaged_messages_total",
            "damaged messages that were set aside since the start",
        ),
        (
            "aiomsg_spool_unreadable_places_total",
            "places of stored messages that were left out since the start because their page of the file cannot be read",
        ),
        ("aiomsg_dropped_messages_total", "dropped messages"),
        ("aiomsg_received_messages_total", "received messages"),
        ("aiomsg_received_bytes_total", "their payloads"),
        (
            "aiomsg_sent_messages_total",
            "messages given to a connection",
        ),
        ("aiomsg_sent_bytes_total", "their payloads"),
        (
            "aiomsg_connections_total",
            "connections made, in either direction",
        ),
        (
            "aiomsg_failed_connections_total",
            "connections that failed before they had a peer",
        ),
    ];
    for (name, means) in counters {
        describe_counter!(name, Unit::Count, means);
    }
    describe_histogram!(
        "aiomsg_proxy_forward_seconds",
        Unit::Seconds,
        "the time of a message from the inbox until it is forwarded: of the first of each batch or, where each is acknowledged by itself, of one message in 32"
    );
}

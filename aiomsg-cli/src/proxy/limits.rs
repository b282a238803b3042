//! The limits and times of each side.

use std::time::Duration;

use aiomsg::builder::Overflow;
use aiomsg::layer::HeartbeatLayer;
use aiomsg::{Limits as Room, SocketBuilder};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::common::text::{Mode, Size, Time};

/// The limits and times of a socket. The library has the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[command(next_help_heading = "Limits, of both sides (a file can set them for each)")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Limits {
    /// The messages in the queue of one peer [default: 8192]
    #[arg(long, value_name = "COUNT")]
    queue_messages: Option<usize>,
    /// The bytes in the queue of one peer [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    queue_bytes: Option<Size>,
    /// The messages that wait while no peer is connected [default: 65536]
    #[arg(long, value_name = "COUNT")]
    buffer_messages: Option<usize>,
    /// The bytes that wait while no peer is connected [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    buffer_bytes: Option<Size>,
    /// The received messages that wait to be forwarded; beyond it their senders are
    /// held back [default: 65536]
    #[arg(long, value_name = "COUNT")]
    inbox_messages: Option<usize>,
    /// The received bytes that wait to be forwarded [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    inbox_bytes: Option<Size>,
    /// The replies that wait for absent producers [default: 65536]
    #[arg(long, value_name = "COUNT")]
    absent_messages: Option<usize>,
    /// The bytes of replies that wait for absent producers [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    absent_bytes: Option<Size>,
    /// The time that a reply waits for an absent producer [default: 60s]
    #[arg(long, value_name = "TIME")]
    absent_timeout: Option<Time>,
    /// The unacknowledged messages [default: 65536]
    #[arg(long, value_name = "COUNT")]
    unacknowledged_messages: Option<usize>,
    /// The bytes of unacknowledged messages [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    unacknowledged_bytes: Option<Size>,
    /// The time to wait for an acknowledgement before a resend [default: 5s]
    #[arg(long, value_name = "TIME")]
    ack_timeout: Option<Time>,
    /// The number of resends before a message is dropped [default: 5]
    #[arg(long, value_name = "COUNT")]
    max_resends: Option<u32>,
    /// What happens to a message when there is no room [default: wait towards the
    /// backend, refuse-newest towards the frontend]
    #[arg(long, value_name = "POLICY")]
    overflow: Option<OverflowArg>,
    /// The largest message; a peer that sends a larger one is disconnected
    /// [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    max_message: Option<Size>,
    /// The incomplete messages of more than 64KiB, of all peers together; beyond
    /// it, the connection with the slowest message is ended [default: 256MiB, or
    /// four times max-message if that is more]
    #[arg(long, value_name = "SIZE")]
    max_incomplete_bytes: Option<Size>,
    /// The connected peers [default: 65536]
    #[arg(long, value_name = "COUNT")]
    max_peers: Option<usize>,
    /// The handshakes under way at one endpoint [default: 1024]
    #[arg(long, value_name = "COUNT")]
    max_handshakes: Option<usize>,
    /// The time for connecting, TLS and the handshake [default: 10s]
    #[arg(long, value_name = "TIME")]
    handshake_timeout: Option<Time>,
    /// The time without a message after which a heartbeat is sent [default: 5s]
    #[arg(long, value_name = "TIME")]
    heartbeat_interval: Option<Time>,
    /// The time after which a silent peer is dead [default: 15s]
    #[arg(long, value_name = "TIME")]
    heartbeat_timeout: Option<Time>,
    /// The time for a connection to show that it is alive when another one comes
    /// with its identity [default: 6s]
    #[arg(long, value_name = "TIME")]
    takeover_timeout: Option<Time>,
    /// The connections that the system queues until they are accepted
    /// [default: 4096]
    #[arg(long, value_name = "COUNT")]
    backlog: Option<u32>,
    /// The dropped and refused messages in the events that wait for the proxy; the
    /// oldest events beyond it are lost [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    event_bytes: Option<Size>,
    /// The mode of the files of Unix sockets, such as 0660: who may connect
    /// [default: set by the umask]
    #[arg(long, value_name = "MODE")]
    unix_mode: Option<Mode>,
}

/// See [`Overflow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OverflowArg {
    /// The message waits, and so do those behind it.
    Wait,
    /// The message is dropped.
    RefuseNewest,
    /// The oldest waiting messages are dropped, until there is room.
    DropOldest,
    /// All waiting messages are dropped.
    KeepNewest,
    /// The peer is disconnected, and its messages go to others.
    Disconnect,
}

impl From<OverflowArg> for Overflow {
    fn from(overflow: OverflowArg) -> Self {
        match overflow {
            OverflowArg::Wait => Self::Wait,
            OverflowArg::RefuseNewest => Self::RefuseNewest,
            OverflowArg::DropOldest => Self::DropOldest,
            OverflowArg::KeepNewest => Self::KeepNewest,
            OverflowArg::Disconnect => Self::Disconnect,
        }
    }
}

/// Does the same for every field.
macro_rules! fields {
    ($($field:ident $name:literal,)*) => {
        impl Limits {
            /// These, and where they say nothing, others.
            pub(super) fn or(&self, others: &Self) -> Self {
                Self { $($field: self.$field.or(others.$field),)* }
            }

            /// The names of those that are not the same.
            pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$field != other.$field {
                    names.push($name);
                })*
                names
            }

            /// The names of those that are set.
            pub(super) fn set(&self) -> Vec<&'static str> {
                self.differences(&Self::default())
            }
        }
    };
}

fields! {
    queue_messages "queue-messages",
    queue_bytes "queue-bytes",
    buffer_messages "buffer-messages",
    buffer_bytes "buffer-bytes",
    inbox_messages "inbox-messages",
    inbox_bytes "inbox-bytes",
    absent_messages "absent-messages",
    absent_bytes "absent-bytes",
    absent_timeout "absent-timeout",
    unacknowledged_messages "unacknowledged-messages",
    unacknowledged_bytes "unacknowledged-bytes",
    ack_timeout "ack-timeout",
    max_resends "max-resends",
    overflow "overflow",
    max_message "max-message",
    max_incomplete_bytes "max-incomplete-bytes",
    max_peers "max-peers",
    max_handshakes "max-handshakes",
    handshake_timeout "handshake-timeout",
    heartbeat_interval "heartbeat-interval",
    heartbeat_timeout "heartbeat-timeout",
    takeover_timeout "takeover-timeout",
    backlog "backlog",
    event_bytes "event-bytes",
    unix_mode "unix-mode",
}

/// The library's defaults, for pairs of which only one is set.
const PEER: Room = Room {
    items: 8192,
    bytes: 1 << 20,
};
const OTHERS: Room = Room {
    items: 65_536,
    bytes: 64 << 20,
};

/// The shortest time of the library, and its times of heartbeats.
const SHORTEST: Duration = Duration::from_millis(1);
const INTERVAL: Duration = HeartbeatLayer::INTERVAL;
const TIMEOUT: Duration = HeartbeatLayer::TIMEOUT;

fn room(items: Option<usize>, bytes: Option<Size>, default: Room) -> Room {
    Room {
        items: items.unwrap_or(default.items),
        bytes: bytes.map_or(default.bytes, |size| size.0),
    }
}

impl Limits {
    /// Names a limit that cannot work, and says why.
    ///
    /// The socket would refuse these, too, and name its own methods.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (name, time) in [
            ("ack-timeout", self.ack_timeout),
            ("handshake-timeout", self.handshake_timeout),
            ("heartbeat-interval", self.heartbeat_interval),
        ] {
            if time.is_some_and(|it| it.0 < SHORTEST) {
                return Err((
                    name,
                    "it is less than a millisecond: expected a time, such as \"5s\"".to_owned(),
                ));
            }
        }
        let interval = self.heartbeat_interval.map_or(INTERVAL, |it| it.0);
        let timeout = self.heartbeat_timeout.map_or(TIMEOUT, |it| it.0);
        if timeout <= interval {
            let name = match self.heartbeat_timeout {
                Some(_) => "heartbeat-timeout",
                None => "heartbeat-interval",
            };
            return Err((
                name,
                format!(
                    "the heartbeat timeout ({timeout:?}) must be longer than its interval \
                     ({interval:?})"
                ),
            ));
        }
        let bytes = |size: Option<Size>| size.map(|size| size.0);
        for (name, count) in [
            ("queue-messages", self.queue_messages),
            ("queue-bytes", bytes(self.queue_bytes)),
            ("buffer-messages", self.buffer_messages),
            ("buffer-bytes", bytes(self.buffer_bytes)),
            ("inbox-messages", self.inbox_messages),
            ("inbox-bytes", bytes(self.inbox_bytes)),
            ("unacknowledged-messages", self.unacknowledged_messages),
            ("unacknowledged-bytes", bytes(self.unacknowledged_bytes)),
            ("max-incomplete-bytes", bytes(self.max_incomplete_bytes)),
            ("max-peers", self.max_peers),
            ("max-handshakes", self.max_handshakes),
        ] {
            if count == Some(0) {
                return Err((name, "0 leaves no room: expected at least 1".to_owned()));
            }
        }
        Ok(())
    }

    /// The setting for messages without room.
    pub(super) fn overflow_or(&self, default: Overflow) -> Overflow {
        self.overflow.map_or(default, Into::into)
    }

    /// The room for messages by the names of their settings, set or by default: the queue
    /// of a peer, the buffer, the inbox, absent peers and unacknowledged messages.
    pub(super) fn rooms(&self) -> [(&'static str, Room); 5] {
        [
            ("queue", room(self.queue_messages, self.queue_bytes, PEER)),
            (
                "buffer",
                room(self.buffer_messages, self.buffer_bytes, OTHERS),
            ),
            ("inbox", room(self.inbox_messages, self.inbox_bytes, OTHERS)),
            (
                "absent",
                room(self.absent_messages, self.absent_bytes, OTHERS),
            ),
            (
                "unacknowledged",
                room(
                    self.unacknowledged_messages,
                    self.unacknowledged_bytes,
                    OTHERS,
                ),
            ),
        ]
    }

    /// Sets what is set.
    pub(super) fn apply(&self, builder: SocketBuilder) -> SocketBuilder {
        let [queue, buffer, inbox, absent, unacknowledged] = self.rooms().map(|(_, room)| room);
        let mut builder = builder
            .peer_limits(queue)
            .buffer_limits(buffer)
            .receive_limits(inbox)
            .absent_limits(absent)
            .unacknowledged_limits(unacknowledged);
        let time = |set: Option<Time>| set.map(|it: Time| -> Duration { it.0 });
        /// Calls the setter if there is something to set.
        macro_rules! set {
            ($($setter:ident $value:expr,)*) => {
                $(if let Some(value) = $value {
                    builder = builder.$setter(value);
                })*
            };
        }
        set! {
            absent_timeout time(self.absent_timeout),
            ack_timeout time(self.ack_timeout),
            max_resends self.max_resends,
            max_message_size self.max_message.map(|size| size.0),
            max_incomplete_bytes self.max_incomplete_bytes.map(|size| size.0),
            max_peers self.max_peers,
            max_pending_handshakes self.max_handshakes,
            handshake_timeout time(self.handshake_timeout),
            heartbeat_interval time(self.heartbeat_interval),
            heartbeat_timeout time(self.heartbeat_timeout),
            takeover_timeout time(self.takeover_timeout),
            backlog self.backlog,
            event_bytes self.event_bytes.map(|size| size.0),
            unix_mode self.unix_mode.map(|mode| mode.0),
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wins_and_what_differs_is_named() {
        let ours = Limits {
            queue_messages: Some(1),
            ..Limits::default()
        };
        let others = Limits {
            queue_messages: Some(2),
            max_resends: Some(3),
            ..Limits::default()
        };
        let both = ours.or(&others);
        assert_eq!(both.queue_messages, Some(1));
        assert_eq!(both.max_resends, Some(3));
        assert_eq!(ours.differences(&both), ["max-resends"]);
    }
}

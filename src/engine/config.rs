//! All times, sizes and limits of a socket.

use std::fmt;
use std::time::Duration;

use aiomsg_core::{Addresses, BoxError, Error, ErrorKind, HeaderLimits, Identity, Limits, Name};
use aiomsg_layers::at_least_once::Settings;
use aiomsg_layers::by_identity::MailboxSettings;
use aiomsg_layers::distribute::{AnyPolicy, Publish, RoundRobin};
use aiomsg_layers::follow::Follow;
use aiomsg_layers::reconnect::{Delay, exponential};
use aiomsg_layers::{BufferLayer, Overflow};
use aiomsg_layers::{HeartbeatLayer, ReconnectLayer};
use aiomsg_transport::Connector;
use aiomsg_transport::ListenOptions;
use aiomsg_transport::codec::DEFAULT_MAX_MESSAGE;
use aiomsg_transport::handshake::{DEFAULT_PATIENCE, Dialects, Handshake};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::{AckMode, SendMode};

/// A service of names, whose responses are addresses.
pub(crate) type Resolver = BoxCloneSyncService<Name, Addresses, BoxError>;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) identity: Identity,
    pub(crate) send_mode: SendMode,
    pub(crate) ack_mode: AckMode,
    pub(crate) at_least_once: Option<Settings>,
    pub(crate) dialects: Dialects,
    pub(crate) dialect_patience: Duration,
    pub(crate) max_message: usize,
    pub(crate) header_limits: HeaderLimits,
    pub(crate) require_headers: bool,
    pub(crate) max_incomplete: Option<usize>,
    pub(crate) peer_limits: Limits,
    pub(crate) buffer_limits: Limits,
    pub(crate) receive_limits: Limits,
    pub(crate) mailboxes: MailboxSettings,
    pub(crate) overflow: Overflow,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) heartbeat_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) reconnect_delay: Delay,
    pub(crate) reconnect_good_after: Duration,
    pub(crate) resolver: Resolver,
    pub(crate) resolve_interval: Duration,
    pub(crate) max_addresses: usize,
    pub(crate) max_pending_handshakes: usize,
    pub(crate) max_pending_handshakes_per_address: Option<usize>,
    pub(crate) max_peers: usize,
    pub(crate) event_capacity: usize,
    pub(crate) event_bytes: usize,
    pub(crate) backlog: u32,
    pub(crate) unix_mode: Option<u32>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<aiomsg_transport::tls::TlsConfig>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: Option<aiomsg_transport::websocket::WebSocketGuard>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket_headers: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            identity: Identity::random(),
            send_mode: SendMode::default(),
            ack_mode: AckMode::default(),
            at_least_once: None,
            dialects: Dialects::default(),
            dialect_patience: DEFAULT_PATIENCE,
            max_message: DEFAULT_MAX_MESSAGE,
            header_limits: HeaderLimits::default(),
            require_headers: false,
            max_incomplete: None,
            peer_limits: Limits {
                items: 8192,
                bytes: 1 << 20,
            },
            buffer_limits: BufferLayer::LIMITS,
            receive_limits: Limits {
                items: 65_536,
                bytes: 64 << 20,
            },
            mailboxes: MailboxSettings::default(),
            overflow: Overflow::default(),
            heartbeat_interval: HeartbeatLayer::INTERVAL,
            heartbeat_timeout: HeartbeatLayer::TIMEOUT,
            handshake_timeout: Duration::from_secs(10),
            probe_timeout: Duration::from_secs(6),
            reconnect_delay: exponential(
                ReconnectLayer::FIRST_DELAY,
                ReconnectLayer::LONGEST_DELAY,
            ),
            reconnect_good_after: ReconnectLayer::GOOD_AFTER,
            resolver: default_resolver(),
            resolve_interval: Follow::<Resolver>::INTERVAL,
            max_addresses: Follow::<Resolver>::MOST,
            max_pending_handshakes: 1024,
            max_pending_handshakes_per_address: None,
            max_peers: 65_536,
            event_capacity: 1024,
            event_bytes: 64 << 20,
            backlog: 4096,
            unix_mode: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "websocket")]
            websocket: None,
            #[cfg(feature = "websocket")]
            websocket_headers: Vec::new(),
        }
    }
}

/// DNS itself, if it is built in, and else the system.
fn default_resolver() -> Resolver {
    #[cfg(feature = "dns")]
    let resolver = aiomsg_transport::DnsResolver::new();
    #[cfg(not(feature = "dns"))]
    let resolver = aiomsg_transport::SystemResolver::new();
    Resolver::new(resolver.map_err(Into::into))
}

/// The shortest time of a setting: the resolution of the timers.
const SHORTEST: Duration = Duration::from_millis(1);

/// The smallest default bound on incomplete large messages.
const INCOMPLETE: usize = 256 << 20;

/// The most events kept for a slow listener.
const MOST_EVENTS: usize = 1 << 16;

impl Config {
    /// The bounds of the events kept for a slow listener.
    pub(crate) fn event_limits(&self) -> Limits {
        Limits {
            items: self.event_capacity.min(MOST_EVENTS),
            bytes: self.event_bytes,
        }
    }

    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::new(ErrorKind::Config).with_reason(reason));
        if self.at_least_once.is_some() && self.send_mode == SendMode::Publish {
            return refuse(
                "at-least-once is for round robin and for sending by identity, not for publish"
                    .to_owned(),
            );
        }
        let v1 = self.dialects != Dialects::Only(aiomsg_core::Dialect::V2019);
        if v1 && self.identity.len() != 16 {
            return refuse(format!(
                "an identity of {} bytes works in the 2019 dialect only (dialect v1 has \
                 identities of 16 bytes): choose Dialects::Only(Dialect::V2019), or another \
                 identity",
                self.identity.len()
            ));
        }
        #[cfg(feature = "websocket")]
        if let Some(guard) = &self.websocket {
            guard.check()?;
        }
        if self.heartbeat_timeout <= self.heartbeat_interval {
            return refuse(format!(
                "the heartbeat timeout ({:?}) must be longer than its interval ({:?})",
                self.heartbeat_timeout, self.heartbeat_interval
            ));
        }
        let at_least_once = self.at_least_once.as_ref();
        for (name, time) in [
            ("ack_timeout", at_least_once.map(|it| it.timeout)),
            ("heartbeat_interval", Some(self.heartbeat_interval)),
            ("handshake_timeout", Some(self.handshake_timeout)),
            ("resolve_interval", Some(self.resolve_interval)),
        ] {
            // No answer comes in less time, and constant heartbeats leave room for
            // nothing else.
            if let Some(time) = time
                && time < SHORTEST
            {
                return refuse(format!(
                    "{name} is {time:?}, and at least {SHORTEST:?} is needed"
                ));
            }
        }
        for (name, limits) in [
            ("peer_limits", Some(self.peer_limits)),
            ("buffer_limits", Some(self.buffer_limits)),
            ("receive_limits", Some(self.receive_limits)),
            ("unacknowledged_limits", at_least_once.map(|it| it.limits)),
        ] {
            let Some(limits) = limits else { continue };
            if limits.items == 0 || limits.bytes == 0 {
                return refuse(format!("{name} leaves no room for any message"));
            }
        }
        for (name, count) in [
            ("max_pending_handshakes", self.max_pending_handshakes),
            (
                "max_pending_handshakes_per_address",
                self.max_pending_of_one(),
            ),
            ("max_peers", self.max_peers),
            ("max_addresses", self.max_addresses),
            ("event_capacity", self.event_capacity),
            ("max_incomplete_bytes", self.max_incomplete()),
        ] {
            if count == 0 {
                return refuse(format!("{name} is 0"));
            }
        }
        Ok(())
    }

    /// The bound on handshakes under way with one address, by default half of all. Many
    /// good peers may start at once behind one address, and of several that flood, the one
    /// with the most makes room.
    pub(crate) fn max_pending_of_one(&self) -> usize {
        let half = self.max_pending_handshakes.div_ceil(2);
        self.max_pending_handshakes_per_address.unwrap_or(half)
    }

    /// The bound on incomplete large messages, by default four of the largest.
    pub(crate) fn max_incomplete(&self) -> usize {
        let four = self.max_message.saturating_mul(4);
        self.max_incomplete.unwrap_or(four.max(INCOMPLETE))
    }

    pub(crate) fn policy<P>(&self) -> AnyPolicy<P> {
        match self.send_mode {
            SendMode::RoundRobin => AnyPolicy::RoundRobin(RoundRobin::new()),
            SendMode::Publish => AnyPolicy::Publish(Publish::new()),
        }
    }

    pub(crate) fn handshake(&self) -> Handshake {
        Handshake::new(self.identity.clone())
            .dialects(self.dialects)
            .patience(self.dialect_patience)
    }

    pub(crate) fn connector(&self) -> Result<Connector, Error> {
        let connector = Connector::new();
        #[cfg(feature = "tls")]
        let connector = match &self.tls {
            Some(tls) => connector.tls(tls.clone()),
            None => connector,
        };
        #[cfg(feature = "websocket")]
        let connector = {
            let mut headers = self.websocket_headers.iter();
            headers.try_fold(connector, |connector, (name, value)| {
                connector.websocket_header(name, value)
            })?
        };
        Ok(connector)
    }

    pub(crate) fn listen_options(&self) -> ListenOptions {
        let mut options = ListenOptions::new().backlog(self.backlog);
        options.unix_mode = self.unix_mode;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return options.tls(tls.clone());
        }
        options
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("identity", &self.identity)
            .field("send_mode", &self.send_mode)
            .field("dialects", &self.dialects)
            .finish_non_exhaustive()
    }
}

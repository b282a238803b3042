//! The settings of the command line and of the file, together.

mod side;

use std::time::Duration;

use aiomsg::{Endpoint, Identity};

use super::args::{AtLeastOnceArg, ModeArg, ProxyArgs};
use super::file::{File, SideTable};
use super::limits::Limits;
use super::origin::Origin;
use super::spool::SpoolArgs;
use crate::common::failure::{Failure, Outcome};
use crate::common::peer_identities::PeerIdentities;
use crate::common::socket::DialectArg;
use crate::common::tls::TlsFiles;
use crate::common::websocket::{WebSocketArgs, WebSocketHeaders};
use crate::http::address::HttpAddress;

/// All settings of a proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) mode: ModeArg,
    pub(super) replies: bool,
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    pub(super) in_flight: usize,
    pub(super) drain_deadline: Duration,
    pub(super) spool: SpoolArgs,
    pub(super) frontend: SideSettings,
    pub(super) backend: SideSettings,
    pub(super) metrics: Option<HttpAddress>,
    pub(super) dashboard: Option<HttpAddress>,
    pub(super) allow_control: bool,
    pub(super) allow_hosts: Vec<String>,
    pub(super) ready_consumers: usize,
    origin: Origin,
}

/// The settings of one side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SideSettings {
    pub(super) name: &'static str,
    pub(super) bind: Vec<Endpoint>,
    pub(super) connect: Vec<Endpoint>,
    pub(super) connect_all: Vec<Endpoint>,
    pub(super) identity: Option<Identity>,
    pub(super) dialect: DialectArg,
    pub(super) tls: TlsFiles,
    pub(super) peers: PeerIdentities,
    pub(super) websocket: WebSocketArgs,
    pub(super) websocket_headers: WebSocketHeaders,
    pub(super) limits: Limits,
    pub(super) origin: Origin,
}

const IN_FLIGHT: usize = 1000;
const MOST_IN_FLIGHT: usize = 65_536;
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// The settings of one side, of the command line and the file.
macro_rules! side {
    ($name:literal, $args:expr, $file:expr, $limits:expr, $origin:expr) => {{
        let (args, table): (_, SideTable) = ($args, $file);
        // A list on the command line is instead of that in the file.
        let list = |given: &[Endpoint], others: Vec<super::file::EndpointText>| match given {
            [] => others.into_iter().map(|it| it.0).collect(),
            given => given.to_vec(),
        };
        let tls = TlsFiles {
            cert: args.cert.clone().or(table.tls.cert),
            key: args.key.clone().or(table.tls.key),
            trust: match &args.trust[..] {
                [] => table.tls.trust,
                given => given.to_vec(),
            },
            pin: match &args.pin[..] {
                [] => table.tls.pin,
                given => given.to_vec(),
            },
            system_roots: args.system_roots || table.tls.system_roots,
            server_name: args.server_name.clone().or(table.tls.server_name),
        };
        let peers = PeerIdentities {
            table: match &args.peer_identity[..] {
                [] => table.peer_identity.into_iter().map(|it| it.0).collect(),
                given => given.to_vec(),
            },
            by_name: args.peer_identity_by_name || table.peer_identity_by_name.unwrap_or_default(),
        };
        let websocket = WebSocketArgs {
            accepts: args.websocket || table.websocket.unwrap_or_default(),
            origins: match &args.websocket_origin[..] {
                [] => table.websocket_origin,
                given => given.to_vec(),
            },
            path: args.websocket_path.clone().or(table.websocket_path),
        };
        let headers = match &args.websocket_header[..] {
            [] => table.websocket_header.into_iter().map(|it| it.0).collect(),
            given => given.to_vec(),
        };
        SideSettings {
            name: $name,
            bind: list(&args.bind, table.bind),
            connect: list(&args.connect, table.connect),
            connect_all: list(&args.connect_all, table.connect_all),
            identity: args.identity.clone().or(table.identity.map(|it| it.0)),
            dialect: args
                .dialect
                .or(table.dialect.map(|it| it.0))
                .unwrap_or(DialectArg::Any),
            tls,
            peers,
            websocket,
            websocket_headers: WebSocketHeaders { headers },
            limits: $limits.or(&table.limits),
            origin: $origin.clone(),
        }
    }};
}

impl Settings {
    /// Reads the file, if there is one, puts the two together, and checks what
    /// can be checked without opening anything.
    pub(super) fn load(args: &ProxyArgs) -> Outcome<Self> {
        let file = match &args.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let settings = Self::of(args, file);
        settings.check().map_err(Failure::usage)?;
        Ok(settings)
    }

    fn of(args: &ProxyArgs, file: File) -> Self {
        let (relay, observe) = (&args.relay, &args.observe);
        let time = |it: crate::common::text::Time| it.0;
        // Flags win over the table of a side, and that over the table of both.
        let (front, back) = (
            args.limits.or(&file.frontend.limits).or(&file.limits),
            args.limits.or(&file.backend.limits).or(&file.limits),
        );
        let origin = Origin::new(file.source.clone(), args.given());
        Self {
            mode: relay.mode.or(file.mode).unwrap_or_default(),
            replies: relay.replies || file.replies.unwrap_or_default(),
            at_least_once: relay.at_least_once.or(file.at_least_once),
            in_flight: relay.in_flight.or(file.in_flight).unwrap_or(IN_FLIGHT),
            drain_deadline: relay
                .drain_deadline
                .or(file.drain_deadline)
                .map_or(DRAIN_DEADLINE, time),
            spool: args.spool.or(file.spool),
            frontend: side!("frontend", &args.frontend, file.frontend, front, origin),
            backend: side!("backend", &args.backend, file.backend, back, origin),
            metrics: observe.metrics.or(file.observe.metrics.map(|it| it.0)),
            dashboard: observe.dashboard.or(file.observe.dashboard.map(|it| it.0)),
            allow_control: observe.allow_control || file.observe.allow_control.unwrap_or_default(),
            allow_hosts: match observe.allow_host.is_empty() {
                true => file.observe.allow_host.clone().unwrap_or_default(),
                false => observe.allow_host.clone(),
            },
            ready_consumers: observe
                .ready_consumers
                .or(file.observe.ready_consumers)
                .unwrap_or_default(),
            origin,
        }
    }

    /// Whether the backend sends a message again until it is acknowledged.
    pub(super) fn resends(&self) -> bool {
        use AtLeastOnceArg::{Backend, Both};
        self.has_spool() || matches!(self.at_least_once, Some(Backend | Both))
    }

    /// Whether the frontend acknowledges a message only when it is forwarded, or stored.
    pub(super) fn defers(&self) -> bool {
        use AtLeastOnceArg::{Both, Frontend};
        self.has_spool() || matches!(self.at_least_once, Some(Frontend | Both))
    }

    /// When a message of a producer counts as forwarded, for labels of metrics.
    pub(super) fn forwarded_when(&self) -> &'static str {
        match (self.has_spool(), self.defers() && self.resends()) {
            (true, _) => "stored",
            (false, true) => "acknowledged",
            (false, false) => "accepted",
        }
    }

    /// Whether messages are stored on their way.
    pub(super) fn has_spool(&self) -> bool {
        self.spool.folder().is_some()
    }

    /// Refuses settings that cannot be had together.
    fn check(&self) -> Result<(), String> {
        let origin = &self.origin;
        let spool = self.spool.check();
        spool.map_err(|(key, what)| origin.error(&key, |_| what))?;
        if self.mode == ModeArg::Publish && self.has_spool() {
            return Err(origin.error("spool.folder", |name| {
                format!(
                    "it is for {} round-robin: a stored message is deleted when its consumer has \
                     acknowledged it, and of a published one nobody knows how many will",
                    name.of("mode")
                )
            }));
        }
        if self.mode == ModeArg::Publish && self.resends() {
            return Err(origin.error("at-least-once", |name| {
                format!(
                    "towards the backend it is for {} round-robin: of a published message nobody \
                     knows how many acknowledgements there will be",
                    name.of("mode")
                )
            }));
        }
        if self.mode == ModeArg::Publish && self.replies {
            return Err(origin.error("replies", |name| {
                format!(
                    "they are for {} round-robin: a published message would be answered by every \
                     consumer",
                    name.of("mode")
                )
            }));
        }
        if self.in_flight == 0 || self.in_flight > MOST_IN_FLIGHT {
            return Err(origin.error("in-flight", |_| {
                format!(
                    "{} is out of range: expected 1 to {MOST_IN_FLIGHT}",
                    self.in_flight
                )
            }));
        }
        if self.allow_control && self.dashboard.is_none() {
            return Err(origin.error("observe.allow-control", |name| {
                format!(
                    "it is of no use without a dashboard: add {}",
                    name.of("observe.dashboard")
                )
            }));
        }
        self.frontend.check()?;
        self.backend.check()?;
        let mut bound: Vec<&Endpoint> = Vec::new();
        for side in [&self.frontend, &self.backend] {
            for endpoint in &side.bind {
                if bound.contains(&endpoint) && endpoint.port() != Some(0) {
                    return Err(origin.error(&format!("{}.bind", side.name), |_| {
                        format!("{endpoint} is named twice to listen at: leave one out")
                    }));
                }
                bound.push(endpoint);
            }
        }
        Ok(())
    }

    /// The names of settings that are not the same and that only a restart
    /// changes.
    pub(super) fn unchangeable(&self, new: &Self) -> Vec<String> {
        let mut names = Vec::new();
        let mut note = |differs: bool, name: &str| {
            if differs {
                names.push(name.to_owned());
            }
        };
        note(self.mode != new.mode, "mode");
        note(self.replies != new.replies, "replies");
        note(self.at_least_once != new.at_least_once, "at-least-once");
        note(self.in_flight != new.in_flight, "in-flight");
        note(self.spool != new.spool, "spool");
        note(self.metrics != new.metrics, "observe.metrics");
        note(self.dashboard != new.dashboard, "observe.dashboard");
        note(
            self.allow_control != new.allow_control,
            "observe.allow-control",
        );
        note(self.allow_hosts != new.allow_hosts, "observe.allow-host");
        for (old, new) in [
            (&self.frontend, &new.frontend),
            (&self.backend, &new.backend),
        ] {
            let name = old.name;
            note(old.identity != new.identity, &format!("{name}.identity"));
            note(old.dialect != new.dialect, &format!("{name}.dialect"));
            note(
                old.peers != new.peers,
                &format!("{name}.{}", peers(old, new)),
            );
            note(old.websocket != new.websocket, &format!("{name}.websocket"));
            note(
                old.websocket_headers != new.websocket_headers,
                &format!("{name}.websocket-header"),
            );
            let tls = old.tls.is_set() != new.tls.is_set();
            note(tls, &format!("{name}.tls (whether there is any)"));
            for limit in old.limits.differences(&new.limits) {
                note(true, &format!("{name}.limits.{limit}"));
            }
        }
        names
    }

    /// These settings, with those of others that can change without a restart.
    pub(super) fn changed_to(&self, new: &Self) -> Self {
        let side = |old: &SideSettings, new: &SideSettings| SideSettings {
            bind: new.bind.clone(),
            connect: new.connect.clone(),
            connect_all: new.connect_all.clone(),
            tls: match old.tls.is_set() == new.tls.is_set() {
                true => new.tls.clone(),
                false => old.tls.clone(),
            },
            ..old.clone()
        };
        Self {
            drain_deadline: new.drain_deadline,
            ready_consumers: new.ready_consumers,
            frontend: side(&self.frontend, &new.frontend),
            backend: side(&self.backend, &new.backend),
            ..self.clone()
        }
    }
}

/// The setting that changes when identities are bound to certificates in another way.
fn peers(old: &SideSettings, new: &SideSettings) -> &'static str {
    match old.peers.is_set() {
        true => old.peers.setting(),
        false => new.peers.setting(),
    }
}

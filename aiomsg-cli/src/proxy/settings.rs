//! What was said on the command line and in the file, together.

use std::time::Duration;

use aiomsg::builder::Overflow;
use aiomsg::{Endpoint, Identity};

use super::args::{AtLeastOnceArg, ModeArg, ProxyArgs};
use super::file::{File, SideTable};
use super::limits::Limits;
use crate::common::failure::{Failure, Outcome};
use crate::common::socket::DialectArg;
use crate::common::tls::TlsFiles;
use crate::http::address::HttpAddress;

/// All settings of a proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) mode: ModeArg,
    pub(super) replies: bool,
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    pub(super) in_flight: usize,
    pub(super) drain_deadline: Duration,
    pub(super) frontend: SideSettings,
    pub(super) backend: SideSettings,
    pub(super) metrics: Option<HttpAddress>,
    pub(super) dashboard: Option<HttpAddress>,
    pub(super) allow_control: bool,
    pub(super) allow_hosts: Vec<String>,
    pub(super) ready_consumers: usize,
}

/// The settings of one side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SideSettings {
    pub(super) name: &'static str,
    pub(super) bind: Vec<Endpoint>,
    pub(super) connect: Vec<Endpoint>,
    pub(super) identity: Option<Identity>,
    pub(super) dialect: DialectArg,
    pub(super) tls: TlsFiles,
    pub(super) limits: Limits,
}

const IN_FLIGHT: usize = 1000;
const MOST_IN_FLIGHT: usize = 65_536;
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// What one side was told on the command line.
macro_rules! side {
    ($name:literal, $args:expr, $file:expr, $limits:expr) => {{
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
            server_name: args.server_name.clone().or(table.tls.server_name),
        };
        SideSettings {
            name: $name,
            bind: list(&args.bind, table.bind),
            connect: list(&args.connect, table.connect),
            identity: args.identity.clone().or(table.identity.map(|it| it.0)),
            dialect: args
                .dialect
                .or(table.dialect.map(|it| it.0))
                .unwrap_or(DialectArg::Any),
            tls,
            limits: $limits.or(&table.limits),
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
        settings.check().map_err(|what| {
            let place = args.config.as_ref();
            Failure::usage(match place {
                Some(path) => format!("{}: {what}", path.display()),
                None => what,
            })
        })?;
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
        Self {
            mode: relay.mode.or(file.mode).unwrap_or_default(),
            replies: relay.replies || file.replies.unwrap_or_default(),
            at_least_once: relay.at_least_once.or(file.at_least_once),
            in_flight: relay.in_flight.or(file.in_flight).unwrap_or(IN_FLIGHT),
            drain_deadline: relay
                .drain_deadline
                .or(file.drain_deadline)
                .map_or(DRAIN_DEADLINE, time),
            frontend: side!("frontend", &args.frontend, file.frontend, front),
            backend: side!("backend", &args.backend, file.backend, back),
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
        }
    }

    /// Whether the backend sends a message again until it is acknowledged.
    pub(super) fn resends(&self) -> bool {
        use AtLeastOnceArg::{Backend, Both};
        matches!(self.at_least_once, Some(Backend | Both))
    }

    /// Whether the frontend acknowledges a message only when it is forwarded.
    pub(super) fn defers(&self) -> bool {
        use AtLeastOnceArg::{Both, Frontend};
        matches!(self.at_least_once, Some(Frontend | Both))
    }

    fn check(&self) -> Result<(), String> {
        if self.mode == ModeArg::Publish && self.resends() {
            return Err(
                "at-least-once towards the backend is for mode round-robin: of a published \
                 message nobody knows how many acknowledgements there will be"
                    .to_owned(),
            );
        }
        if self.mode == ModeArg::Publish && self.replies {
            return Err(
                "replies are for mode round-robin: a published message would be \
                        answered by every consumer"
                    .to_owned(),
            );
        }
        if self.in_flight == 0 || self.in_flight > MOST_IN_FLIGHT {
            return Err(format!(
                "in-flight is {}: expected 1 to {MOST_IN_FLIGHT}",
                self.in_flight
            ));
        }
        if self.allow_control && self.dashboard.is_none() {
            return Err("allow-control is of no use without dashboard: add --dashboard".to_owned());
        }
        self.frontend.check()?;
        self.backend.check()?;
        let mut bound: Vec<&Endpoint> = Vec::new();
        for endpoint in self.frontend.bind.iter().chain(&self.backend.bind) {
            if bound.contains(&endpoint) && endpoint.port() != Some(0) {
                return Err(format!(
                    "{endpoint} is named twice to listen at: leave one out"
                ));
            }
            bound.push(endpoint);
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
            let tls = old.tls.is_set() != new.tls.is_set();
            note(tls, &format!("{name}.tls (whether there is any)"));
            for limit in old.limits.differences(&new.limits) {
                note(true, &format!("{name}.limits.{limit}"));
            }
        }
        names
    }

    /// These, with what can change without a restart as it is in others.
    pub(super) fn changed_to(&self, new: &Self) -> Self {
        let side = |old: &SideSettings, new: &SideSettings| SideSettings {
            bind: new.bind.clone(),
            connect: new.connect.clone(),
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

impl SideSettings {
    fn check(&self) -> Result<(), String> {
        let name = self.name;
        if self.bind.is_empty() && self.connect.is_empty() {
            return Err(format!(
                "the {name} has no endpoint: add --{name} tcp://HOST:PORT to listen, or \
                 --{name}-connect to connect"
            ));
        }
        if let Some(identity) = &self.identity
            && !self.dialect.allows(identity)
        {
            return Err(format!(
                "{name}.identity has {} bytes, and any but 16 work in the dialect of 2019 only: add \
                 --{name}-dialect 2019, or give it 16 bytes",
                identity.len()
            ));
        }
        let mut connects: Vec<&Endpoint> = Vec::new();
        for endpoint in &self.connect {
            if endpoint.port() == Some(0) {
                return Err(format!("{endpoint}: nobody listens at port 0"));
            }
            if connects.contains(&endpoint) {
                return Err(format!(
                    "{endpoint} is named twice to connect to: leave one out"
                ));
            }
            connects.push(endpoint);
        }
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            return Err(format!(
                "the {name} has a certificate without its key, or the other way round: give both \
                 {name}.tls.cert and {name}.tls.key"
            ));
        }
        let tls = |endpoints: &[Endpoint]| {
            let mut endpoints = endpoints.iter();
            endpoints
                .find(|it| matches!(it, Endpoint::Tls { .. }))
                .cloned()
        };
        if let Some(endpoint) = tls(&self.bind)
            && self.tls.cert.is_none()
        {
            return Err(format!(
                "{endpoint} needs a certificate: add --{name}-cert and --{name}-key"
            ));
        }
        if let Some(endpoint) = tls(&self.connect)
            && self.tls.trust.is_empty()
        {
            return Err(format!(
                "{endpoint} needs to know whom to trust: add --{name}-trust"
            ));
        }
        if self.tls.server_name.is_some() && self.tls.trust.is_empty() {
            return Err(format!(
                "{name}.tls.server-name is of no use without {name}.tls.trust"
            ));
        }
        self.limits
            .check()
            .map_err(|what| format!("{name}.limits.{what}"))
    }

    /// What is done when there is no room at a peer of this side.
    pub(super) fn overflow(&self) -> Overflow {
        // What goes to the frontend are replies: one producer that takes none
        // must not hold up those of all others.
        self.limits.overflow_or(match self.name {
            "frontend" => Overflow::RefuseNewest,
            _ => Overflow::Wait,
        })
    }
}

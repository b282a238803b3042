//! The findings.

use std::fmt::Write;

use aiomsg::builder::Dialect;
use aiomsg::{Endpoint, Identity};
use serde::Serialize;

use super::join::Joined;
use super::look::Asked;
use crate::common::failure::Outcome;
use crate::common::{identity, print};

#[derive(Debug, Serialize)]
pub(super) struct Report {
    endpoint: String,
    ok: bool,
    /// Where the connection went to.
    address: Option<String>,
    connect_milliseconds: Option<f64>,
    tls: bool,
    /// In the order in which the other end prefers them.
    dialects: Vec<String>,
    identity: Option<String>,
    /// Whether browsers can connect.
    websocket: Option<bool>,
    joined: Option<Joined>,
    problem: Option<String>,
}

impl Report {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.to_string(),
            ok: false,
            address: None,
            connect_milliseconds: None,
            tls: false,
            dialects: Vec::new(),
            identity: None,
            websocket: None,
            joined: None,
            problem: None,
        }
    }

    pub(super) fn reached(&mut self, asked: &Asked) {
        self.address = Some(asked.info.remote.to_string());
        self.connect_milliseconds = Some(asked.connected.as_secs_f64() * 1000.0);
        self.tls = asked.info.tls.is_some();
    }

    pub(super) fn knows(&mut self, dialect: Dialect, identity: &Identity) {
        self.dialects.push(dialect.to_string());
        self.identity = Some(identity::show(identity));
    }

    pub(super) fn websocket(&mut self, speaks: bool) {
        self.websocket = Some(speaks);
    }

    pub(super) fn joined(&mut self, joined: Joined) {
        self.joined = Some(joined);
    }

    pub(super) fn tell(mut self, outcome: &Outcome, as_json: bool) -> Outcome {
        self.ok = outcome.is_ok();
        self.problem = outcome.as_ref().err().map(ToString::to_string);
        match as_json {
            true => print::print_line(&self),
            false => print::print_text(&self.text()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10} {value}");
        };
        line("endpoint", &self.endpoint);
        if let (Some(address), Some(time)) = (&self.address, self.connect_milliseconds) {
            line("reached", &format!("{address}, in {time:.1} ms"));
            line("tls", if self.tls { "yes" } else { "no" });
        }
        if let Some(identity) = &self.identity {
            line("dialects", &self.dialects.join(", "));
            line("identity", identity);
        }
        if self.websocket == Some(true) {
            line("websocket", "yes");
        }
        if let Some(joined) = &self.joined {
            let Joined {
                heartbeat_seconds: seconds,
                lost,
                unacknowledged,
            } = joined;
            line("heartbeat", &format!("after {seconds:.1} s"));
            if lost + unacknowledged > 0 {
                let said =
                    format!("{lost} came here and are lost, {unacknowledged} are sent again");
                line("messages", &said);
            }
        }
        if self.ok {
            line("all well", "an aiomsg socket listens there");
        }
        text
    }
}

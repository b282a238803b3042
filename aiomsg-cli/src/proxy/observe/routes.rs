//! The paths of each address.

use std::net::SocketAddr;
use std::sync::Arc;

use aiomsg::Identity;
use hyper::{Method, StatusCode};

use super::board;
use super::collect::Collector;
use super::open_metrics;
use super::query::Query;
use crate::http::address::{is_plain_host, without_port};
use crate::http::server::{Asked, Response, response, text};

/// The contents of one address.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shows {
    pub(super) metrics: bool,
    pub(super) dashboard: bool,
}

pub(super) struct Routes {
    collector: Arc<Collector>,
    address: SocketAddr,
    shows: Shows,
    /// Names by which it may be asked for, besides those of this machine.
    hosts: Vec<String>,
    /// The token that a page needs to pause and resume. Only our own page knows it:
    /// another one may send us requests, and cannot read the answers.
    token: Option<String>,
}

const PAGE: &str = include_str!("page.html");

/// The page says the token in this header, which makes a browser ask first if
/// the page is somebody else's.
const TOKEN_HEADER: &str = "x-aiomsg-token";

impl Routes {
    pub(super) fn new(
        collector: Arc<Collector>,
        address: SocketAddr,
        shows: Shows,
        allow_control: bool,
        hosts: Vec<String>,
    ) -> Self {
        // Random bytes in hexadecimal digits.
        let token = allow_control.then(|| Identity::random().to_string());
        Self {
            collector,
            address,
            shows,
            hosts,
            token,
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        let mut allowed = self.hosts.iter();
        let allowed =
            allowed.any(|it| it.eq_ignore_ascii_case(name) || it.eq_ignore_ascii_case(host));
        allowed || is_plain_host(host)
    }

    /// Names are checked beyond loopback where some are given: a container listens on all of
    /// its addresses, and may be reached from this machine only.
    fn guards_dashboard(&self, path: &str) -> bool {
        let is_page = path == "/" || path.starts_with("/api/") || board::has(path);
        !self.hosts.is_empty() && is_page
    }

    pub(super) fn answer(&self, asked: &Asked) -> Response {
        let host = asked.header("host").unwrap_or_default();
        // A name of somebody else's that points to this machine would have the
        // browser take us for theirs.
        let guarded = self.address.ip().is_loopback() || self.guards_dashboard(&asked.path);
        if guarded && !self.is_ours(host) {
            return text(
                StatusCode::FORBIDDEN,
                "ask by an address or by localhost; another name needs --allow-host",
            );
        }
        let get = asked.method == Method::GET || asked.method == Method::HEAD;
        match &*asked.path {
            "/healthz" if get => text(StatusCode::OK, "alive"),
            "/readyz" if get => match self.collector.not_ready() {
                None => text(StatusCode::OK, "ready"),
                Some(why) => text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    &format!("not ready: {why}"),
                ),
            },
            "/metrics" if get && self.shows.metrics => self.metrics(asked),
            "/" | "/api/status" | "/api/peers" | "/api/pause" | "/api/resume"
                if self.shows.dashboard =>
            {
                self.dashboard(asked)
            }
            path if self.shows.dashboard && board::has(path) => match get {
                true => board::answer(asked, &self.collector.proxy),
                false => wrong_method("GET"),
            },
            "/healthz" | "/readyz" | "/metrics" if !get => wrong_method("GET"),
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    fn metrics(&self, asked: &Asked) -> Response {
        let text = self.collector.metrics.render(&self.collector.proxy);
        let accept = asked.header("accept").unwrap_or_default();
        match open_metrics::is_preferred(accept) {
            true => {
                let text = open_metrics::of_prometheus(&text);
                response(StatusCode::OK, open_metrics::OPEN_METRICS, text)
            }
            false => response(StatusCode::OK, open_metrics::PROMETHEUS, text),
        }
    }

    fn dashboard(&self, asked: &Asked) -> Response {
        let host = asked.header("host").unwrap_or_default();
        let get = asked.method == Method::GET || asked.method == Method::HEAD;
        match &*asked.path {
            "/" if get => {
                let token = self.token.as_deref().filter(|_| self.is_ours(host));
                let page = PAGE.replace("{{token}}", token.unwrap_or_default());
                response(StatusCode::OK, "text/html; charset=utf-8", page)
            }
            "/api/status" if get && asked.query.is_empty() => {
                response(StatusCode::OK, "application/json", self.collector.status())
            }
            "/api/status" | "/api/peers" if get => match Query::parse(&asked.query) {
                Ok(query) if asked.path == "/api/peers" => response(
                    StatusCode::OK,
                    "application/json",
                    self.collector.peers(&query),
                ),
                Ok(query) => {
                    let status = self.collector.status_with(&query);
                    response(StatusCode::OK, "application/json", status)
                }
                Err(what) => text(StatusCode::BAD_REQUEST, &what),
            },
            "/api/pause" | "/api/resume" if asked.method == Method::POST => {
                self.control(asked, host)
            }
            "/" | "/api/status" | "/api/peers" => wrong_method("GET"),
            _ => wrong_method("POST"),
        }
    }

    fn control(&self, asked: &Asked, host: &str) -> Response {
        let Some(token) = &self.token else {
            return text(
                StatusCode::FORBIDDEN,
                "the proxy was started without --allow-control",
            );
        };
        let from_elsewhere = asked.header("origin").is_some_and(|origin| {
            // A proxy in front may speak https with the browser.
            let from = origin.split_once("://");
            from.is_none_or(|(scheme, at)| !matches!(scheme, "http" | "https") || at != host)
        });
        let knows = asked.header(TOKEN_HEADER) == Some(token);
        if from_elsewhere || !knows || !self.is_ours(host) {
            return text(
                StatusCode::FORBIDDEN,
                "only the page itself may ask this: reload it",
            );
        }
        match &*asked.path {
            "/api/pause" => self.collector.proxy.pause("the dashboard"),
            _ => self.collector.proxy.resume("the dashboard"),
        }
        self.collector.refresh();
        text(StatusCode::OK, self.collector.proxy.control.state().name())
    }
}

fn wrong_method(right: &str) -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, &format!("expected {right}"))
}

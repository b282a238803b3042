//! A page that talks through the proxy by WebSocket: a chat, and a board of live values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use aiomsg::Endpoint;
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION};
use serde::Serialize;

use super::facts::mode;
use crate::http::address::without_port;
use crate::http::server::{Asked, Response, response, text};
use crate::proxy::settings::SideSettings;
use crate::proxy::shared::Proxy;
use crate::proxy::side::{Place, Side};

// Links to the files in `web/`, which a package of this crate has copies of.
const PAGE: &str = include_str!("index.html");
const STYLE: &str = include_str!("board.css");
const SCRIPT: &str = include_str!("board.js");
const CLIENT: &str = include_str!("aiomsg.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Where the page connects to.
#[derive(Debug, Serialize)]
struct Endpoints {
    mode: &'static str,
    /// It sends to the first of these that its browser lets it open.
    send: Vec<Door>,
    /// The same for what it receives.
    receive: Vec<Door>,
}

/// An endpoint that accepts pages.
#[derive(Debug, Serialize)]
struct Door {
    scheme: &'static str,
    /// The host, if it is not the one that the page came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    port: u16,
    path: String,
}

/// Whether a path is one of the page.
pub(super) fn has(path: &str) -> bool {
    path == "/board" || path.starts_with("/board/") || path == "/aiomsg.js"
}

/// The answer to a request for one of them.
pub(super) fn answer(asked: &Asked, proxy: &Proxy) -> Response {
    let settings = proxy.settings();
    if !settings.frontend.websocket.accepts && !settings.backend.websocket.accepts {
        return text(
            StatusCode::NOT_FOUND,
            "no side of the proxy accepts pages: start it with --frontend-websocket and \
             --backend-websocket",
        );
    }
    let endpoints = || Endpoints {
        mode: mode(&settings),
        send: doors(&proxy.frontend, &settings.frontend),
        receive: doors(&proxy.backend, &settings.backend),
    };
    let ok = |kind, body: &'static str| response(StatusCode::OK, kind, body);
    match &*asked.path {
        // Relative, so that it also works below the prefix of a reverse proxy.
        "/board" => {
            let mut answer = text(StatusCode::PERMANENT_REDIRECT, "it is at board/");
            let to = HeaderValue::from_static("board/");
            answer.headers_mut().insert(LOCATION, to);
            answer
        }
        "/board/" => {
            let mut answer = ok("text/html; charset=utf-8", PAGE);
            let host = asked.header("host").unwrap_or_default();
            // It has no character that a header cannot have.
            if let Ok(policy) = HeaderValue::from_str(&policy(host, &endpoints())) {
                answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            }
            answer
        }
        "/board/board.css" => ok("text/css; charset=utf-8", STYLE),
        "/board/board.js" => ok(JAVASCRIPT, SCRIPT),
        "/aiomsg.js" => ok(JAVASCRIPT, CLIENT),
        "/board/endpoints.json" => {
            // It has nothing in it that JSON has not.
            let json = serde_json::to_vec(&endpoints()).unwrap_or_default();
            response(StatusCode::OK, "application/json", json)
        }
        _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}

/// The endpoints of a side that accept pages.
fn doors(side: &Side, settings: &SideSettings) -> Vec<Door> {
    if !settings.websocket.accepts {
        return Vec::new();
    }
    let listening = side.places().into_iter().filter(Place::listens);
    let path = settings.websocket.path.as_deref().unwrap_or("/");
    listening
        .filter_map(|place| door(&place.at.ok()?, path))
        .collect()
}

fn door(endpoint: &Endpoint, path: &str) -> Option<Door> {
    let (scheme, host, port) = match endpoint {
        Endpoint::Tcp { host, port } => ("ws", host, *port),
        Endpoint::Tls { host, port } => ("wss", host, *port),
        _ => return None,
    };
    // A URL has no zone.
    if host.contains('%') {
        return None;
    }
    Some(Door {
        scheme,
        host: (!is_of_page(host)).then(|| in_url(host)),
        port,
        path: path.to_owned(),
    })
}

/// Whether a page reaches this host by the name that it came from itself: a name for all
/// addresses of this machine, or for itself.
fn is_of_page(host: &str) -> bool {
    match IpAddr::from_str(host) {
        Ok(ip) => ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn in_url(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

/// What the page may load and connect to: its own files and these endpoints.
fn policy(host: &str, endpoints: &Endpoints) -> String {
    let mut policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      connect-src 'self'"
        .to_owned();
    let own = without_port(host);
    for door in endpoints.send.iter().chain(&endpoints.receive) {
        let (scheme, port) = (door.scheme, door.port);
        // By HTTP the page finds out whether a server is there at all.
        let http = scheme.replace("ws", "http");
        let host = door.host.as_deref().unwrap_or(own);
        // A policy cannot name an IPv6 address, so any host is allowed for one, at this port.
        let host = match is_name(host) {
            true => host,
            false => "*",
        };
        policy += &format!(" {scheme}://{host}:{port} {http}://{host}:{port}");
    }
    policy
}

/// Whether a policy can name this host. A request may have any text in its place.
fn is_name(host: &str) -> bool {
    let is_part = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.');
    !host.is_empty() && host.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(endpoint: &str) -> Option<String> {
        let door = door(&endpoint.parse().unwrap(), "/")?;
        Some(serde_json::to_string(&door).unwrap())
    }

    #[test]
    fn the_host_is_named_where_the_page_cannot_know_it() {
        for (endpoint, expected) in [
            ("tcp://0.0.0.0:1", r#"{"scheme":"ws","port":1,"path":"/"}"#),
            ("tls://[::]:1", r#"{"scheme":"wss","port":1,"path":"/"}"#),
            (
                "tcp://127.0.0.1:1",
                r#"{"scheme":"ws","port":1,"path":"/"}"#,
            ),
            (
                "tcp://localhost:1",
                r#"{"scheme":"ws","port":1,"path":"/"}"#,
            ),
            (
                "tcp://10.0.0.5:1",
                r#"{"scheme":"ws","host":"10.0.0.5","port":1,"path":"/"}"#,
            ),
            (
                "tls://[2001:db8::1]:1",
                r#"{"scheme":"wss","host":"[2001:db8::1]","port":1,"path":"/"}"#,
            ),
        ] {
            assert_eq!(of(endpoint).as_deref(), Some(expected), "{endpoint}");
        }
        for endpoint in ["unix:///tmp/a", "tcp://[fe80::1%1]:1"] {
            assert_eq!(of(endpoint), None, "{endpoint}");
        }
    }

    #[test]
    fn the_policy_allows_the_endpoints_and_nothing_else() {
        let endpoints = |endpoint: &str| Endpoints {
            mode: "publish",
            send: vec![door(&endpoint.parse().unwrap(), "/").unwrap()],
            receive: Vec::new(),
        };
        let connects = |host: &str, endpoint: &str| {
            let policy = policy(host, &endpoints(endpoint));
            policy.split_once("connect-src ").unwrap().1.to_owned()
        };
        for (host, endpoint, expected) in [
            (
                "localhost:9000",
                "tcp://0.0.0.0:1",
                "'self' ws://localhost:1 http://localhost:1",
            ),
            (
                "board.example",
                "tls://0.0.0.0:1",
                "'self' wss://board.example:1 https://board.example:1",
            ),
            (
                "localhost",
                "tcp://10.0.0.5:1",
                "'self' ws://10.0.0.5:1 http://10.0.0.5:1",
            ),
            ("[::1]:9", "tcp://[::1]:1", "'self' ws://*:1 http://*:1"),
            (
                "a; script-src *",
                "tcp://[::1]:1",
                "'self' ws://*:1 http://*:1",
            ),
            ("", "tcp://[::1]:1", "'self' ws://*:1 http://*:1"),
        ] {
            assert_eq!(connects(host, endpoint), expected, "{host} {endpoint}");
        }
    }
}

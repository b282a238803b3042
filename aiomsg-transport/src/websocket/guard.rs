use std::collections::HashSet;

use aiomsg_core::{Error, ErrorKind};
use tungstenite::handshake::server::Request;
use tungstenite::http::HeaderMap;
use tungstenite::http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};

use super::refusal::Refusal;

/// Which upgrade requests are accepted.
///
/// A page of any site can open a WebSocket to any host, and the browser says by the header
/// `Origin` which site it is. By default a page must come from the host that it connects to, from
/// whatever port. Requests without that header are no browser's, and pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSocketGuard {
    origins: Origins,
    path: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Origins {
    #[default]
    SameHost,
    /// Those of our host, and these.
    Listed(HashSet<String>),
    Any,
}

impl WebSocketGuard {
    /// Accepts pages of the same host, with any path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts pages of these origins as well, such as `https://example.org`. A port is part
    /// of an origin, unless it is the scheme's own: `http://example.org:8080`. `null` is the
    /// origin of pages without one, and `*` is [any](Self::any_origin).
    #[must_use]
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        let origins = origins.into_iter().map(|origin| normal(&origin.into()));
        match &mut self.origins {
            Origins::Listed(listed) => listed.extend(origins),
            other => *other = Origins::Listed(origins.collect()),
        }
        match &self.origins {
            Origins::Listed(listed) if listed.contains("*") => self.any_origin(),
            _ => self,
        }
    }

    /// Accepts pages of any site. Each of them can then connect with whatever the network of
    /// its reader allows, so the peers must be told apart by something else than where they
    /// come from: a token as the first message, say.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// Accepts this path only, such as `/jobs`. By default every path is accepted.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Refuses settings that no request can match, and names them.
    ///
    /// # Errors
    ///
    /// Of kind [`Config`](ErrorKind::Config), for a path without a leading slash or with a
    /// query, and for an origin that is no scheme with a host.
    ///
    /// ```
    /// use aiomsg_transport::websocket::WebSocketGuard;
    ///
    /// assert!(WebSocketGuard::new().path("/jobs").check().is_ok());
    /// let error = WebSocketGuard::new().origins(["example.org"]).check().unwrap_err();
    /// assert!(error.to_string().contains("\"example.org\" is not an origin"));
    /// ```
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |reason| Err(Error::new(ErrorKind::Config).with_reason(reason));
        // A query is no part of the path of a request.
        let is_path = |path: &str| path.starts_with('/') && !path.contains(['?', '#']);
        if let Some(path) = self.path.as_ref().filter(|path| !is_path(path)) {
            return refuse(format!(
                "\"{}\" is not a path: expected one without a query, such as /jobs",
                path.escape_debug()
            ));
        }
        let Origins::Listed(listed) = &self.origins else {
            return Ok(());
        };
        // The same one each time.
        match listed.iter().filter(|it| !is_origin(it)).min() {
            Some(bad) => refuse(format!(
                "\"{}\" is not an origin: expected a scheme, a host and perhaps a port, such as \
                 https://example.org, or *",
                bad.escape_debug()
            )),
            None => Ok(()),
        }
    }

    pub(super) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        check_head(request.headers())?;
        if let Some(path) = &self.path
            && request.uri().path() != path
        {
            return Err(Refusal::not_found());
        }
        let headers = request.headers();
        if !names(headers, UPGRADE.as_str(), "websocket") {
            return Err(Refusal::upgrade_required());
        }
        if !names(headers, CONNECTION.as_str(), "upgrade") {
            return Err(Refusal::bad_request("the header Connection lacks Upgrade"));
        }
        match headers.get(SEC_WEBSOCKET_VERSION) {
            Some(version) if version == "13" => {}
            _ => return Err(Refusal::upgrade_required()),
        }
        self.check_origin(headers)
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let origin = match (origin.to_str(), origins.next()) {
            (Ok(origin), None) => normal(origin),
            _ => return Err(Refusal::bad_request("the header Origin is malformed")),
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let same = || host.is_some_and(|host| is_of_host(&origin, host));
        let allowed = match &self.origins {
            Origins::Any => true,
            Origins::Listed(listed) => listed.contains(&origin) || same(),
            Origins::SameHost => same(),
        };
        match allowed {
            true => Ok(()),
            false => Err(Refusal::forbidden(format!(
                "pages of {} may not connect here",
                origin.escape_debug()
            ))),
        }
    }
}

/// Refuses a head that a server in front may have read in another way.
fn check_head(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get_all(HOST).iter().count() != 1 {
        return Err(Refusal::bad_request("a request has one header Host"));
    }
    if headers.get_all(SEC_WEBSOCKET_KEY).iter().count() > 1 {
        return Err(Refusal::bad_request(
            "a request has one header Sec-WebSocket-Key",
        ));
    }
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|it| it != "0");
    match has_body {
        true => Err(Refusal::bad_request("a request here has no body")),
        false => Ok(()),
    }
}

/// Whether a header that lists tokens has this one.
pub(super) fn names(headers: &HeaderMap, header: &str, token: &str) -> bool {
    let values = headers.get_all(header).iter();
    let mut tokens = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tokens.any(|it| it.trim().eq_ignore_ascii_case(token))
}

/// Schemes and hosts have no case. The port of the scheme is left out, as browsers do.
fn normal(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    let port = match origin.split_once("://") {
        Some(("http", _)) => ":80",
        Some(("https", _)) => ":443",
        _ => return origin,
    };
    origin.strip_suffix(port).map(Into::into).unwrap_or(origin)
}

/// Whether a browser may send this: `null`, or a scheme and a host, with a port or without.
fn is_origin(text: &str) -> bool {
    match text.split_once("://") {
        Some((scheme, place)) => {
            let ends = |c: char| c == '/' || c.is_whitespace();
            !scheme.is_empty() && !place.is_empty() && !place.contains(ends)
        }
        None => text == "null",
    }
}

/// Whether an origin is of the host in the header `Host`, at any port: a page and a socket of one
/// host seldom share a port.
fn is_of_host(origin: &str, host: &str) -> bool {
    match origin.split_once("://") {
        Some(("http" | "https", place)) => {
            name(place) == name(host).to_ascii_lowercase() && !name(place).is_empty()
        }
        _ => false,
    }
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not within the brackets of an IPv6 address.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;

//! The connecting end: the upgrade request, and its answer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::poll_read_buf;
use tungstenite::handshake::client::{Request, Response, generate_key, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tungstenite::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use aiomsg_core::{Endpoint, Error, ErrorKind};

use super::Role;
use super::error::WebSocketError;
use super::guard::names;
use super::head::{Head, TooLong};
use super::stream::WebSocketStream;
use crate::io::explain;

/// Header lines to add to a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(HeaderMap);

impl Headers {
    /// Adds a header line.
    ///
    /// # Errors
    ///
    /// When the name or the value cannot be in a request, or the name is one of the upgrade's
    /// own.
    pub(crate) fn append(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let bad = |reason: &str| {
            Error::new(ErrorKind::Config)
                .with_reason(format!("the header \"{}\" {reason}", name.escape_debug()))
        };
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad("has a name that http does not allow"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| bad("has a value that http does not allow"))?;
        let own = [CONNECTION, UPGRADE, HOST];
        if own.contains(&key) || key.as_str().starts_with("sec-websocket-") {
            return Err(bad("belongs to the upgrade itself"));
        }
        self.0.append(key, value);
        Ok(())
    }
}

/// The header `Host` for an endpoint, without the port that its scheme has anyway.
pub(crate) fn host(endpoint: &Endpoint) -> String {
    let (host, port, own) = match endpoint {
        Endpoint::Ws { host, port, .. } => (host, *port, 80),
        Endpoint::Wss { host, port, .. } => (host, *port, 443),
        _ => return String::new(),
    };
    // A zone is for us alone (RFC 6874).
    let name = host.split('%').next().unwrap_or_default();
    let name = match name.contains(':') {
        true => format!("[{name}]"),
        false => name.to_owned(),
    };
    match port == own {
        true => name,
        false => format!("{name}:{port}"),
    }
}

/// Upgrades a connection to this host and path.
pub(crate) async fn connect<S>(
    mut io: S,
    host: &str,
    path: &str,
    headers: &Headers,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<S>, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = request(host, path, headers)?;
    let (text, key) = generate_request(request).map_err(unusable)?;
    io.write_all(&text).await.map_err(explain)?;
    io.flush().await.map_err(explain)?;
    let mut head = Head::default();
    let end = read_head(&mut io, &mut head).await?;
    let first = head.bytes.split_off(end);
    verify(&head.bytes, &derive_accept_key(key.as_bytes()))?;
    Ok(WebSocketStream::new(io, Role::Client, first))
}

fn request(host: &str, path: &str, headers: &Headers) -> Result<Request, Error> {
    let mut request = Request::new(());
    *request.uri_mut() = path.parse().map_err(|error| {
        unusable(tungstenite::Error::HttpFormat(
            tungstenite::http::Error::from(error),
        ))
    })?;
    let mut all = headers.0.clone();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| unusable(error.into()));
    all.insert(HOST, value(host)?);
    all.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    all.insert(UPGRADE, HeaderValue::from_static("websocket"));
    all.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    all.insert(SEC_WEBSOCKET_KEY, value(&generate_key())?);
    *request.headers_mut() = all;
    Ok(request)
}

fn unusable(error: tungstenite::Error) -> Error {
    Error::new(ErrorKind::Config)
        .with_reason("the host or the path cannot be in a websocket request")
        .with_source(error)
}

/// Reads the head of the answer, and returns where it ends.
async fn read_head(io: &mut (impl AsyncRead + Unpin), head: &mut Head) -> Result<usize, Error> {
    loop {
        match head.end() {
            Ok(Some(end)) => return Ok(end),
            Ok(None) => {}
            Err(TooLong) => return Err(refused("the head of its answer is too large")),
        }
        let room = head.room();
        let mut piece = (&mut head.bytes).limit(room);
        let read = poll_fn(|cx| poll_read_buf(Pin::new(&mut *io), cx, &mut piece));
        if read.await.map_err(explain)? == 0 {
            return Err(ErrorKind::Disconnected.into());
        }
    }
}

/// Checks that the answer is the upgrade (RFC 6455, section 4.1).
fn verify(head: &[u8], accept: &str) -> Result<(), Error> {
    let (_, response) = Response::try_parse(head)
        .ok()
        .flatten()
        .ok_or_else(|| refused("it does not answer in http/1.1"))?;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(format!("it answers {status}")));
    }
    let headers = response.headers();
    let has = |name: HeaderName, token: &str| names(headers, name.as_str(), token);
    if !has(UPGRADE, "websocket") || !has(CONNECTION, "upgrade") {
        return Err(refused("its answer lacks the headers of an upgrade"));
    }
    if headers
        .get(SEC_WEBSOCKET_ACCEPT)
        .is_none_or(|it| it != accept)
    {
        return Err(refused("its answer is to another request"));
    }
    for unasked in ["sec-websocket-protocol", "sec-websocket-extensions"] {
        if headers.contains_key(unasked) {
            return Err(refused(format!(
                "it answers with {unasked}, which was not asked for"
            )));
        }
    }
    Ok(())
}

fn refused(reason: impl Into<String>) -> Error {
    explain(io::Error::from(WebSocketError::NotUpgraded(reason.into())))
}

#[cfg(test)]
mod tests;

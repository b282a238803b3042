//! The server: bounded in connections, in the size of a request and in time.
//!
//! A connection carries one request. A client that asks once a second needs no more, and
//! no connection stays open.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::places::Places;
use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;

/// A response.
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// A request, of which the body is never read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What is behind the question mark.
    pub(crate) query: String,
    headers: hyper::HeaderMap,
}

/// How many connections there are at once. One that comes beyond that takes the place
/// of another, which most probably has nothing to ask.
const CONNECTIONS: usize = 256;

/// The most bytes of a request's head.
const HEAD: usize = 16 << 10;

/// How long a request may take to come, and all of it together.
const HEAD_TIME: Duration = Duration::from_secs(3);
const ALL_TIME: Duration = Duration::from_secs(10);

/// The pause when the system cannot accept.
const PAUSE: Duration = Duration::from_millis(500);

impl Asked {
    fn new(request: &Request<Incoming>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
        }
    }

    /// A header that is there once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// Listens, and says where.
pub(crate) async fn listen(address: SocketAddr) -> Outcome<(TcpListener, SocketAddr)> {
    let fail = |error: std::io::Error| {
        Failure::failed(format!(
            "http://{address}: cannot listen there: {}",
            said(&error)
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "http is served beyond this machine, to anybody, without a password");
    }
    Ok((listener, address))
}

/// Serves for as long as it is polled.
pub(crate) async fn serve(
    listener: TcpListener,
    answer: impl Fn(&Asked) -> Response + Send + Sync + 'static,
) -> Infallible {
    let answer = Arc::new(answer);
    let mut places = Places::new(CONNECTIONS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(error = %said(&error), "a look was not accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let has_asked = Arc::new(AtomicBool::new(false));
        let connection = connection(stream, Arc::clone(&answer), Arc::clone(&has_asked));
        places.make_room().await;
        places.add(tokio::spawn(connection), has_asked);
    }
}

async fn connection(
    stream: TcpStream,
    answer: Arc<impl Fn(&Asked) -> Response + Send + Sync + 'static>,
    has_asked: Arc<AtomicBool>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        let response = respond(&*answer, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // The other end sees the outcome.
    let _ = timeout(ALL_TIME, connection).await;
}

/// The answer, with the headers of all answers.
fn respond(
    answer: &(impl Fn(&Asked) -> Response + ?Sized),
    request: &Request<Incoming>,
) -> Response {
    let mut response = answer(&Asked::new(request));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page may have a policy of its own.
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    );
    let own = headers.entry(header::CONTENT_SECURITY_POLICY);
    own.or_insert(policy);
    response
}

/// A response of this type.
pub(crate) fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = hyper::Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A line of text.
pub(crate) fn text(status: StatusCode, text: &str) -> Response {
    response(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

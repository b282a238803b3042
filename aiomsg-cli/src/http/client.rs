//! The client of such a server.

use std::time::Duration;

use aiomsg::parts::transport::Connector;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tower::ServiceExt;

use super::url::Url;
use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer.
const LARGEST: usize = 16 << 20;

/// The body at a path.
pub(crate) async fn get(base: &Url, path: &str) -> Outcome<Bytes> {
    let url = format!("{base}{path}");
    match timeout(PATIENCE, ask(base, path)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(what)) => Err(Failure::nobody(format!("{url}: {what}"))),
        Err(_) => Err(Failure::nobody(format!(
            "{url}: no answer within {PATIENCE:?}"
        ))),
    }
}

async fn ask(base: &Url, path: &str) -> Result<Bytes, String> {
    // One of ours: it knows a connection to itself from one to a server.
    let stream = Connector::new().oneshot(base.endpoint.clone()).await;
    let stream = stream.map_err(|error| match error.io() {
        Some(error) => format!("nobody is there: {}", said(error)),
        None => said(&error).to_string(),
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| said(&error).to_string())?;
    let request = Request::get(base.path(path))
        .header(header::HOST, &*base.host)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| said(&error).to_string())?;
    tokio::spawn(async {
        // The request reports the outcome.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| format!("no answer in http: {}", said(&error)))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| format!("the answer breaks off: {}", said(&*error)))?;
    match status.is_success() {
        true => Ok(body.to_bytes()),
        false => Err(format!(
            "it answers {status}, and is no proxy with --dashboard"
        )),
    }
}

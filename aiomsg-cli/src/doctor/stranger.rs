//! A listener that is not the expected one.

use std::io;
use std::sync::Arc;

use aiomsg::tls::{default_provider, rustls};
use aiomsg::{Endpoint, Error, TlsConfig};

use super::first_bytes;
use super::look::{Answer, Look, PROBE};
use crate::common::advice::advice;
use crate::common::failure::Failure;
use crate::common::said::said;

/// The fault of a listener that does not answer as an aiomsg socket does.
pub(super) async fn explain(look: &Look, answer: Answer) -> Failure {
    let Look {
        endpoint, patience, ..
    } = look;
    match answer {
        Answer::Aiomsg { .. } => Failure::failed(format!("{endpoint}: an aiomsg socket answers")),
        Answer::Other { said, error } => other(look, &said, &error),
        Answer::Ended { error } if error.is_tls() => {
            let advice = advice(&error).unwrap_or_default();
            Failure::failed(format!("{endpoint}: {}; {advice}", said(&error)))
        }
        Answer::Ended { error } => match guess(look).await {
            Some(failure) => failure,
            None => Failure::failed(format!(
                "{endpoint}: something listens, but {}: it is not aiomsg, or it lets nobody in now; \
                 see its log",
                said(&error)
            )),
        },
        Answer::Silent { said } => match guess(look).await {
            Some(failure) => failure,
            None => {
                let how = match said.len() {
                    0 => "says nothing".to_owned(),
                    some => format!("says no more than {some} bytes"),
                };
                let time = humantime::format_duration(*patience);
                Failure::failed(format!(
                    "{endpoint}: something listens, but {how} for {time}: it is not aiomsg, or \
                     it hangs; see what runs there"
                ))
            }
        },
    }
}

/// The fault of a `tls://` endpoint where TLS fails.
pub(super) async fn without_tls(look: &Look, error: &Error) -> Failure {
    if let Some(plain) = plain(&look.endpoint) {
        let plain = Look::new(plain, None, look.patience);
        match plain.ask(PROBE).await.map(|asked| asked.answer) {
            Ok(Answer::Aiomsg { .. }) => {
                return Failure::failed(format!(
                    "{}: an aiomsg socket listens there, but without tls; connect to {}",
                    look.endpoint, plain.endpoint
                ));
            }
            Ok(Answer::Other { said, error }) if first_bytes::protocol(&said) != Some("tls") => {
                return other(look, &said, &error);
            }
            _ => {}
        }
    }
    let advice = advice(error).unwrap_or_default();
    Failure::failed(format!("{}; {advice}", said(error)))
}

fn other(look: &Look, bytes: &[u8], error: &Error) -> Failure {
    let endpoint = &look.endpoint;
    match (first_bytes::protocol(bytes), with_tls(endpoint)) {
        (Some("tls"), Some(other)) => expects_tls(endpoint, &other),
        (Some(protocol), _) => Failure::failed(format!(
            "{endpoint}: not aiomsg, but {protocol} is spoken there; check the port"
        )),
        (None, _) if error.is_version() => Failure::failed(format!(
            "{endpoint}: {}; the two ends need versions that go together",
            said(error)
        )),
        (None, _) => Failure::failed(format!(
            "{endpoint}: something listens that is not aiomsg, and begins with \"{}\"; check the \
             port",
            first_bytes::shown(bytes)
        )),
    }
}

fn expects_tls(endpoint: &Endpoint, other: &Endpoint) -> Failure {
    Failure::failed(format!(
        "{endpoint}: tls is spoken there; connect to {other} with --trust FILE"
    ))
}

/// Tries whether it speaks when it is spoken to in its own language.
async fn guess(look: &Look) -> Option<Failure> {
    let (speaks_tls, http) = tokio::join!(speaks_tls(look), look.ask(b"HEAD / HTTP/1.0\r\n\r\n"));
    if let Some(other) = speaks_tls {
        return Some(expects_tls(&look.endpoint, &other));
    }
    match http.ok()?.answer {
        Answer::Other { said, error } => Some(other(look, &said, &error)),
        _ => None,
    }
}

/// The `tls://` endpoint in place of this one, if the listener speaks TLS.
async fn speaks_tls(look: &Look) -> Option<Endpoint> {
    let endpoint = with_tls(&look.endpoint)?;
    // Nothing is trusted, so this fails in any case. The kind of failure tells.
    let provider = Arc::new(default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let config = TlsConfig::from_rustls(Some(Arc::new(config)), None);
    let look = Look::new(endpoint, Some(config), look.patience);
    let speaks = match look.connect().await {
        Ok(_) => true,
        Err(error) => of_rustls(&error)
            .is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(_))),
    };
    speaks.then_some(look.endpoint)
}

fn of_rustls(error: &Error) -> Option<&rustls::Error> {
    error.io().and_then(io::Error::get_ref)?.downcast_ref()
}

fn with_tls(endpoint: &Endpoint) -> Option<Endpoint> {
    match endpoint {
        Endpoint::Tcp { host, port } => Some(Endpoint::tls(host, *port)),
        _ => None,
    }
}

fn plain(endpoint: &Endpoint) -> Option<Endpoint> {
    match endpoint {
        Endpoint::Tls { host, port } => Some(Endpoint::tcp(host, *port)),
        Endpoint::TlsAt { address, .. } => Some(Endpoint::from(*address)),
        _ => None,
    }
}

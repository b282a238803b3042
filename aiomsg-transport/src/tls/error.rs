//! TLS errors, with explanations for the operator.

use std::io;

use aiomsg_core::error::{Error, ErrorKind, Remedy};
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, PeerIncompatible, PeerMisbehaved,
};

use super::unanswered::MayBe;

/// The error for a TLS endpoint without settings.
pub(crate) fn missing() -> Error {
    Error::new(ErrorKind::Config)
        .with_reason("a tls endpoint needs tls settings")
        .with_remedy(Remedy::Tls)
}

/// An error of the handshake.
pub(super) fn handshake_failed(error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let explained = explain(&error).unwrap_or_else(|| match error.kind() {
        Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe => tls(
            "the peer closed the connection during the tls handshake; is its endpoint a plain one? \
             if it is not, it may demand a certificate",
        )
        .with_remedy(Remedy::Certificate),
        _ => ErrorKind::Tls.into(),
    });
    explained.with_source(error)
}

/// The peer that we connected to answered with something that is not TLS.
fn speaks_plain() -> Error {
    tls("the peer does not speak tls; is its endpoint a plain one?")
}

/// The peer that connected to us began with something that is not TLS.
pub(super) fn begins_plain() -> Error {
    tls("the peer does not begin tls; does it connect with tcp:// in place of tls://?")
}

/// Whether we refuse the peer for its certificate, or for the lack of one.
pub(super) fn refuses_certificate(error: &io::Error) -> bool {
    matches!(
        of_rustls(error),
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    )
}

/// Returns whether one end has refused the other for its certificate, or for the lack of one,
/// as far as TLS tells.
pub fn is_about_certificates(error: &Error) -> bool {
    error.io().is_some_and(|error| match of_rustls(error) {
        Some(rustls::Error::AlertReceived(description)) => refuses_ours(*description),
        _ => refuses_certificate(error) || may_be(error).is_some(),
    })
}

fn may_be(error: &io::Error) -> Option<&MayBe> {
    error.get_ref()?.downcast_ref()
}

/// Whether the peer ends TLS with this for our certificate, or for the lack of one.
fn refuses_ours(description: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        description,
        Alert::UnknownCA
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::DecryptError
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::AccessDenied
    )
}

/// Returns an error of our own that explains a TLS error, or `None` for another error.
pub(crate) fn explain(error: &io::Error) -> Option<Error> {
    use rustls::Error as Tls;
    if let Some(why) = may_be(error) {
        // The source says what.
        let demanded = matches!(why, MayBe::Demanded);
        let remedy = demanded.then_some(Remedy::Certificate);
        return Some(Error::from(ErrorKind::Tls).with_remedy(remedy));
    }
    if is_truncation(error) {
        return Some(Error::new(ErrorKind::Disconnected).with_reason(
            "the peer closed the connection without the end of tls, so what it sent last may have \
             been cut off",
        ));
    }
    Some(match of_rustls(error)? {
        Tls::InvalidCertificate(reason) => {
            tls(certificate(reason)).with_remedy(certificate_remedy(reason))
        }
        Tls::NoCertificatesPresented => {
            tls("the peer presents no certificate, and one is demanded")
        }
        Tls::AlertReceived(description) => {
            tls(alert(*description)).with_remedy(alert_remedy(*description))
        }
        Tls::InvalidMessage(_) => speaks_plain(),
        Tls::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
            tls("the peer asks for renegotiation, which is not done")
        }
        Tls::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            // Which a client of 1.2 would send.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        ) => tls("the peer speaks an old version of tls, and 1.2 or 1.3 is needed"),
        Tls::PeerIncompatible(reason) => tls(format!(
            "the peer and we have no tls version or cipher in common: {reason:?}"
        )),
        _ => ErrorKind::Tls.into(),
    })
}

fn tls(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Tls).with_reason(reason)
}

/// Whether a connection has ended before TLS. rustls says so only by its text.
fn is_truncation(error: &io::Error) -> bool {
    let ended = error.kind() == io::ErrorKind::UnexpectedEof;
    let text = error.get_ref().filter(|_| ended).map(ToString::to_string);
    text.is_some_and(|text| text.contains("close_notify"))
}

fn of_rustls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The reason why we refuse the peer.
fn certificate(reason: &CertificateError) -> String {
    use CertificateError as Why;
    let what = match reason {
        Why::UnknownIssuer => "is not trusted: it is none of the certificates that are trusted, \
                               and none of them issued it"
            .to_owned(),
        Why::Expired => "has expired".to_owned(),
        Why::NotValidYet => "is not valid yet".to_owned(),
        Why::ExpiredContext { .. } | Why::NotValidYetContext { .. } => {
            format!("is not valid now: {reason}")
        }
        Why::NotValidForName => "has another name than the endpoint".to_owned(),
        Why::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match presented.as_slice() {
                [] => format!("has no subject alternative name, and \"{expected}\" is expected"),
                names => format!(
                    "has another name: \"{expected}\" is expected, it has {}",
                    names.join(", ")
                ),
            }
        }
        Why::BadSignature => "is presented without proof that the peer holds its key".to_owned(),
        other => format!("is refused: {other}"),
    };
    format!("the peer's certificate {what}")
}

/// The setting of ours that makes the peer's certificate good.
fn certificate_remedy(reason: &CertificateError) -> Option<Remedy> {
    use CertificateError as Why;
    match reason {
        Why::UnknownIssuer => Some(Remedy::Trust),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => Some(Remedy::ServerName),
        _ => None,
    }
}

/// The setting of ours that a peer may miss that refuses us.
fn alert_remedy(description: AlertDescription) -> Option<Remedy> {
    use AlertDescription as Alert;
    match description {
        Alert::CertificateRequired
        | Alert::ProtocolVersion
        | Alert::HandshakeFailure
        | Alert::InsufficientSecurity => Some(Remedy::Certificate),
        _ => None,
    }
}

/// The reason why the peer refuses us.
fn alert(description: AlertDescription) -> String {
    use AlertDescription as Alert;
    match description {
        Alert::UnknownCA => "the peer refused our certificate: it does not trust it".to_owned(),
        Alert::CertificateExpired => {
            "the peer refused our certificate: it is not valid now".to_owned()
        }
        Alert::CertificateRequired => {
            "the peer demands a certificate, and we have none to present".to_owned()
        }
        Alert::DecryptError => {
            "the peer refused our proof that we hold the key of our certificate".to_owned()
        }
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateUnknown
        | Alert::AccessDenied => format!("the peer refused our certificate: {description:?}"),
        Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => format!(
            "the peer and we have no tls version or cipher in common, or it demands a \
             certificate: {description:?}"
        ),
        other => format!("the peer ended tls: {other:?}"),
    }
}

use std::sync::Arc;

use super::*;

type Question = fn(&Error) -> bool;

/// Each kind, and the question that is for it.
const KINDS: [(ErrorKind, Question); 16] = [
    (ErrorKind::Closed, Error::is_closed),
    (ErrorKind::Timeout, Error::is_timeout),
    (ErrorKind::Disconnected, Error::is_disconnected),
    (ErrorKind::Config, Error::is_config),
    (ErrorKind::Address, Error::is_address),
    (ErrorKind::Io, Error::is_io),
    (ErrorKind::Tls, Error::is_tls),
    (ErrorKind::Protocol, Error::is_protocol),
    (ErrorKind::Version, Error::is_version),
    (ErrorKind::TooLarge, Error::is_too_large),
    (ErrorKind::IdentityInUse, Error::is_identity_in_use),
    (ErrorKind::IdentityRefused, Error::is_identity_refused),
    (ErrorKind::Limit, Error::is_limit),
    (ErrorKind::Layer, Error::is_layer),
    (ErrorKind::Payload, Error::is_payload),
    (ErrorKind::Unhandled, Error::is_unhandled),
];

/// As a middleware of another crate, around an error in a box.
#[derive(Debug, thiserror::Error)]
#[error("the middleware failed")]
struct Foreign(#[source] BoxError);

/// All the ways on which an error of this kind reaches a user.
fn ways(kind: ErrorKind) -> Vec<Error> {
    let foreign = |error: BoxError| BoxError::from(Foreign(error));
    vec![
        Error::new(kind),
        Error::from_boxed(Error::new(kind).into()),
        Error::from_boxed(foreign(Error::new(kind).into())),
        Error::from_boxed(foreign(foreign(Error::new(kind).into()))),
        Error::from_boxed(foreign(Arc::new(Error::new(kind)).into())),
        Error::new(ErrorKind::Layer).with_source(Error::new(kind)),
    ]
}

#[test]
fn kind_and_questions_agree_for_every_kind_and_through_boxes() {
    for (kind, _) in KINDS {
        for error in ways(kind) {
            assert_eq!(error.kind(), kind, "{}", error.chain());
            for (asked, is) in KINDS {
                // Another version is another protocol, too.
                let version = kind == ErrorKind::Version && asked == ErrorKind::Protocol;
                let expected = asked == kind || version;
                assert_eq!(is(&error), expected, "{asked:?} of {kind:?}");
            }
        }
    }
}

/// What an error of ours says by itself counts, and not what has caused it.
#[test]
fn the_outer_kind_counts_where_it_is_no_layer() {
    let error = Error::new(ErrorKind::Config).with_source(Error::new(ErrorKind::Address));
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.is_config() && !error.is_address());
}

#[test]
fn every_text_is_one_line_in_lower_case_without_a_stop() {
    for (kind, _) in KINDS {
        let text = Error::new(kind).to_string();
        assert_eq!(text, text.to_lowercase());
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
    }
}

#[test]
fn an_error_of_another_crate_is_the_source() {
    let foreign = Error::from_boxed("a layer of the user's".into());
    assert!(foreign.is_layer() && !foreign.is_closed());
    assert_eq!(foreign.to_string(), "a layer failed");
    assert_eq!(
        foreign.source().map(ToString::to_string).as_deref(),
        Some("a layer of the user's")
    );
    let chain = foreign.chain().to_string();
    assert_eq!(chain, "a layer failed: a layer of the user's");
}

#[test]
fn the_text_of_a_source_is_in_the_source_only() {
    let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let endpoint = "nowhere".parse::<Endpoint>().unwrap_err();
    for error in [Error::from(io), Error::from(endpoint)] {
        let source = error.source().unwrap().to_string();
        assert!(!error.to_string().contains(&source), "{error}");
        assert_eq!(error.chain().to_string(), format!("{error}: {source}"));
    }
}

/// Payloads, whole identities and certificates are nobody's business in a log.
#[test]
fn no_secret_is_shown() {
    let peer = Identity::new(b"secret-identity!").unwrap();
    let error = Error::new(ErrorKind::Timeout)
        .with_peer(peer)
        .with_message(Outbound::new("secret-payload"));
    for text in [error.to_string(), error.chain().to_string()] {
        assert!(
            text.starts_with("peer ") && !text.contains("secret"),
            "{text}"
        );
    }
    assert!(!format!("{error:?}").contains("secret-payload"));
}

#[test]
fn the_message_can_be_taken_back() {
    let mut error = Error::new(ErrorKind::Closed).with_message(Outbound::new("kept"));
    assert_eq!(
        error.take_message().map(Outbound::into_payload).as_deref(),
        Some(&b"kept"[..])
    );
    assert!(error.take_message().is_none());
}

#[test]
fn a_reset_is_a_disconnect() {
    let error = Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    assert!(error.is_disconnected());
    assert!(error.io().is_some());
}

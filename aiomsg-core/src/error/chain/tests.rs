use super::*;
use crate::{Endpoint, ErrorKind};

#[test]
fn system_errors_read_like_ours() {
    for (given, shown) in [
        ("Connection refused", "connection refused"),
        ("SUN_LEN is short", "SUN_LEN is short"),
        ("", ""),
        ("É", "É"),
    ] {
        assert_eq!(chain(&io::Error::other(given)).to_string(), shown);
    }
}

#[test]
fn each_level_is_said_once() {
    let error = Error::new(ErrorKind::Io)
        .with_reason("the file is a directory")
        .with_source(io::Error::from(io::ErrorKind::ConnectionRefused))
        .at(Endpoint::tcp("localhost", 1));
    let level = "tcp://localhost:1: input or output failed: the file is a directory";
    assert_eq!(error.to_string(), level);
    let chain = error.chain().to_string();
    assert_eq!(chain, format!("{level}: connection refused"));
}

/// As tower's buffer does it.
#[test]
fn what_another_crate_repeats_is_said_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("buffered service failed: {0}")]
    struct Buffered(#[source] Error);

    let error = Buffered(Error::new(ErrorKind::Closed));
    let shown = "buffered service failed: the socket is closed";
    assert_eq!(chain(&error).to_string(), shown);
}

#[test]
fn the_remedy_comes_last_and_can_be_left_out() {
    let inner = Error::new(ErrorKind::Tls)
        .with_reason("the peer demands a certificate")
        .with_source(io::Error::other("Alert"))
        .with_remedy(Remedy::Certificate);
    let outer = Error::new(ErrorKind::Layer).with_source(inner);
    let levels = "a layer failed: tls failed: the peer demands a certificate: alert";
    assert_eq!(outer.remedy(), Some(Remedy::Certificate));
    let remedy = Remedy::Certificate.to_string();
    assert_eq!(outer.chain().to_string(), format!("{levels}; {remedy}"));
    assert_eq!(outer.chain().without_remedy().to_string(), levels);
}

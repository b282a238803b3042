//! Trust by the options of the command line.

use super::certificate::{Certificate, certificate, issued_by, with_name};
use super::process::{Done, Process, command, run};

/// A receiver of one message with this certificate, and its endpoint.
fn receiver(ours: &Certificate, options: &[&str]) -> (Process, String) {
    let args = ["recv", "-n", "1", "-b", "tls://127.0.0.1:0"];
    let mut there = Process::start(&[&args[..], &ours.options(), options].concat());
    let endpoint = there.endpoint();
    (there, endpoint)
}

fn send(endpoint: &str, options: &[&str]) -> Done {
    run(&[&["send", "-c", endpoint, "hello"], options].concat())
}

/// Neither the names of the certificates nor an authority matter, only the pins.
#[test]
fn two_ends_that_pin_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, theirs, other] =
        ["ours", "theirs", "other"].map(|name| certificate(dir.path(), name));
    let (there, endpoint) = receiver(&ours, &["--pin", theirs.path()]);
    let refused = [
        &["--pin", other.path(), "--timeout", "5s"][..],
        &theirs.options(),
    ];
    send(&endpoint, &refused.concat()).fails(3, &["certificate is not trusted", "--pin"]);
    let stranger = [
        &["--pin", ours.path(), "--timeout", "5s"][..],
        &other.options(),
    ];
    send(&endpoint, &stranger.concat()).fails(3, &["refused our certificate"]);
    let good = [&["--pin", ours.path()][..], &theirs.options()].concat();
    send(&endpoint, &good).ends(0);
    assert_eq!(there.finish().ends(0).text(), "hello\n");
}

/// A pin is for its certificate alone.
#[test]
fn a_pinned_authority_issues_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let authority = certificate(dir.path(), "authority");
    let ours = issued_by(&authority, dir.path(), "ours");
    let (there, endpoint) = receiver(&ours, &[]);
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    send(&endpoint, &["--pin", authority.path(), "--timeout", "5s"])
        .fails(3, &["certificate is not trusted"]);
    send(&endpoint, &["--trust", authority.path()]).ends(0);
    there.finish().ends(0);
}

/// The variable stands for the place where the system has its authorities.
#[test]
fn the_authorities_of_the_system_are_trusted_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let authority = certificate(dir.path(), "authority");
    let ours = issued_by(&authority, dir.path(), "ours");
    let (there, endpoint) = receiver(&ours, &[]);
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    let sent = command(&["send", "-c", &endpoint, "--system-roots", "hello"])
        .env("SSL_CERT_FILE", &authority.cert)
        .output()
        .unwrap();
    assert_eq!(
        sent.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    there.finish().ends(0);
    // They admit nobody who connects.
    let args = ["recv", "-b", "tls://127.0.0.1:0", "--system-roots"];
    run(&[&args[..], &ours.options()].concat())
        .fails(2, &["--system-roots needs --pin or --trust"]);
}

/// Sends with this certificate under an identity. Each end pins the other.
fn send_as(identity: &str, text: &str, endpoint: &str, pair: [&Certificate; 2]) -> Done {
    let [theirs, ours] = pair;
    let who = ["--pin", ours.path(), "--identity", identity];
    // Refused only after its own handshake, it tries until its time is up.
    let times = ["--at-least-once", "--timeout", "2s", "--linger", "2s"];
    let args = ["send", "-c", endpoint, text];
    run(&[&args[..], &who, &times, &theirs.options()].concat())
}

#[test]
fn an_identity_belongs_to_its_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| certificate(dir.path(), name));
    let bound = format!("{}=consumer-no-0007", theirs.fingerprint());
    let (there, endpoint) = receiver(&ours, &["--pin", theirs.path(), "--peer-identity", &bound]);
    let pair = [&theirs, &ours];
    let refused = send_as("consumer-no-0008", "refused", &endpoint, pair);
    assert_ne!(refused.code, Some(0));
    send_as("consumer-no-0007", "accepted", &endpoint, pair).ends(0);
    assert_eq!(there.finish().ends(0).text(), "accepted\n");
}

#[test]
fn an_identity_is_a_name_in_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        certificate(dir.path(), "ours"),
        with_name(dir.path(), "consumer-no-0007"),
    );
    let (there, endpoint) = receiver(&ours, &["--pin", theirs.path(), "--peer-identity-by-name"]);
    let pair = [&theirs, &ours];
    let refused = send_as("consumer-no-0008", "refused", &endpoint, pair);
    assert_ne!(refused.code, Some(0));
    send_as("consumer-no-0007", "accepted", &endpoint, pair).ends(0);
    assert_eq!(there.finish().ends(0).text(), "accepted\n");
    // Without trust, no peer that connects would present a certificate.
    let args = ["recv", "-b", "tls://127.0.0.1:0", "--peer-identity-by-name"];
    run(&[&args[..], &ours.options()].concat()).fails(2, &["needs --pin or --trust"]);
}

/// The connections were plain, and nobody was told.
#[test]
fn options_of_tls_without_an_endpoint_that_uses_it_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ours = certificate(dir.path(), "ours");
    for args in [
        [&["recv", "-b", "tcp://127.0.0.1:0"][..], &ours.options()].concat(),
        vec!["send", "-c", "127.0.0.1:1", "--trust", ours.path(), "x"],
        vec!["send", "-c", "127.0.0.1:1", "--system-roots", "x"],
    ] {
        run(&args).fails(2, &["no endpoint uses tls", "tls://"]);
    }
}

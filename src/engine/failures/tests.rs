use aiomsg_core::ErrorKind;

use super::*;

#[tokio::test]
async fn a_long_reason_is_cut_and_kinds_are_bounded() {
    let failures = Failures::new();
    for port in 0..2000 {
        let error = Error::new(ErrorKind::Protocol).with_reason("ä".repeat(10_000));
        let endpoint = Endpoint::tcp("localhost", port);
        failures.dial(&endpoint, &error, Duration::ZERO, None);
    }
    let recent = failures.recent();
    assert_eq!(recent.len(), MOST + 1);
    assert_eq!(recent.iter().map(|it| it.count).sum::<u64>(), 2000);
    assert!(recent.iter().all(|it| it.reason.len() < LONGEST + 10));
}

#[tokio::test]
async fn a_frequent_reason_of_a_handler_does_not_hide_another_and_texts_are_bounded() {
    let failures = Failures::new();
    let fail = |text: &str| {
        let error = Error::new(ErrorKind::Layer).with_reason(text);
        failures.handler(&Identity::random(), &error);
    };
    for _ in 0..100 {
        fail("the disk is full");
    }
    fail("no such table");
    let count = |text: &str| {
        let recent = failures.recent();
        let found = recent.iter().find(|it| it.reason.ends_with(text));
        found.map(|it| it.count)
    };
    assert_eq!(count("the disk is full"), Some(100));
    assert_eq!(count("no such table"), Some(1));

    for job in 0..1000 {
        fail(&format!("job {job} is unknown"));
    }
    let recent = failures.recent();
    assert_eq!(recent.len(), MOST_TEXTS + 1);
    assert_eq!(recent.iter().map(|it| it.count).sum::<u64>(), 1101);
}

#[tokio::test]
async fn an_error_whose_text_panics_is_a_failure_like_others() {
    #[derive(Debug)]
    struct Bad;
    impl std::fmt::Display for Bad {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    impl std::error::Error for Bad {}

    let failures = Failures::new();
    let error = Error::new(ErrorKind::Layer).with_source(Bad);
    failures.handler(&Identity::random(), &error);
    let recent = failures.recent();
    assert_eq!(recent.len(), 1);
    assert!(
        recent[0].reason.contains("panicked"),
        "{}",
        recent[0].reason
    );
}

#[test]
fn what_fails_before_there_is_an_identity_is_told_from_what_is_refused() {
    let endpoint = Endpoint::tcp("localhost", 1);
    let kind = |error: ErrorKind, has_peer| Key::accept(&endpoint, has_peer, &error.into()).kind;
    assert_eq!(kind(ErrorKind::Io, false), FailureKind::Accept);
    assert_eq!(kind(ErrorKind::Protocol, true), FailureKind::Handshake);
    assert_eq!(kind(ErrorKind::Tls, true), FailureKind::Handshake);
    assert_eq!(kind(ErrorKind::IdentityInUse, true), FailureKind::Refused);
}

#[test]
fn what_peers_put_into_a_reason_stays_on_its_line() {
    assert_eq!(cut("a\nb\u{1b}[0m ä"), "a\\nb\\u{1b}[0m ä");
}

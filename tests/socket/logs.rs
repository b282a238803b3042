//! What is logged, and what never is.

use super::bad_input::refused;
use super::captured_log::Log;
use super::*;
use crate::authority::{Authority, Wanted};
use aiomsg::Identity;
use aiomsg::peer::CertifiedIdentityLayer;
use tracing::Level;

const ALICE: [u8; 16] = *b"alice's identity";
const SECRET: &str = "attack at dawn";

/// A session with all that is logged in it: connections that come, are refused
/// and end, messages, messages that are given up, certificates that are
/// reloaded.
async fn session(level: Level) -> (String, Vec<String>) {
    let (log, _subscribed) = Log::capture(level);

    let root = Authority::root("root");
    let own = root.issue(Wanted::named("alice's identity"));
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    std::fs::write(at("cert"), &own.chain).unwrap();
    std::fs::write(at("key"), &own.key).unwrap();
    let tls = aiomsg::TlsConfig::builder()
        .certificate_files(at("cert"), at("key"))
        .trust_pem(root.pem())
        .build()
        .unwrap();
    let server = Socket::builder()
        .tls(tls.clone())
        .accept_layer(CertifiedIdentityLayer::names())
        .build()
        .unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let alice = Socket::builder().tls(tls.clone()).identity(ALICE);
    let alice = alice.build().unwrap();
    alice.connect(endpoint.clone()).unwrap();
    alice.send(SECRET).await.unwrap();
    assert_eq!(within("it", server.recv()).await.unwrap(), SECRET);

    let thief = Socket::builder().tls(tls.clone()).build().unwrap();
    thief.connect(endpoint.clone()).unwrap();
    assert!(refused(&mut events).await.is_identity_refused());
    let mut stranger = Raw::connect(&endpoint).await;
    stranger.write(SECRET).await;
    refused(&mut events).await;

    let mut watch = Box::pin(tls.watch(Duration::from_millis(10), |_| {}));
    std::fs::write(at("key"), "no key at all").unwrap();
    let some_time = tokio::time::sleep(Duration::from_millis(100));
    tokio::select! {
        never = &mut watch => match never {},
        () = some_time => {}
    }

    let gone = Identity::from(*b"whoever this was");
    let to_nobody = server.send_to(gone.clone(), SECRET);
    within("room", to_nobody).await.unwrap();
    alice.close(PATIENCE).await;
    event(&mut events, "her end", |event| {
        matches!(event, Event::PeerDown { .. }).then_some(())
    })
    .await;
    server.close(Duration::ZERO).await;

    let mut secrets = vec![SECRET.to_owned(), hex(SECRET.as_bytes())];
    secrets.extend(own.key.lines().map(str::to_owned));
    for identity in [&Identity::from(ALICE), thief.identity(), &gone] {
        secrets.push(identity.to_string());
        secrets.push(identity.as_bytes().escape_ascii().to_string());
    }
    (log.text(), secrets)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn no_payload_no_key_and_no_whole_identity() {
    for level in [Level::INFO, Level::TRACE] {
        let (log, secrets) = session(level).await;
        for expected in ["listening", "peer up", "peer down", "certificates not"] {
            assert!(log.contains(expected), "\"{expected}\" in:\n{log}");
        }
        let short = Identity::from(ALICE).short().to_string();
        assert!(log.contains(&short), "{log}");
        // It is the name in her certificate here, and that is no secret.
        let shown = log.replace("CN=alice's identity", "");
        for secret in secrets {
            assert!(!shown.contains(&secret), "\"{secret}\" in:\n{log}");
        }
    }
}

/// A line for each of very many strangers would fill a disk.
#[tokio::test]
async fn refusals_are_not_logged_where_all_can_cause_them() {
    let (log, _) = session(Level::INFO).await;
    assert!(!log.contains("not accepted"), "{log}");
}

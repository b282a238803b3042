//! Nobody takes another's identity.

use super::bad_input::{dial_failed, refused};
use super::*;
use crate::authority::{Authority, Issued, Wanted};
use aiomsg::peer::{Certificate, CertifiedIdentityLayer};
use aiomsg::{AckMode, Delivery, Identity};
use futures::StreamExt;
use tower::filter::FilterLayer;

const ALICE: [u8; 16] = *b"alice's identity";
const BOB: [u8; 16] = *b"bob's identity..";

/// An authority, and a server that binds identities to names in certificates.
struct World {
    root: Authority,
    server: Socket,
    endpoint: Endpoint,
    events: Events,
}

impl World {
    async fn new() -> Self {
        let root = Authority::root("root");
        let own = root.issue(Wanted::named("the server"));
        let server = Socket::builder()
            .tls(own.and_trust(&root.pem()))
            .accept_layer(CertifiedIdentityLayer::names())
            .build()
            .unwrap();
        let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
        let events = server.events();
        Self {
            root,
            server,
            endpoint,
            events,
        }
    }

    fn issue(&self, identity: &[u8]) -> Issued {
        let name = std::str::from_utf8(identity).unwrap();
        self.root.issue(Wanted::named(name))
    }

    fn socket(&self, certificate: &Issued, identity: [u8; 16]) -> Socket {
        let tls = certificate.and_trust(&self.root.pem());
        let socket = Socket::builder().tls(tls).identity(identity);
        let socket = socket.build().unwrap();
        socket.connect(self.endpoint.clone()).unwrap();
        socket
    }

    async fn hears(&self, from: &Socket, text: &str) {
        from.send(text.to_owned()).await.unwrap();
        let heard = within("a message", self.server.recv_identity()).await;
        let (identity, message) = heard.unwrap();
        assert_eq!(message, text);
        assert_eq!(&identity, from.identity());
    }
}

#[tokio::test]
async fn a_valid_certificate_does_not_give_another_ones_identity() {
    let mut world = World::new().await;
    let alice = world.socket(&world.issue(&ALICE), ALICE);
    world.hears(&alice, "first").await;

    let bob = world.issue(&BOB);
    let thief = world.socket(&bob, ALICE);
    let mut theirs = thief.events();
    for n in 0..3 {
        let (error, certificate) = event(&mut world.events, "the refusal", |event| {
            let certificate = event.certificate().cloned();
            match event {
                Event::AcceptFailed { error, .. } => Some((error, certificate)),
                _ => None,
            }
        })
        .await;
        assert!(error.is_identity_refused(), "{error}");
        assert_eq!(error.peer(), Some(&Identity::from(ALICE)));
        let certificate = certificate.unwrap();
        assert_eq!(certificate.common_name(), std::str::from_utf8(&BOB).ok());
        let shown = error.to_string();
        assert!(
            shown.contains(&certificate.fingerprint().to_string()),
            "{shown}"
        );
        assert!(
            !shown.contains(&Identity::from(ALICE).to_string()),
            "{shown}"
        );
        world.hears(&alice, &n.to_string()).await;
    }
    // The connection has ended before it was of any use to the thief.
    let gone = event(&mut theirs, "its end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        Event::DialFailed { error, .. } => Some(error),
        _ => None,
    });
    gone.await;
    assert_eq!(world.server.stats().connections, 1);

    // Under its own identity it is welcome.
    let bob = world.socket(&bob, BOB);
    world.hears(&bob, "as myself").await;
    world.hears(&alice, "last").await;
}

/// With the same certificate, which proves who it is, a peer that returns need
/// not wait for its old connection to be found dead.
#[tokio::test(start_paused = true)]
async fn a_peer_that_returns_takes_its_own_place() {
    let world = World::new().await;
    let certificate = world.issue(&ALICE);
    let before = world.socket(&certificate, ALICE);
    world.hears(&before, "before").await;
    let after = world.socket(&certificate, ALICE);
    world.hears(&after, "after").await;
}

#[tokio::test]
async fn a_peer_without_tls_is_refused() {
    let mut world = World::new().await;
    let endpoint = world.server.bind("tcp://127.0.0.1:0").await.unwrap();
    let plain = Socket::builder().identity(ALICE).build().unwrap();
    plain.connect(endpoint).unwrap();
    let error = refused(&mut world.events).await;
    assert!(error.is_identity_refused(), "{error}");
    assert!(error.to_string().contains("no certificate"), "{error}");
}

#[tokio::test]
async fn plain_peers_may_be_allowed_what_is_nobodys() {
    let root = Authority::root("root");
    let alice = root.issue(Wanted::named("anything"));
    let tls = alice.and_trust(&root.pem());
    let probe = Socket::builder().tls(tls.clone()).build().unwrap();
    let at = probe.bind("tls://127.0.0.1:0").await.unwrap();
    let itself = Socket::builder().tls(tls.clone()).build().unwrap();
    itself.connect(at).unwrap();
    within("itself", probe.wait_for_peers(1)).await.unwrap();
    let fingerprint = probe.peers()[0].certificate().unwrap().fingerprint();

    let table = CertifiedIdentityLayer::table([(fingerprint, ALICE.into())]);
    let server = Socket::builder()
        .tls(tls.clone())
        .accept_layer(table.without_certificate(|_| true))
        .build()
        .unwrap();
    let mut events = server.events();
    let secure = server.bind("tls://127.0.0.1:0").await.unwrap();
    let plain = server.bind("tcp://127.0.0.1:0").await.unwrap();

    let thief = Socket::builder().identity(ALICE).build().unwrap();
    thief.connect(plain.clone()).unwrap();
    let error = refused(&mut events).await;
    assert!(error.is_identity_refused(), "{error}");
    thief.close(Duration::ZERO).await;

    let somebody = Socket::new().unwrap();
    somebody.connect(plain).unwrap();
    let alice = Socket::builder().tls(tls).identity(ALICE).build().unwrap();
    alice.connect(secure).unwrap();
    within("both", server.wait_for_peers(2)).await.unwrap();
    let peer = server.peer(alice.identity()).unwrap();
    assert_eq!(peer.certificate().unwrap().fingerprint(), fingerprint);
    assert!(
        server
            .peer(somebody.identity())
            .unwrap()
            .certificate()
            .is_none()
    );
}

/// The same layer around connecting: a server that is not who it says.
#[tokio::test]
async fn a_server_may_not_take_another_ones_identity_either() {
    let root = Authority::root("root");
    let own = root.issue(Wanted::named(std::str::from_utf8(&BOB).unwrap()));
    let tls = own.and_trust(&root.pem());
    let [thief, bob] = [ALICE, BOB].map(|identity| {
        let socket = Socket::builder().tls(tls.clone()).identity(identity);
        socket.build().unwrap()
    });
    let client = Socket::builder()
        .tls(tls.clone())
        .dial_layer(CertifiedIdentityLayer::names())
        .build()
        .unwrap();
    let mut events = client.events();
    client
        .connect(thief.bind("tls://127.0.0.1:0").await.unwrap())
        .unwrap();
    let error = dial_failed(&mut events).await;
    assert!(error.is_identity_refused(), "{error}");
    assert_eq!(
        error.certificate().unwrap().common_name(),
        std::str::from_utf8(&BOB).ok()
    );
    client
        .connect(bob.bind("tls://127.0.0.1:0").await.unwrap())
        .unwrap();
    bob.send("from bob").await.unwrap();
    assert_eq!(
        within("a message", client.recv()).await.unwrap(),
        "from bob"
    );
}

/// What a layer of the receive path knows of the sender.
#[tokio::test]
async fn layers_see_the_senders_certificate_on_each_delivery() {
    let root = Authority::root("root");
    let server = root.issue(Wanted::named("server"));
    let may_write = |certificate: Option<&Certificate>| {
        certificate.is_some_and(|it| it.common_name() == Some("writer"))
    };
    let server = Socket::builder()
        .tls(server.and_trust(&root.pem()))
        .receive_layer(FilterLayer::new(move |message: Delivery| {
            match may_write(message.certificate()) {
                true => Ok(message),
                false => Err("it may only read"),
            }
        }))
        .build()
        .unwrap();
    let mut events = server.events();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let [reader, writer] = ["reader", "writer"].map(|name| {
        let tls = root.issue(Wanted::named(name)).and_trust(&root.pem());
        let socket = Socket::builder().tls(tls).at_least_once().max_resends(0);
        let socket = socket.build().unwrap();
        socket.connect(endpoint.clone()).unwrap();
        socket
    });
    reader.send("from the reader").await.unwrap();
    let certificate = event(&mut events, "the refusal", |event| match &event {
        Event::Refused { .. } => Some(event.certificate().cloned()),
        _ => None,
    })
    .await;
    assert_eq!(certificate.unwrap().common_name(), Some("reader"));
    for n in 0..100 {
        writer.send(n.to_string()).await.unwrap();
        let message = within("a message", server.recv_message()).await.unwrap();
        assert_eq!(message.payload(), n.to_string().as_bytes());
        assert_eq!(message.certificate().unwrap().common_name(), Some("writer"));
    }
    // It was acknowledged, so its id was not lost beside the certificate.
    assert!(writer.close(Duration::from_secs(10)).await.is_clean());
}

/// "`None` on a connection without TLS": it was so without layers of the receive path, too.
#[tokio::test]
async fn a_message_has_the_certificate_of_its_sender() {
    let root = Authority::root("root");
    let server = root.issue(Wanted::named("server"));
    let server = Socket::builder()
        .tls(server.and_trust(&root.pem()))
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let tls = root.issue(Wanted::named("worker")).and_trust(&root.pem());
    let client = Socket::builder().tls(tls).at_least_once();
    let client = client.build().unwrap();
    client.connect(endpoint).unwrap();
    for payload in ["one", "two", "three"] {
        client.send(payload).await.unwrap();
    }
    let name = |message: &Delivery| {
        let certificate = message.certificate().unwrap();
        certificate.common_name().unwrap().to_owned()
    };
    let one = within("one", server.recv_message()).await.unwrap();
    assert_eq!(name(&one), "worker");
    let two = within("two", server.deliveries().next()).await.unwrap();
    assert_eq!(name(&two), "worker");
    let mut three = Vec::new();
    within("three", server.recv_many(&mut three, 1))
        .await
        .unwrap();
    assert_eq!(name(&three[0]), "worker");
    assert!(one.ack() && two.ack() && three[0].ack());
    assert!(client.close(Duration::from_secs(10)).await.is_clean());
    assert!(!one.ack(), "its peer is gone");
}

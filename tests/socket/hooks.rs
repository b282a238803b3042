//! A function of a user's that panics costs one try or one message, and nothing else.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use aiomsg::Outbound;
use aiomsg::layer::{PeerSet, Pick, Policy};
use aiomsg::message::DropReason;

#[tokio::test]
async fn a_delay_function_that_panics_does_not_end_the_tries() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = dead.local_addr().unwrap();
    drop(dead);
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let client = Socket::builder()
        .reconnect_delay(move |_| {
            assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
            Duration::from_millis(10)
        })
        .build()
        .unwrap();
    let mut events = client.events();
    client.connect(address).unwrap();
    bad_input::dial_failed(&mut events).await;
    let server = Socket::new().unwrap();
    server.bind(address).await.unwrap();
    within("the client", client.wait_for_peers(1))
        .await
        .unwrap();
    assert!(asked.load(Ordering::Relaxed) > 0);
}

/// Panics at "bad", wherever it is asked for it.
struct Picky(AtomicBool);

impl<P> Policy<P> for Picky {
    fn poll_ready(&mut self, _: &PeerSet<P>, _: &mut Context<'_>) -> Poll<()> {
        assert!(self.0.swap(true, Ordering::Relaxed), "the first time");
        Poll::Ready(())
    }

    fn pick(&mut self, _: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        assert!(message.payload() != "bad", "a message that it cannot place");
        Pick::One(0)
    }
}

#[tokio::test]
async fn a_policy_that_panics_costs_the_message_at_which_it_does() {
    let socket = Socket::builder()
        .policy(Picky(false.into()))
        .build()
        .unwrap();
    let mut events = socket.events();
    // They wait, so that it is the task that empties the buffer which places them.
    for text in ["1", "bad", "2"] {
        socket.send(text).await.unwrap();
    }
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let peer = Socket::new().unwrap();
    peer.connect(endpoint).unwrap();
    for text in ["1", "2"] {
        assert_eq!(within("the others", peer.recv_text()).await.unwrap(), text);
    }
    let lost = event(&mut events, "the message", |event| match event {
        Event::Dropped {
            message,
            reason: DropReason::PolicyFailed,
        } => Some(message),
        _ => None,
    })
    .await;
    assert_eq!(lost.payload(), "bad");
    // Where its sender waits, it is returned.
    let error = socket.send("bad").await.unwrap_err();
    assert_eq!(error.message().unwrap().payload(), "bad");
    socket.send("3").await.unwrap();
    assert_eq!(within("the next", peer.recv_text()).await.unwrap(), "3");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_rule_of_identities_that_panics_is_a_failed_try() {
    let (_directory, tls) = tls::certificate();
    let server = Socket::builder().tls(tls.clone()).build().unwrap();
    let endpoint = server.bind("tls://localhost:0").await.unwrap();
    let asked = AtomicBool::new(false);
    let rule = aiomsg::peer::CertifiedIdentityLayer::rule(move |_, _| {
        assert!(asked.swap(true, Ordering::Relaxed), "the first time");
        true
    });
    let client = Socket::builder()
        .tls(tls)
        .dial_layer(rule)
        .reconnect_delay(|_| Duration::from_millis(10))
        .build()
        .unwrap();
    let mut events = client.events();
    client.connect(endpoint).unwrap();
    let error = bad_input::dial_failed(&mut events).await;
    assert!(error.to_string().contains("panicked"), "{error}");
    within("the next try", client.wait_for_peers(1))
        .await
        .unwrap();
}

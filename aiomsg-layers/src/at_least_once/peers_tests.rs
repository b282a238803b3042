//! Peers that are slow, dishonest, or fail at a message.

use super::tests::{Lost, SECOND, Wire, send};
use super::*;
use aiomsg_core::{DropReason, MessageId, Outbound};
use tokio::time::sleep;
use tower::{Layer, Service};

/// A layer around a wire, with its resender at work.
fn set_up(
    layer: AtLeastOnceLayer,
) -> (
    Wire,
    AtLeastOnceLayer,
    impl Service<Outbound, Response = (), Error = aiomsg_core::Error>,
) {
    let wire = Wire::default();
    tokio::spawn(layer.resender(wire.service()).run());
    let service = layer.layer(wire.service());
    (wire, layer, service)
}

fn id_of(wire: &Wire, payload: &str) -> MessageId {
    let sent = wire.messages();
    let found = sent.iter().find(|message| message.payload() == payload);
    found.and_then(Outbound::id).expect("it was sent")
}

/// A peer that had received one message acknowledged those of another peer. These were lost,
/// and reported as acknowledged.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_counts_on_the_connection_of_its_message_alone() {
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(Lost::default().discard()));
    let (honest, forger) = (layer.unacked().connection(), layer.unacked().connection());
    send(&mut service, "theirs").await;
    send(&mut service, "unsent").await;
    send(&mut service, "the forger's").await;
    let ids = wire.ids();
    honest.sent(&ids[..1]);
    forger.sent(&ids[2..]);
    forger.acknowledged(&ids);
    assert_eq!(layer.unacked().len(), 2, "its own was acknowledged");
    honest.acknowledged(&ids[..1]);
    assert_eq!(layer.unacked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_acknowledgement_counts_after_the_message_was_sent_to_another_peer() {
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(Lost::default().discard()));
    let (late, other) = (layer.unacked().connection(), layer.unacked().connection());
    send(&mut service, "job").await;
    late.sent(&wire.ids());
    sleep(SECOND * 6).await;
    assert_eq!(wire.ids().len(), 2);
    other.sent(&wire.ids()[1..]);
    late.acknowledged(&wire.ids()[..1]);
    assert!(layer.unacked().is_empty());
}

/// All messages that were unacknowledged for 5 s went again, though acknowledgements kept
/// coming.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_again_to_a_slow_peer_that_goes_on_acknowledging() {
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(Lost::default().discard()));
    let connection = layer.unacked().connection();
    for _ in 0..100 {
        send(&mut service, "x").await;
    }
    let ids = wire.ids();
    connection.sent(&ids);
    for id in &ids {
        sleep(SECOND * 4).await;
        connection.acknowledged(&[*id]);
    }
    assert_eq!(wire.ids().len(), 100);
    assert!(layer.unacked().is_empty());
}

/// A peer that stops for a while has all messages.
#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_for_a_while_is_sent_the_oldest_again_and_no_other() {
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(Lost::default().discard()));
    let connection = layer.unacked().connection();
    for _ in 0..100 {
        send(&mut service, "x").await;
    }
    let ids = wire.ids();
    connection.sent(&ids);
    sleep(SECOND * 7).await;
    assert_eq!(wire.ids()[100..], ids[..1]);
    connection.sent(&ids[..1]);
    // It goes on, slowly, and acknowledges the oldest messages.
    for id in &ids {
        connection.acknowledged(&[*id]);
        sleep(SECOND).await;
    }
    assert_eq!(wire.ids().len(), 101);
    assert!(layer.unacked().is_empty());
}

/// A peer may drop a message, as Python's library does when its queue is full.
#[tokio::test(start_paused = true)]
async fn a_message_that_was_passed_over_is_sent_again() {
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(Lost::default().discard()));
    let connection = layer.unacked().connection();
    for _ in 0..3 {
        send(&mut service, "x").await;
    }
    let ids = wire.ids();
    connection.sent(&ids);
    connection.acknowledged(&[ids[0], ids[2]]);
    sleep(SECOND * 11).await;
    assert_eq!(wire.ids()[3..], ids[1..2]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_acknowledges_nothing_gives_nothing_up_late() {
    let lost = Lost::default();
    let (wire, layer, mut service) = set_up(AtLeastOnceLayer::new(lost.discard()));
    let connection = layer.unacked().connection();
    for _ in 0..50 {
        send(&mut service, "x").await;
    }
    let mut written = 0;
    for _ in 0..40 {
        let ids = wire.ids();
        connection.sent(&ids[std::mem::replace(&mut written, ids.len())..]);
        sleep(SECOND).await;
    }
    assert_eq!(lost.reasons(), [DropReason::RetriesExhausted; 50]);
}

/// The first five arrived four times, the last five never, and all eleven were dropped, since
/// they were sent again together.
#[tokio::test(start_paused = true)]
async fn a_message_that_ends_connections_is_given_up_alone() {
    for max_resends in 1..6 {
        let lost = Lost::default();
        let settings = Settings::new().max_resends(max_resends);
        let layer = AtLeastOnceLayer::with_settings(settings, lost.discard());
        let (wire, layer, mut service) = set_up(layer);
        for payload in ["1", "2", "poison", "3", "4"] {
            send(&mut service, payload).await;
        }
        let poison = id_of(&wire, "poison");
        let mut connection = layer.unacked().connection();
        let (mut written, mut acknowledged) = (0, 0);
        for _ in 0..1000 {
            let ids = wire.ids();
            let new = &ids[std::mem::replace(&mut written, ids.len())..];
            connection.sent(new);
            match new.contains(&poison) {
                // It does not acknowledge the earlier messages, either.
                true => connection = layer.unacked().connection(),
                false => connection.acknowledged(new),
            }
            acknowledged = 5 - layer.unacked().len() - lost.reasons().len();
            sleep(SECOND / 20).await;
        }
        assert_eq!(lost.payloads(), ["poison"], "{max_resends} resends");
        assert_eq!(acknowledged, 4);
    }
}

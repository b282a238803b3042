//! What is done with a message for which there is no room.

use aiomsg_core::{DropReason, Limits, Outbound};
use aiomsg_layers::by_identity::MailboxSettings;
use aiomsg_layers::distribute::{Policy, Publish, RoundRobin};
use aiomsg_layers::{Buffer, BufferLayer, ByIdentity, ByIdentityLayer, Distribute, Overflow};
use aiomsg_test::discard::{self, DiscardHandle};
use aiomsg_test::peers::{self, MockPeer, PeersHandle};
use futures::FutureExt;
use tower::{Service, ServiceBuilder, ServiceExt};

const TWO: Limits = Limits {
    items: 2,
    bytes: 1 << 20,
};

type Stack<Q> = ByIdentity<Buffer<Distribute<MockPeer, Q>>, MockPeer>;

fn stack<Q: Policy<MockPeer>>(
    policy: Q,
    overflow: Overflow,
) -> (Stack<Q>, PeersHandle, DiscardHandle) {
    let (discard, lost) = discard::pair();
    let (table, peers) = peers::pair(discard.clone());
    let distribute = Distribute::new(&table, policy).overflow(overflow);
    let mut mailboxes = MailboxSettings::default();
    mailboxes.limits = TWO;
    let by_identity = ByIdentityLayer::new(&table).overflow(overflow);
    // Nobody runs a driver: what happens here happens in the calls.
    let stack = ServiceBuilder::new()
        .layer(by_identity.mailboxes(mailboxes))
        .layer(
            BufferLayer::new(TWO)
                .overflow(overflow)
                .discard(discard)
                .while_nobody(distribute.reach()),
        )
        .service(distribute);
    (stack, peers, lost)
}

/// Sends as a socket does: ready, and then a call at once.
fn send<Q: Policy<MockPeer>>(
    stack: &mut Stack<Q>,
    message: impl Into<Outbound>,
) -> Option<Result<(), aiomsg_core::Error>> {
    stack.ready().now_or_never()?.unwrap();
    stack.call(message.into()).now_or_never()
}

fn sent<Q: Policy<MockPeer>>(stack: &mut Stack<Q>, messages: &[&'static str]) {
    for message in messages {
        send(stack, *message).expect("it does not wait").unwrap();
    }
}

fn overflown(lost: &DiscardHandle) -> Vec<bytes::Bytes> {
    let lost = lost.take();
    assert!(lost.iter().all(|lost| lost.reason == DropReason::Overflow));
    lost.into_iter()
        .map(|lost| lost.message.into_payload())
        .collect()
}

#[test]
fn by_default_the_sender_waits() {
    let (mut stack, peers, lost) = stack(RoundRobin::new(), Overflow::Wait);
    let a = peers.insert("a", TWO);
    sent(&mut stack, &["1", "2"]);
    assert!(send(&mut stack, "3").is_none());
    assert_eq!(a.take_payloads(), ["1", "2"]);
    sent(&mut stack, &["3"]);
    assert!(lost.take().is_empty());
}

#[test]
fn the_newest_is_refused_and_handed_back() {
    let (mut stack, peers, lost) = stack(RoundRobin::new(), Overflow::RefuseNewest);
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, TWO));
    sent(&mut stack, &["1", "2", "3", "4"]);
    let mut error = send(&mut stack, "5").unwrap().unwrap_err();
    assert!(error.is_limit());
    assert_eq!(error.take_message().unwrap().payload(), "5");
    assert_eq!(a.take_payloads(), ["1", "3"]);
    // There is room again, at one of them.
    sent(&mut stack, &["6"]);
    assert_eq!(a.take_payloads(), ["6"]);
    assert_eq!(b.take_payloads(), ["2", "4"]);
    assert!(lost.take().is_empty(), "the sender has it");
}

#[test]
fn a_publish_refuses_the_copies_for_which_there_is_no_room() {
    let (mut stack, peers, lost) = stack(Publish::new(), Overflow::RefuseNewest);
    let [slow, quick] = ["slow", "quick"].map(|name| peers.insert(name, TWO));
    for message in ["1", "2", "3"] {
        sent(&mut stack, &[message]);
        assert_eq!(quick.take_payloads(), [message]);
    }
    assert_eq!(slow.take_payloads(), ["1", "2"]);
    assert_eq!(overflown(&lost), ["3"]);
}

#[test]
fn the_oldest_are_dropped() {
    let (mut stack, peers, lost) = stack(Publish::new(), Overflow::DropOldest);
    let [slow, quick] = ["slow", "quick"].map(|name| peers.insert(name, TWO));
    for message in ["1", "2", "3", "4"] {
        sent(&mut stack, &[message]);
        assert_eq!(quick.take_payloads(), [message]);
    }
    assert_eq!(slow.take_payloads(), ["3", "4"]);
    assert_eq!(overflown(&lost), ["1", "2"]);
}

#[test]
fn only_the_newest_is_kept() {
    let (mut stack, peers, lost) = stack(RoundRobin::new(), Overflow::KeepNewest);
    let a = peers.insert("a", TWO);
    sent(&mut stack, &["1", "2", "3"]);
    assert_eq!(a.take_payloads(), ["3"]);
    assert_eq!(overflown(&lost), ["1", "2"]);
}

#[test]
fn a_slow_peer_is_disconnected_and_its_messages_go_to_others() {
    let (mut stack, peers, lost) = stack(RoundRobin::new(), Overflow::Disconnect);
    let slow = peers.insert("slow", TWO);
    sent(&mut stack, &["1", "2", "3"]);
    // The third waits for the next peer; the first two come back as the connection ends.
    slow.end();
    let quick = peers.insert("quick", Limits { items: 9, ..TWO });
    sent(&mut stack, &["4"]);
    assert_eq!(quick.take_payloads(), ["1", "2", "3", "4"]);
    assert!(lost.take().is_empty());
}

#[test]
fn a_publish_disconnects_the_slow_and_goes_to_the_quick() {
    let (mut stack, peers, lost) = stack(Publish::new(), Overflow::Disconnect);
    let [slow, quick] = ["slow", "quick"].map(|name| peers.insert(name, TWO));
    for message in ["1", "2", "3"] {
        sent(&mut stack, &[message]);
        assert_eq!(quick.take_payloads(), [message]);
    }
    slow.end();
    sent(&mut stack, &["4"]);
    assert_eq!(quick.take_payloads(), ["4"]);
    // Its copies: the others have theirs.
    let reasons: Vec<_> = lost.take().into_iter().map(|lost| lost.reason).collect();
    assert_eq!(reasons, [DropReason::PeerGone; 2]);
}

#[test]
fn addressed_messages_overflow_at_their_peer_alone() {
    for (overflow, kept, dropped) in [
        (Overflow::DropOldest, vec!["2", "3"], vec!["1"]),
        (Overflow::KeepNewest, vec!["3"], vec!["1", "2"]),
        (Overflow::RefuseNewest, vec!["1", "2"], vec![]),
    ] {
        let (mut stack, peers, lost) = stack(RoundRobin::new(), overflow);
        let [a, b] = ["a", "b"].map(|name| peers.insert(name, TWO));
        for message in ["1", "2", "3"] {
            let to_a = Outbound::new(message).to(a.identity().clone());
            let refused = send(&mut stack, to_a).unwrap().is_err();
            assert_eq!(
                refused,
                overflow == Overflow::RefuseNewest && message == "3"
            );
        }
        assert_eq!(a.take_payloads(), kept, "{overflow:?}");
        assert_eq!(overflown(&lost), dropped, "{overflow:?}");
        assert!(b.is_empty());
    }
}

#[test]
fn the_buffer_for_the_time_without_peers_overflows_as_well() {
    for (overflow, kept, dropped) in [
        (Overflow::DropOldest, vec!["2", "3"], vec!["1"]),
        (Overflow::KeepNewest, vec!["3"], vec!["1", "2"]),
        (Overflow::RefuseNewest, vec!["1", "2"], vec![]),
    ] {
        let (mut stack, peers, lost) = stack(RoundRobin::new(), overflow);
        for message in ["1", "2", "3"] {
            let refused = send(&mut stack, message).unwrap().is_err();
            assert_eq!(
                refused,
                overflow == Overflow::RefuseNewest && message == "3"
            );
        }
        let a = peers.insert("a", TWO);
        assert!(stack.ready().now_or_never().is_some());
        assert_eq!(a.take_payloads(), kept, "{overflow:?}");
        assert_eq!(overflown(&lost), dropped, "{overflow:?}");
    }
}

/// Buffered messages pushed each other out of the queue of the first peer that came.
#[test]
fn what_was_buffered_waits_for_room() {
    let (mut stack, peers, lost) = stack(RoundRobin::new(), Overflow::DropOldest);
    sent(&mut stack, &["1", "2"]);
    let one = Limits { items: 1, ..TWO };
    let a = peers.insert("a", one);
    assert!(stack.ready().now_or_never().is_some());
    assert_eq!(a.take_payloads(), ["1"]);
    assert!(stack.ready().now_or_never().is_some());
    assert_eq!(a.take_payloads(), ["2"]);
    assert!(lost.take().is_empty());
}

#[test]
fn mail_for_the_absent_overflows_as_well() {
    for (overflow, kept, dropped) in [
        (Overflow::DropOldest, vec!["2", "3"], vec!["1"]),
        (Overflow::KeepNewest, vec!["3"], vec!["1", "2"]),
        (Overflow::RefuseNewest, vec!["1", "2"], vec![]),
    ] {
        let (mut stack, peers, lost) = stack(RoundRobin::new(), overflow);
        let identity = aiomsg_core::Identity::new("absent").unwrap();
        for message in ["1", "2", "3"] {
            let to_absent = Outbound::new(message).to(identity.clone());
            let refused = send(&mut stack, to_absent).unwrap();
            assert_eq!(
                refused.is_err(),
                overflow == Overflow::RefuseNewest && message == "3"
            );
        }
        let absent = peers.insert("absent", TWO);
        let _ = stack.ready().now_or_never();
        assert_eq!(absent.take_payloads(), kept, "{overflow:?}");
        assert_eq!(overflown(&lost), dropped, "{overflow:?}");
    }
}

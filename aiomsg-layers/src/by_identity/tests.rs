use std::time::Duration;

use aiomsg_core::{DropReason, Outbound};
use futures::FutureExt;
use tokio::time::sleep;
use tower::Layer;

use super::{ByIdentityLayer, MailboxSettings};
use crate::Overflow;
use crate::distribute::{Distribute, Publish, RoundRobin};
use crate::test_stack::{Stack, name, taken, text};

fn round_robin() -> Stack<RoundRobin> {
    Stack::new(RoundRobin::new())
}

fn with_room_for(items: usize) -> Stack<RoundRobin> {
    let mut settings = MailboxSettings::default();
    settings.limits.items = items;
    Stack::with(RoundRobin::new(), |layer| layer.mailboxes(settings))
}

/// They may be a part of a block that was read, as those of a forwarded message are.
#[test]
fn headers_in_a_mailbox_hold_no_other_bytes() {
    use aiomsg_core::{HeaderLimits, Headers};
    use bytes::Bytes;

    let block: std::sync::Arc<[u8]> = (*b"\x01a\0\x01b and all that was read with it").into();
    struct Owner(std::sync::Arc<[u8]>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let bytes = Bytes::from_owner(Owner(std::sync::Arc::clone(&block)));
    let headers = Headers::from_bytes(bytes.slice(..5), HeaderLimits::default()).unwrap();
    drop(bytes);
    let mut it = round_robin();
    for payload in [vec![0; 10], vec![0; 100_000]] {
        it.call(
            Outbound::new(payload)
                .with_headers(headers.clone())
                .to(name("b")),
        );
    }
    drop(headers);
    assert_eq!(std::sync::Arc::strong_count(&block), 1);
    let b = it.join("b", 10);
    let waited = b.drain();
    assert_eq!(waited.len(), 2);
    assert!(waited.iter().all(|it| it.headers().get("a") == Some("b")));
}

/// Pitfall 18: a message that waited for B was dropped because A connected
/// first.
#[test]
fn a_message_waits_for_its_peer_and_for_no_other() {
    let mut it = round_robin();
    it.send_to("b", "for b");
    let a = it.join("a", 10);
    it.send_to("b", "for b too");
    assert!(taken(&a).is_empty());
    let b = it.join("b", 10);
    assert_eq!(taken(&b), ["for b", "for b too"]);
}

#[test]
fn what_is_addressed_waits_for_its_peer_to_return_in_order() {
    let mut it = round_robin();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    for payload in ["1", "2"] {
        it.send_to("a", payload);
    }
    it.leave("a", &a);
    it.send_to("a", "3");
    assert!(taken(&b).is_empty());
    let a = it.join("a", 2);
    it.send_to("a", "4");
    assert_eq!(taken(&a), ["1", "2"]);
    let _ = it.is_ready();
    assert_eq!(taken(&a), ["3", "4"]);
}

#[test]
fn what_is_addressed_does_not_pass_what_waits_for_its_peer() {
    let mut it = round_robin();
    it.send_to("c", "1");
    it.send_to("c", "2");
    let c = it.join("c", 1);
    assert_eq!(taken(&c), ["1"]);
    it.send_to("c", "3");
    for payload in ["2", "3"] {
        let _ = it.is_ready();
        assert_eq!(taken(&c), [payload]);
    }
}

#[tokio::test(start_paused = true)]
async fn mail_for_those_who_stay_away_is_given_up() {
    let mut it = round_robin();
    tokio::spawn(it.service.expiry().run());
    it.send_to("gone", "1");
    sleep(Duration::from_secs(30)).await;
    it.send_to("gone", "2");
    sleep(Duration::from_millis(30_001)).await;
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("1".to_owned(), DropReason::PeerAbsent)]
    );
    assert!(it.service.mail() > 0);
}

#[test]
fn mail_is_bounded() {
    let mut it = with_room_for(2);
    it.send_to("x", "1");
    it.send_to("y", "2");
    assert!(it.sending_to("z", "3").now_or_never().is_none());
}

#[test]
fn a_peer_that_is_full_makes_those_wait_who_send_to_it() {
    let mut it = round_robin();
    let a = it.join("a", 1);
    it.send_to("a", "1");
    let mut waiting = it.sending_to("a", "2");
    assert!((&mut waiting).now_or_never().is_none());
    a.drain();
    waiting.now_or_never().expect("there is room").unwrap();
    assert_eq!(taken(&a), ["2"]);
}

/// One that finds its peer gone waits for its return, in its mailbox.
#[test]
fn who_waits_for_a_peer_that_goes_waits_no_longer() {
    let mut it = round_robin();
    let a = it.join("a", 1);
    it.send_to("a", "1");
    let mut waiting = it.sending_to("a", "2");
    assert!((&mut waiting).now_or_never().is_none());
    it.leave("a", &a);
    waiting
        .now_or_never()
        .expect("its mailbox has room")
        .unwrap();
    let a = it.join("a", 10);
    assert_eq!(taken(&a), ["1", "2"]);
}

/// Messages for absent peers came back in the order of a hash map: another one in each
/// run of a program.
#[test]
fn what_waits_for_absent_peers_comes_back_by_peer_each_time() {
    let mut it = round_robin();
    for n in [5, 3, 8, 1, 7, 2, 6, 4] {
        for what in ["first", "second"] {
            let message = Outbound::new(format!("{n} {what}")).to(name(&n.to_string()));
            it.call(message);
        }
    }
    let left: Vec<_> = it.service.close().iter().map(text).collect();
    let expected = (1..9).flat_map(|n| [format!("{n} first"), format!("{n} second")]);
    assert_eq!(left, expected.collect::<Vec<_>>());
}

/// A task that waited for room in the mailboxes was not woken when there was some, as long
/// as the connected peers had none.
#[tokio::test(start_paused = true)]
async fn room_for_an_absent_peer_is_told_while_those_who_are_here_are_full() {
    let mut it = with_room_for(1);
    let keep = MailboxSettings::default().keep;
    tokio::spawn(it.service.expiry().run());
    let full = it.join("full", 1);
    it.send("1");
    assert_eq!(full.items(), 1);

    it.send_to("absent", "2");
    let waiting = tokio::spawn(it.sending_to("absent", "3"));
    sleep(keep / 2).await;
    assert!(!waiting.is_finished(), "there is room for one");
    // The first one is dropped.
    sleep(keep).await;
    assert!(waiting.is_finished());

    // Or it is delivered, as its peer has come.
    let waiting = tokio::spawn(it.sending_to("other", "4"));
    sleep(keep / 4).await;
    assert!(!waiting.is_finished());
    let came = it.join("absent", 1);
    sleep(keep / 4).await;
    assert_eq!(taken(&came), ["3"]);
    assert!(waiting.is_finished());
}

/// Messages behind one at which connections end must not go with it; nor must copies.
#[test]
fn copies_behind_a_poison_wait_for_the_return_of_their_peer() {
    let mut it = Stack::new(Publish::new());
    let a = it.join("a", 10);
    it.send("1");
    let behind = a.drain();
    let poison = Outbound::new("bad").with_interrupted(1).to(name("a"));
    a.close_with(std::iter::once(poison).chain(behind));
    it.leave("a", &a);
    assert!(it.lost.lock().unwrap().is_empty());
    let a = it.join("a", 10);
    assert_eq!(taken(&a), ["bad", "1"]);
    // And they are in no report.
    it.leave("a", &a);
    let b = it.join("b", 10);
    it.send("2");
    b.close();
    it.leave("b", &b);
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("2".to_owned(), DropReason::PeerGone)]
    );
}

/// Found by the simulation: seed 32160. Newer copies went past them into the small
/// queue of the peer that had returned.
#[test]
fn copies_behind_a_message_that_was_interrupted_keep_their_order() {
    let (peers, lost) = crate::test_stack::table();
    let distribute = Distribute::new(&peers, Publish::new()).overflow(Overflow::DropOldest);
    let mut it = Stack {
        service: ByIdentityLayer::new(&peers).layer(distribute),
        peers,
        lost,
    };
    let a = it.join("a", 10);
    for news in ["1", "2", "3"] {
        it.send(news);
    }
    let interrupted = a.drain().into_iter().enumerate();
    for (n, message) in interrupted {
        a.push(message.with_interrupted(u8::from(n == 0))).unwrap();
    }
    it.leave("a", &a);
    let a = it.join("a", 1);
    let _ = it.is_ready();
    it.call("4");
    let kept = taken(&a);
    let lost = it.lost.lock().unwrap().len();
    assert!(kept.is_sorted(), "{kept:?}");
    assert_eq!(kept.len() + lost, 4);
    assert_eq!(it.service.mail(), 0, "{kept:?}");
}

use super::*;
use crate::queue::Queue;
use aiomsg_core::{Discard, DropReason, Identity, Limits, Outbound};
use futures::FutureExt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;
use tower::discover::Change;

type Lost = Arc<Mutex<Vec<(String, DropReason)>>>;

struct Fixture {
    registrar: Registrar<Queue<Outbound>>,
    router: Router<Changes<Queue<Outbound>>, AnyPolicy<Queue<Outbound>>>,
    lost: Lost,
}

fn text(message: &Outbound) -> String {
    String::from_utf8_lossy(message.payload()).into_owned()
}

fn fixture(policy: AnyPolicy<Queue<Outbound>>) -> Fixture {
    let (registrar, changes) = changes();
    let lost = Lost::default();
    let seen = Arc::clone(&lost);
    let discard = Discard::new(move |it| {
        seen.lock().unwrap().push((text(&it.message), it.reason));
    });
    Fixture {
        registrar,
        router: Router::new(changes, policy, discard),
        lost,
    }
}

fn round_robin() -> Fixture {
    fixture(AnyPolicy::RoundRobin(RoundRobin::new()))
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn name(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

impl Fixture {
    fn join(&mut self, identity: &str, items: usize) -> Queue<Outbound> {
        let queue = Queue::new(Limits {
            items,
            bytes: 1 << 20,
        });
        self.registrar.insert(name(identity), queue.clone());
        let _ = self.router.poll_route(&mut cx());
        queue
    }

    /// As a session does when its connection ends.
    fn leave(&mut self, identity: &str, queue: &Queue<Outbound>) {
        queue.close();
        self.registrar.remove(name(identity));
        let _ = self.router.poll_route(&mut cx());
    }

    fn send(&mut self, payload: &'static str) {
        assert!(self.router.poll_route(&mut cx()).is_ready());
        self.router
            .route(&mut cx(), Outbound::new(payload))
            .unwrap();
    }

    fn send_to(&mut self, peer: &str, payload: &'static str) {
        let message = Outbound::new(payload).to(name(peer));
        self.router.route(&mut cx(), message).unwrap();
    }
}

fn taken(queue: &Queue<Outbound>) -> Vec<String> {
    queue.drain().iter().map(text).collect()
}

#[test]
fn round_robin_takes_turns() {
    let mut it = round_robin();
    let [a, b, c] = ["a", "b", "c"].map(|peer| it.join(peer, 10));
    for payload in ["1", "2", "3", "4", "5", "6", "7"] {
        it.send(payload);
    }
    assert_eq!(taken(&a), ["1", "4", "7"]);
    assert_eq!(taken(&b), ["2", "5"]);
    assert_eq!(taken(&c), ["3", "6"]);
}

/// Pitfall 21: a round robin that stays with a full peer while others are
/// free.
#[test]
fn round_robin_passes_over_a_full_peer() {
    let mut it = round_robin();
    let (full, free) = (it.join("full", 1), it.join("free", 10));
    for payload in ["1", "2", "3", "4"] {
        it.send(payload);
    }
    assert_eq!(taken(&full), ["1"]);
    assert_eq!(taken(&free), ["2", "3", "4"]);
}

#[test]
fn round_robin_waits_when_all_are_full() {
    let mut it = round_robin();
    let peers = ["a", "b"].map(|peer| it.join(peer, 1));
    it.send("1");
    it.send("2");
    assert!(it.router.poll_route(&mut cx()).is_pending());
    peers[1].drain();
    assert!(it.router.poll_route(&mut cx()).is_ready());
}

/// Pitfall 20: what was queued for a connection that died was thrown away;
/// and pitfall 19: what was put back went to the end of the line.
#[test]
fn what_waited_for_a_connection_that_ended_goes_elsewhere_and_first() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    it.leave("a", &a);
    assert!(
        it.router.poll_route(&mut cx()).is_pending(),
        "nobody is there"
    );
    let b = it.join("b", 10);
    it.send("4");
    assert_eq!(taken(&b), ["1", "2", "3", "4"]);
}

/// The end is seen in the queue before the router is told of it.
#[test]
fn an_end_that_is_seen_before_it_is_told_loses_nothing() {
    let mut it = round_robin();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    for payload in ["1", "2", "3", "4"] {
        it.send(payload);
    }
    a.close();
    it.send("5");
    // It takes no more, and goes on sending what it has.
    let mut batch = std::collections::VecDeque::new();
    assert!(a.poll_take(&mut cx(), &mut batch).is_ready());
    assert_eq!(text(&batch.pop_front().unwrap()), "1");
    a.close_with(batch.into_iter());
    it.leave("a", &a);
    assert_eq!(taken(&b), ["2", "4", "5", "3"]);
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
    let _ = it.router.poll_route(&mut cx());
    assert_eq!(taken(&a), ["3", "4"]);
}

#[test]
fn publish_gives_everyone_a_copy_and_reports_those_that_are_lost() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    it.send("news");
    assert_eq!(taken(&a), ["news"]);
    it.leave("b", &b);
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("news".to_owned(), DropReason::PeerGone)]
    );
    assert!(taken(&a).is_empty(), "a has its copy");
}

/// Found by the simulation: seed 32160. Newer copies went past them into the small
/// queue of the peer that had returned.
#[test]
fn copies_behind_a_message_that_was_interrupted_keep_their_order() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    it.router = it.router.overflow(Overflow::DropOldest);
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
    let message = Outbound::new("4");
    let _ = it.router.poll_route(&mut cx());
    it.router.route(&mut cx(), message).unwrap();
    let kept = taken(&a);
    let lost = it.lost.lock().unwrap().len();
    assert!(kept.is_sorted(), "{kept:?}");
    assert_eq!(kept.len() + lost, 4);
    assert!(!it.router.has_mail(), "{kept:?}");
}

#[test]
fn publish_waits_for_the_slowest() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    let (_a, b) = (it.join("a", 10), it.join("b", 1));
    it.send("1");
    assert!(it.router.poll_route(&mut cx()).is_pending());
    b.drain();
    assert!(it.router.poll_route(&mut cx()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn mail_for_those_who_stay_away_is_given_up() {
    let mut it = round_robin();
    it.send_to("gone", "1");
    tokio::time::advance(Duration::from_secs(30)).await;
    it.send_to("gone", "2");
    tokio::time::advance(Duration::from_secs(30)).await;
    it.router.expire(Instant::now());
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("1".to_owned(), DropReason::PeerAbsent)]
    );
    assert!(it.router.next_expiry().is_some());
}

#[test]
fn mail_is_bounded() {
    let mut it = round_robin();
    let mut settings = MailboxSettings::default();
    settings.limits.items = 2;
    it.router = it.router.mailboxes(settings);
    it.send_to("x", "1");
    it.send_to("y", "2");
    let message = Outbound::new("3").to(name("z"));
    let back = it
        .router
        .route(&mut cx(), message)
        .unwrap_err()
        .into_message();
    assert_eq!(back.payload(), "3");
}

#[test]
fn a_peer_that_is_full_refuses_what_is_addressed_to_it() {
    let mut it = round_robin();
    let a = it.join("a", 1);
    it.send_to("a", "1");
    let message = Outbound::new("2").to(name("a"));
    let back = it
        .router
        .route(&mut cx(), message)
        .unwrap_err()
        .into_message();
    a.drain();
    it.router.route(&mut cx(), back).unwrap();
    assert_eq!(taken(&a), ["2"]);
}

#[test]
fn a_plain_router_is_a_service() {
    let mut it = round_robin();
    let a = it.join("a", 1);
    let service = &mut it.router;
    assert!(tower::Service::poll_ready(service, &mut cx()).is_ready());
    let sent = tower::Service::call(service, Outbound::new("x"));
    assert!(sent.now_or_never().unwrap().is_ok());
    let refused = tower::Service::call(service, Outbound::new("y").to(name("a")));
    let mut error = refused.now_or_never().unwrap().unwrap_err();
    assert!(error.is_limit());
    assert_eq!(error.take_message().unwrap().payload(), "y");
    assert_eq!(taken(&a), ["x"]);
    let _: Poll<()> = it.router.poll_route(&mut cx());
}

/// Nobody took a copy, so the message is not gone.
#[test]
fn what_is_published_to_connections_that_have_ended_waits_for_others() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    assert!(it.router.poll_route(&mut cx()).is_ready());
    a.close();
    b.close();
    let back = it
        .router
        .route(&mut cx(), Outbound::new("news"))
        .unwrap_err()
        .into_message();
    assert_eq!(back, Outbound::new("news"));
}

/// A connection that took some of what another had left, and ends in turn.
#[test]
fn what_is_left_twice_keeps_its_order() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3", "4", "5"] {
        it.send(payload);
    }
    it.leave("a", &a);
    let b = it.join("b", 2);
    it.leave("b", &b);
    let c = it.join("c", 10);
    assert_eq!(taken(&c), ["1", "2", "3", "4", "5"]);
}

/// Pitfall 38: of two stacks with the same two peers, each had reserved the last
/// place at one of them and waited for the other.
#[test]
fn two_stacks_of_the_same_peers_do_not_hold_each_others_places() {
    let mut stacks = [(); 2].map(|()| fixture(AnyPolicy::Publish(Publish::new())));
    let peers = ["a", "b"].map(|peer| {
        let queue = stacks[0].join(peer, 1);
        (name(peer), queue)
    });
    // The other knows them the other way round.
    for (identity, queue) in peers.iter().rev() {
        stacks[1].registrar.insert(identity.clone(), queue.clone());
    }
    let ready = |it: &mut Fixture| it.router.poll_route(&mut cx()).is_ready();
    // The first finds one of them full, and so does the second, the other one.
    peers[0].1.push(Outbound::new("in the way")).unwrap();
    assert!(!ready(&mut stacks[0]));
    peers[0].1.drain();
    peers[1].1.push(Outbound::new("in the way")).unwrap();
    assert!(!ready(&mut stacks[1]));
    peers[1].1.drain();
    // Both have room now, and whichever asks first may go first.
    for stack in [1, 0] {
        assert!(ready(&mut stacks[stack]), "{stack}");
        stacks[stack].send("news");
        for (_, queue) in &peers {
            assert_eq!(taken(queue), ["news"]);
        }
    }
}

/// Pitfall 19: a message whose peer turned out to be gone went to the end of the
/// line.
#[test]
fn what_finds_its_peer_gone_stays_first_in_line() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    let full = it.join("full", 1);
    it.send_to("full", "in the way");
    let gone = it.join("gone", 10);
    gone.close();
    // What it had is offered to one that is full, and to one that has ended.
    it.leave("a", &a);
    assert_eq!(taken(&full), ["in the way"]);
    for payload in ["1", "2", "3"] {
        let _ = it.router.poll_route(&mut cx());
        assert_eq!(taken(&full), [payload]);
    }
}

/// What waited for absent peers came back in an order that hung on the keys of a
/// hash map: each run of a program another one.
#[test]
fn what_waits_for_absent_peers_comes_back_by_peer_each_time() {
    let mut it = round_robin();
    for n in [5, 3, 8, 1, 7, 2, 6, 4] {
        for what in ["first", "second"] {
            let message = Outbound::new(format!("{n} {what}")).to(name(&n.to_string()));
            it.router.route(&mut cx(), message).unwrap();
        }
    }
    let left: Vec<_> = it.router.drain().iter().map(text).collect();
    let expected = (1..9).flat_map(|n| [format!("{n} first"), format!("{n} second")]);
    assert_eq!(left, expected.collect::<Vec<_>>());
}

// ===== in one step =====

impl Fixture {
    fn try_send(&mut self, message: impl Into<Outbound>) -> Result<(), String> {
        let mut message = Some(message.into());
        let taken = self.router.try_route(&mut cx(), &mut message);
        assert_eq!(taken, message.is_none());
        message.map_or(Ok(()), |message| Err(text(&message)))
    }
}

#[test]
fn one_step_is_refused_when_something_waits_before_it() {
    let mut router = round_robin();
    let a = router.join("a", 10);
    router.try_send("1").unwrap();
    // It was left behind, and waits for whoever is there.
    let b = router.join("b", 1);
    b.push(Outbound::new("2")).unwrap();
    let _a_is_full = a.drain();
    a.close();
    router.leave("b", &b);
    assert_eq!(router.try_send("3"), Err("3".to_owned()));

    // So it is with what is addressed: the mailbox goes first.
    let mut router = round_robin();
    router.send_to("c", "1");
    let c = router.join("c", 0);
    let to_c = Outbound::new("2").to(name("c"));
    assert_eq!(router.try_send(to_c.clone()), Err("2".to_owned()));
    drop(c);
    let absent = Outbound::new("3").to(name("d"));
    assert_eq!(router.try_send(absent), Err("3".to_owned()));
}

#[test]
fn one_step_hears_of_who_comes_and_goes_first() {
    let mut router = round_robin();
    let queue = Queue::new(Limits {
        items: 10,
        bytes: 1 << 20,
    });
    router.registrar.insert(name("a"), queue.clone());
    assert_eq!(
        router.try_send("1"),
        Err("1".to_owned()),
        "there was a change"
    );
    router.try_send("1").unwrap();
    let to_a = Outbound::new("2").to(name("a"));
    router.try_send(to_a).unwrap();
    assert_eq!(taken(&queue), ["1", "2"]);

    router.registrar.remove(name("a"));
    assert_eq!(router.try_send("3"), Err("3".to_owned()));
    assert_eq!(router.try_send("3"), Err("3".to_owned()), "nobody is there");
}

#[test]
fn one_step_is_for_the_one_whose_turn_it_is() {
    let mut router = round_robin();
    let queues = ["a", "b", "c"].map(|peer| router.join(peer, 2));
    for payload in ["1", "2", "3", "4", "5", "6"] {
        router.try_send(payload).unwrap();
    }
    assert_eq!(router.try_send("7"), Err("7".to_owned()), "all are full");
    for queue in &queues {
        assert_eq!(queue.items(), 2);
    }
    taken(&queues[1]);
    assert_eq!(
        router.try_send("7"),
        Err("7".to_owned()),
        "a closer look passes over the one whose turn it is"
    );
    router.send("7");
    assert_eq!(taken(&queues[1]), ["7"]);
}

// ===== many at once =====

impl Fixture {
    /// Sends these, and says which are left.
    fn try_send_all(&mut self, messages: impl IntoIterator<Item = Outbound>) -> Vec<String> {
        let mut messages = messages.into_iter().collect();
        let most = std::collections::VecDeque::len(&messages);
        self.router.try_route_all(&mut cx(), &mut messages, most);
        messages.iter().map(text).collect()
    }
}

fn numbered(range: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = Outbound> {
    range.map(|n| Outbound::new(n.to_string()))
}

#[test]
fn many_are_shared_evenly_and_the_turns_go_on() {
    let mut it = round_robin();
    let [a, b, c] = ["a", "b", "c"].map(|peer| it.join(peer, 10));
    assert!(it.try_send_all(numbered(1..=7)).is_empty());
    assert_eq!(taken(&a), ["1", "2", "3"]);
    assert_eq!(taken(&b), ["4", "5", "6"]);
    assert_eq!(taken(&c), ["7"]);
    // Fewer than there are peers, time and again.
    assert!(it.try_send_all(numbered(1..=2)).is_empty());
    assert!(it.try_send_all(numbered(3..=4)).is_empty());
    assert_eq!(taken(&a), ["1", "4"]);
    assert_eq!((taken(&b), taken(&c)), (vec!["2".into()], vec!["3".into()]));
}

#[test]
fn many_go_as_far_as_there_is_room_and_no_message_is_lost() {
    let mut it = round_robin();
    let queues = ["a", "b"].map(|peer| it.join(peer, 2));
    let left = it.try_send_all(numbered(1..=8));
    assert_eq!(queues.each_ref().map(Queue::items), [2, 2]);
    let sent: Vec<_> = queues.iter().flat_map(taken).collect();
    assert_eq!(
        [sent, left].concat(),
        ["1", "2", "3", "4", "5", "6", "7", "8"]
    );
    assert!(it.try_send_all([]).is_empty());
    let mut nobody = round_robin();
    assert_eq!(nobody.try_send_all(numbered(1..=2)), ["1", "2"]);
}

#[test]
fn among_many_those_that_are_addressed_go_where_they_are_to() {
    let mut it = round_robin();
    let [a, b] = ["a", "b"].map(|peer| it.join(peer, 10));
    let to = |peer, payload: &'static str| Outbound::new(payload).to(name(peer));
    let messages = ["1", "2"].map(Outbound::new).into_iter();
    let messages = messages.chain([to("b", "3"), to("b", "4"), Outbound::new("5"), to("c", "6")]);
    let left = it.try_send_all(messages.chain([Outbound::new("7")]));
    assert_eq!(left, ["6", "7"], "it waits for c, and 7 behind it");
    assert_eq!(
        (taken(&a), taken(&b)),
        (
            ["1", "5"].map(String::from).to_vec(),
            ["2", "3", "4"].map(String::from).to_vec(),
        )
    );
}

#[test]
fn many_are_published_as_far_as_all_have_room() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    let (small, large) = (it.join("small", 3), it.join("large", 10));
    assert_eq!(it.try_send_all(numbered(1..=5)), ["4", "5"]);
    let payloads: Vec<_> = large.drain().into_iter().collect();
    assert!(
        payloads
            .iter()
            .all(|copy| *copy.target() == aiomsg_core::Target::Copy)
    );
    assert_eq!(
        payloads.iter().map(text).collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
    assert_eq!(taken(&small), ["1", "2", "3"]);
    assert!(it.try_send_all(numbered(4..=5)).is_empty());
    assert_eq!(
        (taken(&small), taken(&large)),
        (
            ["4", "5"].map(String::from).to_vec(),
            ["4", "5"].map(String::from).to_vec(),
        )
    );
}

/// What is known of the room is not used twice.
#[test]
fn what_is_published_keeps_the_bounds_whatever_else_uses_the_room() {
    let mut it = fixture(AnyPolicy::Publish(Publish::new()));
    let a = it.join("a", 4);
    it.try_send("1").unwrap();
    it.try_send(Outbound::new("2").to(name("a"))).unwrap();
    it.send_to("a", "3");
    it.try_send("4").unwrap();
    assert_eq!(it.try_send("5"), Err("5".to_owned()));
    assert_eq!(a.items(), 4);

    // One that comes later has less.
    taken(&a);
    it.try_send("1").unwrap();
    let b = it.join("b", 1);
    it.try_send("2").unwrap();
    assert_eq!(it.try_send_all(numbered(3..=4)), ["3", "4"]);
    assert_eq!((a.items(), b.items()), (2, 1));
    // One whose connection has ended gets none, and one alone is not enough.
    b.close();
    taken(&b);
    a.close();
    assert_eq!(it.try_send_all(numbered(3..=4)), ["3", "4"]);
}

/// A failure was taken for "nothing new", without a waker for what comes after it,
/// and without a word.
#[test]
fn a_discover_that_fails_has_ended_and_its_peers_stay() {
    let queue = Queue::new(Limits {
        items: 10,
        bytes: 100,
    });
    let told = [
        Ok(Change::Insert(name("a"), queue.clone())),
        Err("the registry is gone"),
        Ok(Change::Remove(name("a"))),
    ];
    let (peers, policy) = (futures::stream::iter(told), RoundRobin::new());
    let mut router = Router::new(peers, policy, Discard::new(|_| {}));
    for _ in 0..3 {
        assert!(router.poll_route(&mut cx()).is_ready());
    }
    router.route(&mut cx(), Outbound::new("x")).unwrap();
    assert_eq!(taken(&queue), ["x"]);
}

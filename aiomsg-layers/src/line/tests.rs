use futures::FutureExt;
use std::pin::pin;

use aiomsg_core::Identity;

use super::*;

fn first(place: &mut Place) -> bool {
    place.first().now_or_never().is_some()
}

#[test]
fn who_came_first_is_first() {
    let line = Line::new();
    let (mut a, mut b, mut c) = (line.join(), line.join(), line.join());
    assert!(first(&mut a) && !first(&mut b) && !first(&mut c));
    drop(a);
    assert!(first(&mut b) && !first(&mut c));
    assert_eq!(line.len(), 2);
    drop((b, c));
    assert!(line.is_empty());
}

#[test]
fn who_leaves_from_the_middle_is_passed_over() {
    let line = Line::new();
    let (a, b, mut c) = (line.join(), line.join(), line.join());
    drop(b);
    assert!(!first(&mut c));
    drop(a);
    assert!(first(&mut c));
}

/// Senders that give up after a while, behind one that waits for ever.
#[test]
fn those_who_come_and_go_leave_nothing_behind() {
    let line = Line::new();
    let (mut head, mut stays) = (line.join(), Vec::new());
    for n in 0..10_000 {
        let place = line.join();
        if n % 1000 == 0 {
            stays.push(place);
        }
    }
    assert_eq!(line.len(), 11);
    assert!(line.shared.lock().places.len() < 64);
    assert!(first(&mut head));
    drop(head);
    for mut place in stays {
        assert!(first(&mut place));
    }
    assert!(line.shared.lock().places.is_empty());
}

/// Of a task of its own.
fn context() -> Waker {
    Waker::from(std::sync::Arc::<Shared>::default())
}

#[test]
fn a_task_that_has_waited_has_a_turn() {
    let line = Line::new();
    let wakers = [(); 3].map(|()| context());
    let [mut a, mut b, mut c] = wakers.each_ref().map(Context::from_waker);
    assert!(line.lets_pass(&a), "nobody waits");
    let (mut first, mut second) = (line.join(), line.join());
    assert!(first.poll_first(&mut a).is_ready() && second.poll_first(&mut b).is_pending());
    assert!(!line.lets_pass(&a) && !line.lets_pass(&c));
    first.begin_turn(&a);
    drop(first);
    assert!(
        line.lets_pass(&a) && !line.lets_pass(&c),
        "it is the turn of one"
    );
    line.end_turn(&c);
    assert!(line.lets_pass(&a), "only its own can be ended");
    line.end_turn(&a);
    assert!(!line.lets_pass(&a));

    // The last turn is the one that counts.
    let mut third = line.join();
    assert!(second.poll_first(&mut b).is_ready() && third.poll_first(&mut c).is_pending());
    second.begin_turn(&b);
    drop(second);
    let mut fourth = line.join();
    assert!(fourth.poll_first(&mut a).is_pending());
    third.begin_turn(&c);
    drop(third);
    assert!(line.lets_pass(&c) && !line.lets_pass(&b));
    // It waits once more, so what it sends does not pass that.
    let mut fifth = line.join();
    assert!(fifth.poll_first(&mut c).is_pending());
    assert!(!line.lets_pass(&c));
    drop((fourth, fifth));
    assert!(line.shared.lock().turn.end().is_none(), "nobody waits");
}

#[test]
fn a_task_with_two_places_has_no_turn() {
    let line = Line::new();
    let (waker, other) = (context(), context());
    let (mut cx, mut others) = (Context::from_waker(&waker), Context::from_waker(&other));
    let (mut one, mut its, mut two) = (line.join(), line.join(), line.join());
    assert!(one.poll_first(&mut cx).is_ready());
    assert!(its.poll_first(&mut others).is_pending() && two.poll_first(&mut cx).is_pending());
    one.begin_turn(&cx);
    drop(one);
    assert!(!line.lets_pass(&cx));
}

#[tokio::test]
async fn only_the_first_is_woken() {
    let line = Line::new();
    let tasks: Vec<_> = (0..3)
        .map(|n| {
            let mut place = line.join();
            tokio::spawn(async move {
                place.first().await;
                n
            })
        })
        .collect();
    // Each leaves when it is done, and wakes the next.
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n);
    }
}

#[test]
fn who_looks_in_is_woken_with_the_first() {
    let line = Line::new();
    let mut open = false;
    let poll = |open: &mut bool| {
        let poll = std::future::poll_fn(|cx| {
            line.poll(cx, |_| match *open {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
        });
        pin!(poll).now_or_never().is_some()
    };
    assert!(!poll(&mut open));
    open = true;
    line.wake();
    assert!(poll(&mut open));
}

#[test]
fn a_line_of_a_peer_is_gone_when_nobody_is_in_it() {
    let lines = Lines::default();
    let [a, b] = [1, 2].map(|n| Identity::from([n; 16]));
    let is_first = |place: &mut PeerPlace| {
        let mut cx = Context::from_waker(Waker::noop());
        place.poll_first(&mut cx).is_ready()
    };
    let (mut one, mut two) = (lines.join(&a), lines.join(&a));
    let mut other = lines.join(&b);
    assert!(is_first(&mut one) && !is_first(&mut two));
    assert!(is_first(&mut other), "of another peer");
    assert!(!lines.is_empty());
    drop((one, other));
    assert!(is_first(&mut two));
    drop(two);
    assert!(lines.is_empty() && lines.0.lines.lock().is_empty());
}

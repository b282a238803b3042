use super::*;
use crate::engine::holds::Holds;

/// Always ready.
struct Open;

impl Intake for Open {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        Poll::Ready(Ok(Limits { items: 1, bytes: 1 }))
    }

    fn take(&mut self, _: &mut VecDeque<Delivery>) -> Result<(), Error> {
        Ok(())
    }
}

/// The messages of a connection that this end had ended overtook those of the
/// connection before it.
#[tokio::test]
async fn the_last_of_a_connection_waits_for_the_rest_of_the_one_before() {
    let (rests, peer, done) = (
        Rests::default(),
        Identity::random(),
        CancellationToken::new(),
    );
    rests.add(peer.clone(), done.clone());
    let (holds, stranger) = (Holds::default(), Identity::random());
    let mut next = rests.in_order(&peer, holds.of(&peer), Open);
    let mut other = rests.in_order(&stranger, holds.of(&stranger), Open);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(next.poll_ready(&mut cx).is_pending());
    assert!(next.poll_last(&mut cx).is_pending());
    assert!(other.poll_last(&mut cx).is_ready());
    done.cancel();
    assert!(next.poll_last(&mut cx).is_ready());
}

#[test]
fn a_peer_that_is_held_back_is_not_read_until_it_ends() {
    let (rests, holds, peer) = (Rests::default(), Holds::default(), Identity::random());
    let mut intake = rests.in_order(&peer, holds.of(&peer), Open);
    let mut cx = Context::from_waker(Waker::noop());
    let other = holds.of(&Identity::random()).begin();
    assert!(intake.poll_ready(&mut cx).is_ready());
    let held = holds.of(&peer).begin();
    assert!(intake.poll_ready(&mut cx).is_pending());
    assert!(intake.poll_last(&mut cx).is_ready());
    drop(held);
    assert!(intake.poll_ready(&mut cx).is_ready());
    drop(other);
}

/// There was a task for each peer that came, sent and went.
#[tokio::test]
async fn nothing_is_read_while_too_much_is_left_of_connections() {
    let rests = Rests::default();
    let (holds, peer) = (Holds::default(), Identity::random());
    let mut live = rests.in_order(&peer, holds.of(&peer), Open);
    let mut cx = Context::from_waker(Waker::noop());
    let done = CancellationToken::new();
    let peers: Vec<_> = (0..Rests::MOST).map(|_| Identity::random()).collect();
    for peer in &peers {
        assert!(live.poll_ready(&mut cx).is_ready());
        rests.add(peer.clone(), done.clone());
    }
    assert!(live.poll_ready(&mut cx).is_pending());
    assert!(live.poll_last(&mut cx).is_pending());
    done.cancel();
    rests.remove(&peers[0]);
    assert!(live.poll_ready(&mut cx).is_ready());
    assert!(live.poll_last(&mut cx).is_ready());
}

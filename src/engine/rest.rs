//! What a connection had read, and the layers of the receive path have yet to
//! deal with, when it ends; and the order between connections of a peer.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use aiomsg_core::queue::Limits;
use aiomsg_core::{Delivery, Error, Identity, MessageId};
use aiomsg_layers::session::Intake;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Engine;

/// What the connections of the same peer wait for, lest what came by one of them
/// overtakes what was sent before it, by another.
///
/// A connection begins when the rest of the one before it is dealt with. And it
/// pauses while one that is [half open](Self::half_open) is read to its end: its
/// peer has sent on that one first, and not on both at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rests(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    ended: Mutex<HashMap<Identity, CancellationToken>>,
    /// There are hardly ever any.
    half_open: Mutex<Vec<(Identity, CancellationToken)>>,
    half_open_count: AtomicUsize,
}

impl Rests {
    /// The intake of the next connection of a peer, which may itself be
    /// [half open](Self::half_open): then it pauses for no other that is.
    pub(crate) fn in_order<I: Intake>(
        &self,
        peer: &Identity,
        intake: I,
        is_half_open: bool,
    ) -> InOrder<I> {
        InOrder {
            before: self.ended().get(peer).map(wait_for),
            pauses: (!is_half_open).then(|| (self.clone(), peer.clone())),
            intake,
        }
    }

    /// A connection that this end has not let in, and the other one has. Others
    /// of the same peer pause until this is dropped.
    pub(crate) fn half_open(&self, peer: Identity) -> HalfOpen {
        let done = CancellationToken::new();
        self.change_half_open(|half_open| half_open.push((peer, done.clone())));
        HalfOpen {
            rests: self.clone(),
            done,
        }
    }

    /// Whether nothing is left of any connection.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any_half_open() && self.ended().is_empty()
    }

    /// Asked for each batch.
    fn any_half_open(&self) -> bool {
        self.0.half_open_count.load(Ordering::Acquire) > 0
    }

    fn half_open_of(&self, peer: &Identity) -> Option<Wait> {
        if !self.any_half_open() {
            return None;
        }
        let half_open = lock(&self.0.half_open);
        let found = half_open.iter().find(|(it, _)| it == peer);
        found.map(|(_, done)| wait_for(done))
    }

    fn ended(&self) -> MutexGuard<'_, HashMap<Identity, CancellationToken>> {
        lock(&self.0.ended)
    }

    fn change_half_open(&self, change: impl FnOnce(&mut Vec<(Identity, CancellationToken)>)) {
        let mut half_open = lock(&self.0.half_open);
        change(&mut half_open);
        self.0
            .half_open_count
            .store(half_open.len(), Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Wait = Pin<Box<WaitForCancellationFutureOwned>>;

fn wait_for(done: &CancellationToken) -> Wait {
    Box::pin(done.clone().cancelled_owned())
}

/// A connection that is half open, while it is read to its end.
pub(crate) struct HalfOpen {
    rests: Rests,
    done: CancellationToken,
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.done.cancel();
        self.rests
            .change_half_open(|half_open| half_open.retain(|(_, done)| !done.is_cancelled()));
    }
}

/// What is left of one connection.
pub(crate) struct Rest {
    engine: Arc<Engine>,
    peer: Identity,
    done: CancellationToken,
    intake: Box<dyn Intake>,
}

impl Rest {
    /// The rest of a connection that has ended, if there is any. To be called
    /// before the next one of the same peer can be admitted.
    pub(crate) fn of(
        engine: &Arc<Engine>,
        peer: Identity,
        mut intake: Box<dyn Intake>,
    ) -> Option<Self> {
        let mut cx = Context::from_waker(Waker::noop());
        if intake.poll_rest(&mut cx).is_ready() {
            return None;
        }
        let done = CancellationToken::new();
        engine.rests.ended().insert(peer.clone(), done.clone());
        Some(Self {
            engine: Arc::clone(engine),
            peer,
            done,
            intake,
        })
    }

    /// Deals with it.
    pub(crate) async fn run(mut self) {
        // What cannot be dealt with is told of when it is dropped.
        let _ = poll_fn(|cx| self.intake.poll_rest(cx)).await;
    }
}

/// It is dealt with, or given up.
impl Drop for Rest {
    fn drop(&mut self) {
        self.done.cancel();
        // There may be one of a later connection, which waits for this one.
        let mut rests = self.engine.rests.ended();
        if rests
            .get(&self.peer)
            .is_some_and(CancellationToken::is_cancelled)
        {
            rests.remove(&self.peer);
        }
    }
}

/// An intake that waits for others of the same peer.
pub(crate) struct InOrder<I> {
    before: Option<Wait>,
    /// For which half-open ones it pauses, if for any.
    pauses: Option<(Rests, Identity)>,
    intake: I,
}

impl<I> InOrder<I> {
    /// Ready when what it knows of is done.
    fn poll_before(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(before) = &mut self.before {
            ready!(before.as_mut().poll(cx));
            self.before = None;
        }
        Poll::Ready(())
    }

    /// The same, and looks for more.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.poll_before(cx));
            let pauses = self.pauses.as_ref();
            self.before = pauses.and_then(|(rests, peer)| rests.half_open_of(peer));
            if self.before.is_none() {
                return Poll::Ready(());
            }
        }
    }
}

impl<I: Intake> Intake for InOrder<I> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        ready!(self.poll_turn(cx));
        self.intake.poll_ready(cx)
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        self.intake.poll_last(cx)
    }

    fn take(&mut self, batch: &mut VecDeque<Delivery>) -> Result<(), Error> {
        self.intake.take(batch)
    }

    fn poll_work(
        &mut self,
        cx: &mut Context<'_>,
        acks: &mut VecDeque<MessageId>,
    ) -> Result<(), Error> {
        match self.poll_turn(cx) {
            Poll::Ready(()) => self.intake.poll_work(cx, acks),
            Poll::Pending => Ok(()),
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_before(cx));
        self.intake.poll_rest(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn is_ready(intake: &mut impl Intake) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        intake.poll_ready(&mut cx).is_ready()
    }

    #[tokio::test]
    async fn others_of_a_peer_pause_while_one_is_half_open() {
        let rests = Rests::default();
        let (peer, other) = (Identity::random(), Identity::random());
        let mut present = rests.in_order(&peer, Open, false);
        let mut next_to_it = rests.in_order(&other, Open, false);
        assert!(is_ready(&mut present) && rests.is_empty());

        // The one that is there knows it without being made anew.
        let first = rests.half_open(peer.clone());
        let second = rests.half_open(peer.clone());
        assert!(!is_ready(&mut present) && !rests.is_empty());
        assert!(!is_ready(&mut rests.in_order(&peer, Open, false)));
        assert!(is_ready(&mut next_to_it));
        assert!(is_ready(&mut rests.in_order(&peer, Open, true)));

        drop(first);
        assert!(!is_ready(&mut present));
        let woken = async { poll_fn(|cx| present.poll_ready(cx)).await.unwrap() };
        let (_, _) = tokio::join!(woken, async { drop(second) });
        assert!(is_ready(&mut present) && rests.is_empty());
    }
}

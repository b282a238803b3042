//! Read messages that wait for layers of the receive path when their connection ends, and
//! the order between connections of a peer.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker, ready};

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Delivery, Error, Identity, Limits, MessageId};
use aiomsg_layers::queue::WakerList;
use aiomsg_layers::session::Intake;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Engine;
use super::holds::Hold;

/// The rests of ended connections. A connection of a peer begins when the rest of the one
/// before it is done, so that messages keep their order across connections.
///
/// Each rest is a task. While there are too many, no connection is read, or peers that come
/// and go would leave more and more of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rests(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Checked with every batch, so without a lock.
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: HashMap<Identity, CancellationToken>,
    /// Connections that are not read.
    held_back: WakerList,
}

impl Rests {
    /// The most rests, and one more for each connection that had read something at that
    /// number.
    const MOST: usize = 1024;

    /// Returns the intake of the next connection of a peer.
    pub(crate) fn in_order<I: Intake>(&self, peer: &Identity, hold: Hold, intake: I) -> InOrder<I> {
        InOrder {
            before: self.lock().ended.get(peer).map(wait_for),
            hold,
            rests: self.clone(),
            intake,
        }
    }

    /// Whether there is no rest.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().ended.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    fn add(&self, peer: Identity, done: CancellationToken) {
        let mut state = self.lock();
        state.ended.insert(peer, done);
        self.0.count.store(state.ended.len(), Relaxed);
    }

    /// Removes a finished rest of this peer.
    fn remove(&self, peer: &Identity) {
        let mut state = self.lock();
        // A later connection may have left one, which waits for this one.
        if state
            .ended
            .get(peer)
            .is_some_and(CancellationToken::is_cancelled)
        {
            state.ended.remove(peer);
            self.0.count.store(state.ended.len(), Relaxed);
            let woken = match state.ended.len() < Self::MOST {
                true => state.held_back.take(),
                false => return,
            };
            drop(state);
            woken.wake();
        }
    }

    /// Ready when there are few enough.
    fn poll_few(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.count.load(Relaxed) < Self::MOST {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if state.ended.len() < Self::MOST {
            return Poll::Ready(());
        }
        state.held_back.register(cx.waker());
        Poll::Pending
    }
}

type Wait = Pin<Box<WaitForCancellationFutureOwned>>;

fn wait_for(done: &CancellationToken) -> Wait {
    Box::pin(done.clone().cancelled_owned())
}

/// The rest of one connection.
pub(crate) struct Rest {
    engine: Arc<Engine>,
    peer: Identity,
    done: CancellationToken,
    intake: Box<dyn Intake>,
}

impl Rest {
    /// Returns the rest of an ended connection, if there is any. Call it before the next
    /// connection of the same peer can be admitted.
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
        engine.rests.add(peer.clone(), done.clone());
        Some(Self {
            engine: Arc::clone(engine),
            peer,
            done,
            intake,
        })
    }

    /// Runs the rest to its end.
    pub(crate) async fn run(mut self) {
        // Messages that cannot be handled are reported when they are dropped.
        let _ = poll_fn(|cx| self.intake.poll_rest(cx)).await;
    }
}

/// The rest is done, or dropped.
impl Drop for Rest {
    fn drop(&mut self) {
        self.done.cancel();
        self.engine.rests.remove(&self.peer);
    }
}

/// An intake that waits for that of the peer's connection before, and while the peer is held
/// back.
pub(crate) struct InOrder<I> {
    before: Option<Wait>,
    hold: Hold,
    rests: Rests,
    intake: I,
}

impl<I> InOrder<I> {
    fn poll_before(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(before) = &mut self.before {
            ready!(before.as_mut().poll(cx));
            self.before = None;
        }
        Poll::Ready(())
    }
}

impl<I: Intake> Intake for InOrder<I> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        ready!(self.poll_before(cx));
        ready!(self.hold.poll(cx));
        ready!(self.rests.poll_few(cx));
        self.intake.poll_ready(cx)
    }

    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Result<Limits, Error>> {
        ready!(self.poll_before(cx));
        ready!(self.rests.poll_few(cx));
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
        match self.poll_before(cx) {
            Poll::Ready(()) => self.intake.poll_work(cx, acks),
            Poll::Pending => Ok(()),
        }
    }

    fn is_idle(&self) -> bool {
        self.before.is_none() && self.intake.is_idle()
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_before(cx));
        self.intake.poll_rest(cx)
    }
}

#[cfg(test)]
mod tests;

//! What a connection had read, and the layers of the receive path have yet to
//! deal with, when it ends.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use aiomsg_core::queue::Limits;
use aiomsg_core::{Delivery, Error, Identity, MessageId};
use aiomsg_layers::session::Intake;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Engine;

/// Which peers have a connection that has ended, and of which there is a rest.
///
/// The next connection of the same peer waits for it, lest what came by it
/// overtakes what came before.
#[derive(Debug, Default)]
pub(crate) struct Rests(Mutex<HashMap<Identity, CancellationToken>>);

impl Rests {
    /// The intake of the next connection of a peer.
    pub(crate) fn in_order<I: Intake>(&self, peer: &Identity, intake: I) -> InOrder<I> {
        let done = self.lock().get(peer).cloned();
        InOrder {
            before: done.map(|done| Box::pin(done.cancelled_owned())),
            intake,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identity, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        engine.rests.lock().insert(peer.clone(), done.clone());
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
        let mut rests = self.engine.rests.lock();
        if rests
            .get(&self.peer)
            .is_some_and(CancellationToken::is_cancelled)
        {
            rests.remove(&self.peer);
        }
    }
}

/// An intake that begins when something is done.
pub(crate) struct InOrder<I> {
    before: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
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
        self.intake.poll_ready(cx)
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

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_before(cx));
        self.intake.poll_rest(cx)
    }
}

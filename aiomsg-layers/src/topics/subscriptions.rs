use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use aiomsg_core::Error;
use aiomsg_core::sync::{Mutex, MutexGuard};
use bytes::Bytes;

use super::slots::Slots;
use super::wire::Command;
use super::{SubscribeLayer, TopicLimits};

/// The subscriptions of a subscriber. A handle, cheap to clone.
///
/// The list is sent to every peer whose connection has the [`layer`](Subscriptions::layer). A
/// peer that is no publisher takes it for messages: keep such peers on a socket of their own.
///
/// See [`SubscribeLayer`] for an example.
#[derive(Clone)]
pub struct Subscriptions(Arc<Wanted>);

#[derive(Default)]
pub(super) struct Wanted {
    limits: TopicLimits,
    /// Increases with each change. Changed under the lock, read without it.
    version: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    prefixes: BTreeSet<Bytes>,
    connections: Slots<Tasks>,
}

/// The tasks that poll a connection: it may have been split.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks {
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl Subscriptions {
    /// An empty list.
    pub fn new() -> Self {
        Self::with_limits(TopicLimits::default())
    }

    /// Bounds the list.
    pub fn with_limits(limits: TopicLimits) -> Self {
        Self(Arc::new(Wanted {
            limits,
            ..Wanted::default()
        }))
    }

    /// Subscribes to all messages that begin with `prefix`. Subscribing twice is the same as
    /// subscribing once.
    ///
    /// # Errors
    ///
    /// [`Error::is_limit`] when the prefix is too long, or there are too many.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), Error> {
        let prefix = prefix.as_ref();
        let mut state = self.0.lock();
        if state.prefixes.contains(prefix) {
            return Ok(());
        }
        self.0.limits.admit(state.prefixes.len(), prefix)?;
        state.prefixes.insert(Bytes::copy_from_slice(prefix));
        self.0.changed(state);
        Ok(())
    }

    /// Unsubscribes from messages that begin with `prefix`. Messages on their way still
    /// come, and so do those with another prefix on the list. Returns whether the prefix was
    /// on the list.
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        let mut state = self.0.lock();
        let known = state.prefixes.remove(prefix.as_ref());
        if known {
            self.0.changed(state);
        }
        known
    }

    /// How many prefixes are on the list.
    pub fn len(&self) -> usize {
        self.0.lock().prefixes.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The layer that sends the list to the peer of a connection.
    pub fn layer(&self) -> SubscribeLayer {
        SubscribeLayer::new(Arc::clone(&self.0))
    }
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions")
            .field("len", &self.len())
            .finish()
    }
}

// ===== impl Wanted =====

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Wakes all connections. Their wakers stay, so they need not register again.
    fn changed(&self, state: MutexGuard<'_, State>) {
        self.version.fetch_add(1, Ordering::Release);
        let connections: Vec<_> = state.connections.iter().flatten().cloned().collect();
        drop(state);
        for Tasks { reader, writer } in connections {
            reader.into_iter().chain(writer).for_each(Waker::wake);
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn open(&self) -> usize {
        self.lock().connections.insert(Tasks::default())
    }

    pub(super) fn close(&self, number: usize) {
        self.lock().connections.remove(number);
    }

    /// Sets the tasks that are woken for a connection.
    pub(super) fn watch(&self, number: usize, tasks: &Tasks) {
        if let Some(known) = self.lock().connections.get_mut(number) {
            known.clone_from(tasks);
        }
    }

    /// The changes for a peer that knows the list `told`, and the version of the list that it
    /// knows then.
    pub(super) fn difference(&self, told: &BTreeSet<Bytes>) -> (VecDeque<Command<Bytes>>, u64) {
        let state = self.lock();
        let plan = difference(&state.prefixes, told, self.limits.prefixes);
        (plan, self.version())
    }
}

/// New prefixes come first, so that replacing a prefix by another misses nothing in between.
/// But never so many that the list of the peer is too long for a moment.
fn difference(
    wanted: &BTreeSet<Bytes>,
    told: &BTreeSet<Bytes>,
    most: usize,
) -> VecDeque<Command<Bytes>> {
    let mut new = wanted.difference(told).cloned().map(Command::Subscribe);
    let mut old = told.difference(wanted).cloned().map(Command::Unsubscribe);
    let room = most.saturating_sub(told.len());
    let mut plan: VecDeque<_> = new.by_ref().take(room).collect();
    loop {
        match (old.next(), new.next()) {
            (None, None) => return plan,
            (one, other) => plan.extend(one.into_iter().chain(other)),
        }
    }
}

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Error, Identity};

use super::TopicLimits;
use super::slots::Slots;
use super::tree::Tree;
use crate::queue::WakerList;

/// The subscriptions of all peers, shared by the connections and the policy.
#[derive(Default)]
pub(super) struct Shared {
    limits: TopicLimits,
    /// Changes whenever a connection gets its first subscription, or loses its last one.
    /// Changed under the lock, read without it.
    version: AtomicU64,
    table: Mutex<Table>,
}

/// Subscriptions are by connection, not by peer: so a connection that ends
/// never takes those of its successor with it, which may be there already.
#[derive(Default)]
pub(super) struct Table {
    tree: Tree,
    connections: Slots<Connection>,
    /// How many connections with subscriptions each peer has: it may have two for a moment.
    listeners: HashMap<Identity, usize>,
    /// Tasks that wait for a peer with subscriptions. It may have none soon.
    waiting: WakerList,
}

struct Connection {
    identity: Identity,
    prefixes: HashSet<Box<[u8]>>,
}

impl Shared {
    pub(super) fn new(limits: TopicLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A connection began. Its number is its own until it is closed.
    pub(super) fn open(&self, identity: Identity) -> usize {
        self.lock().connections.insert(Connection {
            identity,
            prefixes: HashSet::new(),
        })
    }

    /// # Errors
    ///
    /// When it is more than the limits allow.
    pub(super) fn subscribe(&self, number: usize, prefix: &[u8]) -> Result<(), Error> {
        let mut table = self.lock();
        let table = &mut *table;
        let Some(connection) = table.connections.get_mut(number) else {
            return Ok(());
        };
        let prefixes = &mut connection.prefixes;
        if prefixes.contains(prefix) {
            return Ok(());
        }
        self.limits
            .admit(prefixes.len(), prefix)
            .map_err(|error| error.with_peer(connection.identity.clone()))?;
        // Copied, so that a few bytes do not keep the buffer that they came in.
        prefixes.insert(prefix.into());
        if prefixes.len() == 1 {
            self.version.fetch_add(1, Ordering::Release);
            let identity = connection.identity.clone();
            *table.listeners.entry(identity).or_default() += 1;
        }
        table.tree.insert(prefix, number);
        Ok(())
    }

    pub(super) fn unsubscribe(&self, number: usize, prefix: &[u8]) {
        let mut table = self.lock();
        let Some(connection) = table.connections.get_mut(number) else {
            return;
        };
        if !connection.prefixes.remove(prefix) {
            return;
        }
        let last = connection.prefixes.is_empty();
        let last = last.then(|| connection.identity.clone());
        table.tree.remove(prefix, number);
        if let Some(identity) = last {
            self.fewer(table, identity);
        }
    }

    /// The connection has ended.
    pub(super) fn close(&self, number: usize) {
        let mut table = self.lock();
        let Some(connection) = table.connections.remove(number) else {
            return;
        };
        for prefix in &connection.prefixes {
            table.tree.remove(prefix, number);
        }
        if !connection.prefixes.is_empty() {
            self.fewer(table, connection.identity);
        }
    }

    /// Notes that one more connection of this peer has lost its last subscription.
    fn fewer(&self, mut table: MutexGuard<'_, Table>, identity: Identity) {
        table.listens_no_more(identity);
        self.version.fetch_add(1, Ordering::Release);
        let woken = table.waiting.take();
        drop(table);
        woken.wake();
    }

    /// Wakes the task when there are fewer peers with subscriptions. Returns `false` if the
    /// table has changed since `version` already.
    pub(super) fn wait(&self, version: u64, waker: &Waker) -> bool {
        let mut table = self.lock();
        let same = version == self.version();
        if same {
            table.waiting.register(waker);
        }
        same
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.lock().tree.nodes()
    }
}

impl Table {
    /// Appends the numbers of the connections that subscribe to the message, some of them more
    /// than once.
    pub(super) fn find(&self, message: &[u8], found: &mut Vec<usize>) {
        self.tree.find(message, found);
    }

    /// The peer of a connection.
    pub(super) fn identity(&self, number: usize) -> Option<&Identity> {
        let connection = self.connections.get(number)?;
        Some(&connection.identity)
    }

    /// Whether a peer has subscriptions.
    pub(super) fn listens(&self, identity: &Identity) -> bool {
        self.listeners.contains_key(identity)
    }

    fn listens_no_more(&mut self, identity: Identity) {
        if let Entry::Occupied(mut connections) = self.listeners.entry(identity) {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
    }
}

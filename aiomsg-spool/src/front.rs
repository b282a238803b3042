//! The messages on their way into the store, and their senders.

mod commit;
mod settle;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Headers, Identity, MessageId, Outbound, Weight};
use aiomsg_layers::Overflow;
use aiomsg_layers::queue::{WakerList, Woken};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};

use crate::SpoolError;
use crate::appending::Appending;
use crate::ids::Ids;
use crate::settings::Settings;
use crate::store::{Entry, Store, Usage, bad_headers};

/// The most messages, and bytes of payload, that wait for a commit.
const PENDING: usize = 65_536;
const PENDING_BYTES: usize = 64 << 20;

/// Hears that its messages are stored, or why not.
type StoredWaiter = oneshot::Sender<Result<(), SpoolError>>;

/// Hears that its message is acknowledged, or why it is a dead letter.
type AckedWaiter = oneshot::Sender<Result<(), String>>;

#[derive(Debug)]
pub(crate) struct Front {
    store: Arc<dyn Store>,
    settings: Settings,
    runtime: Handle,
    ids: Ids,
    state: Mutex<State>,
    /// Rung when something waits for a commit, and at the close.
    bell: Notify,
    /// Rung when messages were settled.
    settled: Notify,
    ended: watch::Sender<Option<Result<(), SpoolError>>>,
}

#[derive(Debug)]
struct State {
    pending: Vec<Entry>,
    pending_bytes: usize,
    waiters: Vec<StoredWaiter>,
    /// What is under way to the store.
    committing: Usage,
    /// What the store held when it answered last.
    stored: Usage,
    producers: WakerList,
    /// Senders that wait for the acknowledgement of their message.
    until_acked: HashMap<MessageId, AckedWaiter>,
    dropped: u64,
    taken: bool,
    closed: bool,
}

impl Front {
    /// A front, and the task that commits.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        settings: Settings,
        stored: Usage,
        runtime: &Handle,
    ) -> Arc<Self> {
        let front = Arc::new(Self {
            store,
            settings,
            runtime: runtime.clone(),
            ids: Ids::new(),
            state: Mutex::new(State {
                pending: Vec::new(),
                pending_bytes: 0,
                waiters: Vec::new(),
                committing: Usage::default(),
                stored,
                producers: WakerList::default(),
                until_acked: HashMap::new(),
                dropped: 0,
                taken: false,
                closed: false,
            }),
            bell: Notify::new(),
            settled: Notify::new(),
            ended: watch::Sender::new(None),
        });
        runtime.spawn(Arc::clone(&front).commit_all());
        front
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// How many messages are not yet in the store.
    pub(crate) fn pending(&self) -> u64 {
        let state = self.state.lock();
        state.pending.len() as u64 + state.committing.messages
    }

    /// Ready when the next messages are settled.
    pub(crate) fn settled(&self) -> tokio::sync::futures::Notified<'_> {
        self.settled.notified()
    }

    /// Takes the right to take messages out.
    pub(crate) fn take(&self) -> Result<(), SpoolError> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut state.taken, true) {
            true => Err(SpoolError::Taken),
            false => Ok(()),
        }
    }

    /// Gives that right back.
    pub(crate) fn untake(&self) {
        self.state.lock().taken = false;
    }

    // ===== storing =====

    /// Makes an entry, and an id if there is none.
    pub(crate) fn entry(
        &self,
        id: Option<MessageId>,
        peer: Option<Identity>,
        headers: Headers,
        payload: Bytes,
        at: SystemTime,
    ) -> Entry {
        Entry {
            id: id.unwrap_or_else(|| self.ids.next()),
            peer,
            headers,
            payload,
            at,
        }
    }

    /// Stores entries in one commit.
    pub(crate) async fn append(&self, entries: Vec<Entry>) -> Result<(), SpoolError> {
        if entries.is_empty() {
            return Ok(());
        }
        poll_fn(|cx| self.poll_room(cx)).await?;
        let (waiter, stored) = oneshot::channel();
        self.push(&mut self.state.lock(), entries, waiter)?;
        self.bell.notify_one();
        stored.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// Stores a message of a socket.
    pub(crate) fn send(&self, message: Outbound) -> Appending {
        let (peer, payload) = (message.peer().cloned(), message.payload().clone());
        let headers = message.headers().clone();
        let entry = self.entry(None, peer, headers, payload, SystemTime::now());
        let id = entry.id;
        let (waiter, stored) = oneshot::channel();
        let mut state = self.state.lock();
        let refused = bad_headers(&message)
            .and_then(|()| self.push(&mut state, [entry], waiter))
            .err();
        let waits = refused.is_none() && message.is_until_acked();
        let acked = waits.then(|| {
            let (waiter, acked) = oneshot::channel();
            state.until_acked.insert(id, waiter);
            acked
        });
        drop(state);
        self.bell.notify_one();
        Appending {
            message: Some(message),
            refused,
            stored: Some(stored),
            acked,
        }
    }

    /// Ready when there is room for one more message, or when the overflow rule makes some.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), SpoolError>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(SpoolError::Closed));
        }
        let memory = state.pending.len() < PENDING && state.pending_bytes < PENDING_BYTES;
        if memory && (self.settings.overflow.decides_at_once() || state.has_room(&self.settings)) {
            return Poll::Ready(Ok(()));
        }
        state.producers.register(cx.waker());
        Poll::Pending
    }

    /// Has entries stored in the next commit, for which the bell must be rung.
    fn push(
        &self,
        state: &mut State,
        entries: impl IntoIterator<Item = Entry> + AsRef<[Entry]>,
        waiter: StoredWaiter,
    ) -> Result<(), SpoolError> {
        if state.closed {
            return Err(SpoolError::Closed);
        }
        if self.settings.overflow == Overflow::RefuseNewest && !state.has_room(&self.settings) {
            return Err(SpoolError::Full {
                limit: self.settings.limit(),
            });
        }
        let weights = entries.as_ref().iter().map(Weight::weight);
        state.pending_bytes += weights.sum::<usize>();
        state.pending.extend(entries);
        state.waiters.push(waiter);
        Ok(())
    }

    // ===== closing =====

    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.until_acked.clear();
        let woken = state.producers.take();
        drop(state);
        woken.wake();
        self.bell.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(crate) async fn closed(&self) -> Result<(), SpoolError> {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended.map_or(Ok(()), |it| it.clone().unwrap_or(Ok(())))
    }
}

impl State {
    /// Notes what the store holds, and takes those who wait for room.
    fn holds(&mut self, answer: &Result<Usage, SpoolError>) -> Woken {
        if let Ok(stored) = answer {
            self.stored = *stored;
        }
        self.producers.take()
    }

    fn has_room(&self, settings: &Settings) -> bool {
        let used = self.stored + self.committing;
        let messages = used.messages + self.pending.len() as u64;
        let bytes = used.bytes + self.pending_bytes as u64;
        messages < settings.max_messages && bytes < settings.max_bytes
    }
}

#[cfg(test)]
mod tests;

//! The messages on their way into the store: all that come while one commit is under way
//! make the next one.

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
use crate::store::{Answer, Entry, Fate, Settled, Store, Usage, bad_headers};

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
        entries: impl IntoIterator<Item = Entry>,
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
        for entry in entries {
            state.pending_bytes += entry.weight();
            state.pending.push(entry);
        }
        state.waiters.push(waiter);
        Ok(())
    }

    /// Commits what waits, until the spool is closed.
    async fn commit_all(self: Arc<Self>) {
        loop {
            let (entries, waiters, closed) = self.take_pending();
            if entries.is_empty() {
                if closed {
                    break;
                }
                self.bell.notified().await;
                continue;
            }
            let asking = self.asking(&entries);
            let answer = self.commit(entries).await;
            self.answered(&answer, &asking);
            for waiter in waiters {
                // The sender may no longer wait.
                let _ = waiter.send(answer.clone().map(|_| ()));
            }
            // Their next messages come at once, and share the next commit.
            tokio::task::yield_now().await;
        }
        let ended = self.store.close().await;
        self.settled.notify_waiters();
        self.ended.send_replace(Some(ended));
    }

    fn take_pending(&self) -> (Vec<Entry>, Vec<StoredWaiter>, bool) {
        let mut state = self.state.lock();
        let entries = std::mem::take(&mut state.pending);
        let waiters = std::mem::take(&mut state.waiters);
        state.committing = Usage {
            messages: entries.len() as u64,
            bytes: state.pending_bytes as u64,
        };
        state.pending_bytes = 0;
        (entries, waiters, state.closed)
    }

    async fn commit(&self, entries: Vec<Entry>) -> Result<Usage, SpoolError> {
        if let Some(most) = self.excess() {
            let shed = self.store.shed(most).await?;
            self.state.lock().dropped += shed.dropped;
        }
        self.store.append(entries).await
    }

    /// How much the store may hold before the messages under way, if the overflow rule drops
    /// others for them.
    fn excess(&self) -> Option<Usage> {
        let state = self.state.lock();
        let new = state.stored + state.committing;
        let settings = &self.settings;
        if new.messages <= settings.max_messages && new.bytes <= settings.max_bytes {
            return None;
        }
        match settings.overflow {
            Overflow::DropOldest => Some(Usage {
                messages: settings
                    .max_messages
                    .saturating_sub(state.committing.messages),
                bytes: settings.max_bytes.saturating_sub(state.committing.bytes),
            }),
            Overflow::KeepNewest => Some(Usage::default()),
            _ => None,
        }
    }

    /// The messages whose senders wait for the acknowledgement.
    fn asking(&self, entries: &[Entry]) -> Vec<MessageId> {
        let state = self.state.lock();
        if state.until_acked.is_empty() {
            return Vec::new();
        }
        let ids = entries.iter().map(|it| it.id);
        ids.filter(|id| state.until_acked.contains_key(id))
            .collect()
    }

    fn answered(&self, answer: &Result<Usage, SpoolError>, asking: &[MessageId]) {
        let mut state = self.state.lock();
        state.committing = Usage::default();
        if answer.is_err() {
            // Their senders hear that they were not stored.
            for id in asking {
                state.until_acked.remove(id);
            }
        }
        let woken = state.holds(answer);
        drop(state);
        woken.wake();
    }

    // ===== settling =====

    /// Says what became of messages, and tells their senders.
    pub(crate) fn settle(
        self: &Arc<Self>,
        settled: Vec<(MessageId, Settled)>,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send + 'static {
        let (ids, settled): (Vec<_>, Vec<_>) = settled.into_iter().unzip();
        let told = self.waiting_for(&ids, &settled);
        let answer: Answer<Usage> = self.store.settle(settled);
        let front = Arc::clone(self);
        async move {
            let answer = answer.await;
            for (waiter, outcome) in told {
                // The sender may no longer wait.
                let _ = waiter.send(outcome);
            }
            let woken = front.state.lock().holds(&answer);
            woken.wake();
            front.settled.notify_waiters();
            answer.map(|_| ())
        }
    }

    fn waiting_for(
        &self,
        ids: &[MessageId],
        settled: &[Settled],
    ) -> Vec<(AckedWaiter, Result<(), String>)> {
        let mut state = self.state.lock();
        if state.until_acked.is_empty() {
            return Vec::new();
        }
        let outcomes = ids.iter().zip(settled).filter_map(|(id, settled)| {
            let outcome = match &settled.fate {
                Fate::Done => Ok(()),
                Fate::Dead(reason) => Err(reason.clone()),
                Fate::Failed | Fate::Returned => return None,
            };
            Some((state.until_acked.remove(id)?, outcome))
        });
        outcomes.collect()
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

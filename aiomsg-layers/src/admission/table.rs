use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg_core::hook::Holding;
use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Error, ErrorKind, Identity, Outbound};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Member;
use super::member::Contest;
use crate::peers::Peers;
use crate::queue::Queue;
use crate::time::bounded;

/// How long a peer has to notice the end of a connection, before we send our identity on
/// another one: a peer that still knows the first refuses the other, perhaps without a
/// word.
const NOTICE: Duration = Duration::from_millis(100);

/// The connected peers. See the [module](super).
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Link};
/// use aiomsg_layers::admission::{Admission, Member};
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
/// let peers = Peers::new(Discard::new(|_| {}));
/// let admission = Admission::new(Identity::random(), peers);
///
/// let peer = Identity::random();
/// let queue = Queue::new(Limits { items: 100, bytes: 1 << 20 });
/// let member = Member::new(peer.clone(), true, queue, Link::new(), "what we know of it");
/// let admitted = admission.admit(member).await?;
/// assert_eq!(admission.len(), 1);
/// drop(admitted); // its session has ended
/// assert!(admission.is_empty());
/// # Ok(()) }
/// ```
pub struct Admission<T>(Arc<Inner<T>>);

struct Inner<T> {
    table: Mutex<Table<T>>,
    peers: Peers<Queue<Outbound>>,
    count: watch::Sender<usize>,
    /// The same, told when the send path has heard of the change.
    heard: watch::Sender<usize>,
    /// The same number, without a lock: senders ask for it all the time.
    len: AtomicUsize,
    max: usize,
    patience: Duration,
    own: Identity,
}

struct Table<T> {
    members: HashMap<Identity, Arc<Member<T>>>,
    /// Whether no more connections are admitted.
    closed: bool,
}

impl<T> Admission<T> {
    /// How long a probed connection may be silent: 6 s, a little more than the time between
    /// heartbeats.
    pub const PATIENCE: Duration = Duration::from_secs(6);

    /// The most peers: 65,536.
    pub const MAX_PEERS: usize = 65_536;

    /// An empty table. `own` is our identity: a connection under it is one to ourselves, and
    /// refused. Admitted peers are in `peers`.
    pub fn new(own: Identity, peers: Peers<Queue<Outbound>>) -> Self {
        Self::with(own, peers, Self::MAX_PEERS, Self::PATIENCE)
    }

    /// The same, with at most `max` peers, and `patience` for a probed connection.
    pub fn with(
        own: Identity,
        peers: Peers<Queue<Outbound>>,
        max: usize,
        patience: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            table: Mutex::new(Table {
                members: HashMap::new(),
                closed: false,
            }),
            peers,
            count: watch::Sender::new(0),
            heard: watch::Sender::new(0),
            len: AtomicUsize::new(0),
            max,
            patience: bounded(patience),
            own,
        }))
    }

    /// How many peers are connected.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Acquire)
    }

    /// Whether no peer is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of peers, to wait for a change of it. A peer that came and went in between
    /// does not show.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.0.count.subscribe()
    }

    /// The same, for those who send to the peers: a peer counts when the send path knows it, so
    /// that a message that is sent then may go to it.
    pub fn count_heard(&self) -> watch::Receiver<usize> {
        self.0.heard.subscribe()
    }

    /// The peer of this identity, if it is connected.
    pub fn get(&self, identity: &Identity) -> Option<Arc<Member<T>>> {
        self.0.lock().members.get(identity).cloned()
    }

    /// All connected peers.
    pub fn members(&self) -> Vec<Arc<Member<T>>> {
        self.0.lock().members.values().cloned().collect()
    }

    /// Whether nothing waits for any connected peer, in a queue or on the way to the system, and
    /// all sent messages are reported.
    pub fn have_sent_all(&self) -> bool {
        let sent = |member: &Arc<Member<T>>| {
            member.queue.is_empty() && !member.handle.is_sending() && member.link.waiting() == 0
        };
        self.0.lock().members.values().all(sent)
    }

    /// How many messages wait for connected peers. Messages that are only in the buffer of
    /// their connection count as one for each peer.
    pub fn unsent(&self) -> usize {
        let unsent = |member: &Arc<Member<T>>| {
            let buffered = member.handle.is_sending() || member.link.waiting() > 0;
            member.queue.items().max(usize::from(buffered))
        };
        self.0.lock().members.values().map(unsent).sum()
    }

    /// Gives the peer of a connection no more messages, and takes those back that are for
    /// anyone. See [`Peers::withdraw`].
    pub fn withdraw(&self, member: &Arc<Member<T>>) {
        let _holding = Holding::new(&*self.0);
        let table = self.0.lock();
        let present = table.members.get(&member.identity);
        if present.is_some_and(|present| Arc::ptr_eq(present, member)) {
            self.0.peers.withdraw(&member.identity);
        }
    }

    /// Admits no more connections from now on.
    pub fn close(&self) {
        self.0.lock().closed = true;
    }

    /// Admits a new connection, when its identity is free.
    ///
    /// # Errors
    ///
    /// When another connection with the identity is alive, or is waiting for it
    /// already ([`Error::is_identity_in_use`]); when it is our own; when there
    /// are as many peers as there may be ([`Error::is_limit`]); and when this is
    /// [closed](Admission::close).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the connection is not admitted.
    pub async fn admit(&self, newcomer: Member<T>) -> Result<Admitted<T>, Error> {
        let newcomer = Arc::new(newcomer);
        let Inner { own, patience, .. } = &*self.0;
        let identity = &newcomer.identity;
        if identity == own {
            return Err(Error::new(ErrorKind::IdentityInUse)
                .with_reason("it is our own: the socket has connected to itself")
                .with_peer(identity.clone()));
        }
        loop {
            let Some(present) = self.0.insert(&newcomer)? else {
                return Ok(Admitted {
                    member: newcomer,
                    admission: Arc::clone(&self.0),
                });
            };
            let in_use = |reason| {
                Error::new(ErrorKind::IdentityInUse)
                    .with_reason(reason)
                    .with_peer(identity.clone())
            };
            if gives_way(own, &present, &newcomer) {
                return Err(in_use(
                    "both ends keep the connection in the other direction",
                ));
            }
            let Some(contest) = present.contest(newcomer.told) else {
                return Err(in_use("another connection waits for it already"));
            };
            let same_peer = same_peer(&present, &newcomer);
            if !same_peer && !proves_dead(&present, &contest, *patience).await {
                return Err(in_use("the other connection is alive"));
            }
            present.handle.evict();
            contest.ended().await;
            if !same_peer && !newcomer.told {
                sleep(NOTICE).await;
            }
        }
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock()
    }

    /// Admits a newcomer, or returns the present connection.
    fn insert(&self, newcomer: &Arc<Member<T>>) -> Result<Option<Arc<Member<T>>>, Error> {
        let present = self.insert_unheard(newcomer)?;
        if present.is_none() {
            self.tell_heard();
        }
        Ok(present)
    }

    /// Tells the number of peers, when the send path has heard of the last change: it is woken
    /// when the locks are released.
    fn tell_heard(&self) {
        let len = &self.len;
        self.heard
            .send_modify(|heard| *heard = len.load(Ordering::Acquire));
    }

    fn insert_unheard(&self, newcomer: &Arc<Member<T>>) -> Result<Option<Arc<Member<T>>>, Error> {
        let identity = &newcomer.identity;
        // Drops are reported when the lock is released.
        let _holding = Holding::new(self);
        let mut table = self.lock();
        if table.closed {
            return Err(ErrorKind::Closed.into());
        }
        let members = &mut table.members;
        if members.len() >= self.max && !members.contains_key(identity) {
            return Err(Error::new(ErrorKind::Limit)
                .with_reason(format!("{} peers are connected already", self.max))
                .with_peer(identity.clone()));
        }
        match members.entry(identity.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Arc::clone(newcomer));
                // Reported under the lock, so that the send path hears of changes in their
                // order.
                let queue = newcomer.queue.clone();
                self.peers.insert(identity.clone(), queue);
                self.set_len(members.len());
                Ok(None)
            }
            Entry::Occupied(entry) => Ok(Some(Arc::clone(entry.get()))),
        }
    }

    fn set_len(&self, len: usize) {
        self.len.store(len, Ordering::Release);
        self.count.send_replace(len);
    }

    fn remove(&self, member: &Arc<Member<T>>) {
        self.remove_unheard(member);
        self.tell_heard();
    }

    fn remove_unheard(&self, member: &Arc<Member<T>>) {
        let _holding = Holding::new(self);
        let mut table = self.lock();
        let members = &mut table.members;
        if let Entry::Occupied(entry) = members.entry(member.identity.clone())
            && Arc::ptr_eq(entry.get(), member)
        {
            entry.remove();
            self.peers.remove(&member.identity);
            self.set_len(members.len());
        }
        drop(table);
        member.end();
    }
}

/// Whether a newcomer yields at once. Two sockets have connected to each other at the same
/// time: both have sent their identities on both connections before either knew, and neither
/// has sent more. Then each end drops the connection that the greater identity has dialled,
/// if that is its newcomer. If it is the admitted one, the end waits until the peer drops it,
/// which it will unless the newcomer is a stranger's.
fn gives_way<T>(own: &Identity, present: &Member<T>, newcomer: &Member<T>) -> bool {
    let mutual = present.dialled != newcomer.dialled && newcomer.told;
    let we_are_smaller = *own < newcomer.identity;
    mutual && !present.is_confirmed() && present.dialled == we_are_smaller
}

/// Whether both have the same proof, and the peer has dialled both. Then it has dropped the
/// older one. We have not dropped a connection that we dialled: another dial of ours reaches
/// the same peer. And of two sockets that connect to each other, neither has.
fn same_peer<T>(present: &Member<T>, newcomer: &Member<T>) -> bool {
    let proven = present.proof.is_some() && present.proof == newcomer.proof;
    proven && !present.dialled && !newcomer.dialled
}

/// Whether a probed connection gives no sign of life.
async fn proves_dead<T>(member: &Member<T>, contest: &Contest<T>, patience: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let read = member.link.read();
    let deadline = Instant::now() + patience;
    member.handle.probe();
    while Instant::now() < deadline {
        tokio::select! {
            () = contest.ended() => return true,
            () = sleep(STEP) => {}
        }
        if member.link.read() != read || member.handle.is_held_back() {
            return false;
        }
    }
    true
}

impl<T> Clone for Admission<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Admission<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("peers", &self.len())
            .finish_non_exhaustive()
    }
}

/// The place of an admitted connection. Drop it when the session has ended, or will not begin,
/// and the queue holds the unsent messages.
pub struct Admitted<T> {
    member: Arc<Member<T>>,
    admission: Arc<Inner<T>>,
}

impl<T> Admitted<T> {
    /// Ready when another connection of the same peer takes this place: the session must end
    /// at once.
    pub fn evicted(&self) -> impl Future<Output = ()> + Send + Sync + use<T> {
        let handle = self.member.handle.clone();
        poll_fn(move |cx| handle.poll_evicted(cx))
    }
}

impl<T> Deref for Admitted<T> {
    type Target = Member<T>;

    fn deref(&self) -> &Member<T> {
        &self.member
    }
}

impl<T> Drop for Admitted<T> {
    fn drop(&mut self) {
        self.member.queue.close();
        self.admission.remove(&self.member);
    }
}

impl<T> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("identity", &self.member.identity)
            .finish_non_exhaustive()
    }
}

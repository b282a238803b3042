use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aiomsg_core::queue::Queue;
use aiomsg_core::{Error, ErrorKind, Identity, Outbound};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Member;
use super::member::Contest;
use crate::route::Registrar;
use crate::time::bounded;

/// How far apart two connections may be that were made at the same time.
const SAME_TIME: Duration = Duration::from_secs(10);

/// How long a connection that is given up for another one, and whose peer is
/// alive, has to end in good order.
const HANDOVER: Duration = Duration::from_secs(2);

/// The peers that are connected. See the [module](super).
///
/// ```
/// use aiomsg_core::queue::{Limits, Queue};
/// use aiomsg_core::{Identity, Link};
/// use aiomsg_layers::admission::{Admission, Member};
/// use aiomsg_layers::route::changes;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
/// let (registrar, _changes) = changes();
/// let admission = Admission::new(Identity::random(), registrar);
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
    registrar: Registrar<Queue<Outbound>>,
    count: watch::Sender<usize>,
    max: usize,
    patience: Duration,
    own: Identity,
}

struct Table<T> {
    members: HashMap<Identity, Arc<Member<T>>>,
    /// Nobody comes in any more.
    closed: bool,
}

impl<T> Admission<T> {
    /// How long a connection whose place is wanted may be silent: 6 s, a little
    /// more than the time between heartbeats.
    pub const PATIENCE: Duration = Duration::from_secs(6);

    /// How many peers there may be: 65,536.
    pub const MAX_PEERS: usize = 65_536;

    /// Nobody is connected yet. `own` is our identity: a connection under it is
    /// one to ourselves, and refused. `registrar` tells the router who comes
    /// and goes.
    pub fn new(own: Identity, registrar: Registrar<Queue<Outbound>>) -> Self {
        Self::with(own, registrar, Self::MAX_PEERS, Self::PATIENCE)
    }

    /// The same, with at most `max` peers, and with `patience` for a connection
    /// whose place is wanted.
    pub fn with(
        own: Identity,
        registrar: Registrar<Queue<Outbound>>,
        max: usize,
        patience: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            table: Mutex::new(Table {
                members: HashMap::new(),
                closed: false,
            }),
            registrar,
            count: watch::Sender::new(0),
            max,
            patience: bounded(patience),
            own,
        }))
    }

    /// How many peers are connected.
    pub fn len(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of peers, to wait for a change of it. A peer that came and
    /// went in between is not seen.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.0.count.subscribe()
    }

    /// The peer of this identity, if it is connected.
    pub fn get(&self, identity: &Identity) -> Option<Arc<Member<T>>> {
        self.0.lock().members.get(identity).cloned()
    }

    /// All peers that are connected.
    pub fn members(&self) -> Vec<Arc<Member<T>>> {
        self.0.lock().members.values().cloned().collect()
    }

    /// Whether nothing waits for any peer that is connected, in a queue or on
    /// the way to the system, and whoever keeps account of what has left has been
    /// told of it.
    pub fn have_sent_all(&self) -> bool {
        let sent = |member: &Arc<Member<T>>| {
            member.queue.is_empty() && !member.handle.is_sending() && member.link.waiting() == 0
        };
        self.0.lock().members.values().all(sent)
    }

    /// Lets nobody in from now on.
    pub fn close(&self) {
        self.0.lock().closed = true;
    }

    /// Lets a new connection in, when its identity is free.
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
        self.admit_or_refuse(newcomer)
            .await
            .map_err(Refused::into_error)
    }

    /// The same, for who wants to lose nothing where two sockets connect to each
    /// other: what is refused may have to be [read to its end](Refused::half_open).
    ///
    /// # Errors
    ///
    /// As for [`admit`](Admission::admit).
    ///
    /// # Cancel safety
    ///
    /// As for [`admit`](Admission::admit).
    pub async fn admit_or_refuse(&self, newcomer: Member<T>) -> Result<Admitted<T>, Refused<T>> {
        let newcomer = Arc::new(newcomer);
        let Inner { own, patience, .. } = &*self.0;
        let identity = &newcomer.identity;
        if identity == own {
            return Err(Error::new(ErrorKind::IdentityInUse)
                .with_reason("it is our own: the socket has connected to itself")
                .with_peer(identity.clone())
                .into());
        }
        loop {
            let Some(present) = self.0.insert(&newcomer)? else {
                return Ok(Admitted {
                    member: newcomer,
                    admission: Arc::clone(&self.0),
                });
            };
            let in_use = || {
                Error::new(ErrorKind::IdentityInUse)
                    .with_reason("the other connection is alive")
                    .with_peer(identity.clone())
            };
            let contest = present.contest();
            let chosen = chosen(own, &present, &newcomer);
            if chosen.is_some_and(|chosen| Arc::ptr_eq(chosen, &present)) {
                return Err(Refused {
                    error: in_use(),
                    half_open: contest.map(|contest| HalfOpen {
                        member: newcomer,
                        _contest: contest,
                    }),
                });
            }
            if contest.is_none() {
                return Err(in_use().into());
            }
            if chosen.is_some() {
                present.supersede.cancel();
                let _ = timeout(HANDOVER, present.ended.cancelled()).await;
            } else if !same_peer(&present, &newcomer) && !proves_dead(&present, *patience).await {
                return Err(in_use().into());
            }
            present.evict.cancel();
            present.ended.cancelled().await;
        }
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a newcomer in, or says who is there.
    fn insert(&self, newcomer: &Arc<Member<T>>) -> Result<Option<Arc<Member<T>>>, Error> {
        let identity = &newcomer.identity;
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
                // Told under the lock, so that the router hears of changes in
                // the order in which they happened.
                let queue = newcomer.queue.clone();
                self.registrar.insert(identity.clone(), queue);
                self.count.send_replace(members.len());
                Ok(None)
            }
            Entry::Occupied(entry) => Ok(Some(Arc::clone(entry.get()))),
        }
    }

    fn remove(&self, member: &Arc<Member<T>>) {
        let mut table = self.lock();
        let members = &mut table.members;
        if let Entry::Occupied(entry) = members.entry(member.identity.clone())
            && Arc::ptr_eq(entry.get(), member)
        {
            entry.remove();
            self.registrar.remove(member.identity.clone());
            self.count.send_replace(members.len());
        }
        drop(table);
        member.ended.cancel();
    }
}

/// Of two connections that were made at the same time, from either end, the one
/// that both ends keep. `None`: it is another case.
fn chosen<'a, T>(
    own: &Identity,
    present: &'a Arc<Member<T>>,
    newcomer: &'a Arc<Member<T>>,
) -> Option<&'a Arc<Member<T>>> {
    let mutual = present.dialled != newcomer.dialled;
    if !mutual || present.since.elapsed() > SAME_TIME {
        return None;
    }
    let we_are_smaller = *own < newcomer.identity;
    Some(match newcomer.dialled == we_are_smaller {
        true => newcomer,
        false => present,
    })
}

/// Whether both have shown the same proof of who they are, and were made from the
/// same end. Then the newer one is right: that end has given the other one up. Of
/// two that connect to each other, neither has.
fn same_peer<T>(present: &Member<T>, newcomer: &Member<T>) -> bool {
    let proven = present.proof.is_some() && present.proof == newcomer.proof;
    proven && present.dialled == newcomer.dialled
}

/// Whether a connection that is asked for a sign of life gives none.
async fn proves_dead<T>(member: &Member<T>, patience: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let received = member.link.received();
    let deadline = Instant::now() + patience;
    member.handle.probe();
    while Instant::now() < deadline {
        tokio::select! {
            () = member.ended.cancelled() => return true,
            () = sleep(STEP) => {}
        }
        if member.link.received() != received || member.handle.is_held_back() {
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

/// The place of a connection that was admitted. Dropping it says that its
/// session has ended, and that its queue is closed and holds what was not sent.
pub struct Admitted<T> {
    member: Arc<Member<T>>,
    admission: Arc<Inner<T>>,
}

/// A connection that was not let in, and why.
#[derive(Debug)]
pub struct Refused<T> {
    error: Error,
    half_open: Option<HalfOpen<T>>,
}

impl<T> Refused<T> {
    /// Why.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// Takes the connection, if its peer may have let it in: the one that it was
    /// given up for was dialled from the other end at the same time, and the peer
    /// may not know of that one yet. When it does, it will end this one in good
    /// order. What it sends until then is lost, unless this one is read to its
    /// end.
    ///
    /// There is one at a time for each identity.
    pub fn half_open(&mut self) -> Option<HalfOpen<T>> {
        self.half_open.take()
    }
}

/// A connection that was not let in at this end and may have been at the other.
/// See [`Refused::half_open`].
pub struct HalfOpen<T> {
    member: Arc<Member<T>>,
    _contest: Contest<T>,
}

impl<T> Deref for HalfOpen<T> {
    type Target = Member<T>;

    fn deref(&self) -> &Member<T> {
        &self.member
    }
}

impl<T> fmt::Debug for HalfOpen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HalfOpen")
            .field("identity", &self.member.identity)
            .finish_non_exhaustive()
    }
}

impl<T> From<Error> for Refused<T> {
    fn from(error: Error) -> Self {
        Self {
            error,
            half_open: None,
        }
    }
}

impl<T> Admitted<T> {
    /// Ready when another connection of the same peer, who is alive, is to take
    /// this place: the session is to end in good order, so that nothing that it
    /// carries is lost. If it takes more than 2 s, it is
    /// [evicted](Admitted::evicted).
    pub fn superseded(&self) -> impl Future<Output = ()> + Send + Sync + use<T> {
        self.member.supersede.clone().cancelled_owned()
    }

    /// Whether that is so.
    pub fn is_superseded(&self) -> bool {
        self.member.supersede.is_cancelled()
    }

    /// Ready when another connection of the same peer is to take this place:
    /// the session must end at once.
    pub fn evicted(&self) -> impl Future<Output = ()> + Send + Sync + use<T> {
        self.member.evict.clone().cancelled_owned()
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

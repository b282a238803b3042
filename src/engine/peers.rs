//! Who is connected, and who may take whose place.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aiomsg_core::queue::Queue;
use aiomsg_core::{Dialect, Endpoint, Error, ErrorKind, Identity, Link, Outbound};
use aiomsg_layers::route::Registrar;
use aiomsg_transport::{RemoteAddr, TlsInfo};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Who a peer is, and how it is connected.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The identity that it chose.
    pub identity: Identity,
    /// Our endpoint: where it connected to, or where we did.
    pub endpoint: Endpoint,
    /// The address at the other end.
    pub remote: RemoteAddr,
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// What TLS knows of it, on a TLS connection.
    pub tls: Option<TlsInfo>,
    /// Whether we connected to it, and not it to us.
    pub dialled: bool,
}

#[derive(Debug, Default)]
struct Table {
    members: HashMap<Identity, Arc<Member>>,
    /// The socket is closing: nobody comes in any more.
    closed: bool,
}

/// How far apart two connections may be that were made at the same time.
const SAME_TIME: Duration = Duration::from_secs(10);

/// The peers that are connected.
#[derive(Debug)]
pub(crate) struct Peers {
    table: Mutex<Table>,
    registrar: Registrar<Queue<Outbound>>,
    count: watch::Sender<usize>,
    max: usize,
    own: Identity,
}

/// A peer that is connected, as others see it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) info: PeerInfo,
    pub(crate) link: Link,
    pub(crate) queue: Queue<Outbound>,
    since: Instant,
    /// Asks the session to show whether the peer is there.
    pub(crate) probe: Notify,
    /// The session does not read, as the inbox is full: silence says nothing
    /// of the peer.
    pub(crate) held_back: AtomicBool,
    /// Asks the session to make room for another connection of this peer.
    pub(crate) evict: CancellationToken,
    /// The session has ended, and the identity is free.
    ended: CancellationToken,
    /// Another connection with this identity is waiting already.
    contested: Mutex<bool>,
}

impl Member {
    pub(crate) fn new(info: PeerInfo, link: Link, queue: Queue<Outbound>) -> Self {
        Self {
            info,
            link,
            queue,
            since: Instant::now(),
            probe: Notify::new(),
            held_back: AtomicBool::new(false),
            evict: CancellationToken::new(),
            ended: CancellationToken::new(),
            contested: Mutex::new(false),
        }
    }

    fn contest(self: &Arc<Self>) -> Option<Contest> {
        let mut contested = self
            .contested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *contested {
            return None;
        }
        *contested = true;
        Some(Contest(Arc::clone(self)))
    }
}

/// The right of one connection to wait for the identity of another. More than
/// one would be no use, and could be very many.
struct Contest(Arc<Member>);

impl Drop for Contest {
    fn drop(&mut self) {
        let mut contested = self
            .0
            .contested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *contested = false;
    }
}

impl Peers {
    pub(crate) fn new(registrar: Registrar<Queue<Outbound>>, max: usize, own: Identity) -> Self {
        Self {
            table: Mutex::default(),
            registrar,
            count: watch::Sender::new(0),
            max,
            own,
        }
    }

    /// Lets nobody in from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Whether nothing waits for any peer that is connected, in a queue or on
    /// the way to the system.
    pub(crate) fn have_sent_all(&self) -> bool {
        let sent = |member: &Arc<Member>| member.queue.is_empty() && member.link.waiting() == 0;
        self.lock().members.values().all(sent)
    }

    pub(crate) fn infos(&self) -> Vec<PeerInfo> {
        let members = &self.lock().members;
        members.values().map(|member| member.info.clone()).collect()
    }

    /// Lets a new connection in.
    ///
    /// If its identity is that of a connection we have, that one must show
    /// within `patience` that it is alive: one that died half-open must not
    /// keep its peer out. If it does, the new one is refused.
    pub(crate) async fn admit(
        &self,
        newcomer: &Arc<Member>,
        patience: Duration,
    ) -> Result<(), Error> {
        let identity = &newcomer.info.identity;
        if *identity == self.own {
            return Err(Error::new(ErrorKind::IdentityInUse)
                .with_reason("it is our own: the socket has connected to itself")
                .with_peer(identity.clone()));
        }
        loop {
            let present = {
                let mut table = self.lock();
                if table.closed {
                    return Err(ErrorKind::Closed.into());
                }
                let table = &mut table.members;
                if table.len() >= self.max && !table.contains_key(identity) {
                    return Err(Error::new(ErrorKind::Limit)
                        .with_reason(format!("{} peers are connected already", self.max))
                        .with_peer(identity.clone()));
                }
                match table.entry(identity.clone()) {
                    Entry::Vacant(entry) => {
                        entry.insert(Arc::clone(newcomer));
                        // Told under the lock, so that the router hears of
                        // changes in the order in which they happened.
                        self.registrar
                            .insert(identity.clone(), newcomer.queue.clone());
                        self.count.send_replace(table.len());
                        return Ok(());
                    }
                    Entry::Occupied(entry) => Arc::clone(entry.get()),
                }
            };
            let contest = present.contest();
            let gives_way = match self.chosen(&present, newcomer) {
                Some(chosen) => Arc::ptr_eq(chosen, newcomer),
                None => proves_dead(&present, patience).await,
            };
            if contest.is_none() || !gives_way {
                return Err(Error::new(ErrorKind::IdentityInUse)
                    .with_reason("the other connection is alive")
                    .with_peer(identity.clone()));
            }
            present.evict.cancel();
            present.ended.cancelled().await;
        }
    }

    /// Where two sockets connect to each other at the same time, each may let
    /// in another one of the two connections, and nobody would answer on
    /// either. So both choose the one that was dialled by the smaller
    /// identity, at once. `None`: it is another case.
    fn chosen<'a>(
        &self,
        present: &'a Arc<Member>,
        newcomer: &'a Arc<Member>,
    ) -> Option<&'a Arc<Member>> {
        let mutual = present.info.dialled != newcomer.info.dialled;
        if !mutual || present.since.elapsed() > SAME_TIME {
            return None;
        }
        let we_are_smaller = self.own < newcomer.info.identity;
        Some(match newcomer.info.dialled == we_are_smaller {
            true => newcomer,
            false => present,
        })
    }

    /// Takes out a connection that has ended. Its queue is closed and holds
    /// what it had not sent.
    pub(crate) fn remove(&self, member: &Arc<Member>) {
        let mut locked = self.lock();
        let table = &mut locked.members;
        if let Entry::Occupied(entry) = table.entry(member.info.identity.clone())
            && Arc::ptr_eq(entry.get(), member)
        {
            entry.remove();
            self.registrar.remove(member.info.identity.clone());
            self.count.send_replace(table.len());
        }
        drop(locked);
        member.ended.cancel();
    }
}

/// Whether a connection that is asked for a sign of life gives none.
///
/// We send a heartbeat: where the peer's system knows nothing of this
/// connection any more, it answers with a reset at once. Where nothing answers,
/// a living peer sends a heartbeat of its own within its interval (5 s in both
/// dialects).
async fn proves_dead(member: &Member, patience: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let received = member.link.received();
    let deadline = Instant::now() + patience;
    member.probe.notify_one();
    while Instant::now() < deadline {
        tokio::select! {
            () = member.ended.cancelled() => return true,
            () = sleep(STEP) => {}
        }
        if member.link.received() != received || member.held_back.load(Relaxed) {
            return false;
        }
    }
    true
}

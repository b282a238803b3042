use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Identity, Outbound};
use indexmap::IndexMap;
use tower::Service;

use super::post_office::PostOffice;
use super::{ByIdentityFuture, Expiry, MailboxSettings};
use crate::Overflow;
use crate::peers::{News, Peers, View};
use crate::queue::{Offered, Peer};
use crate::shared::bell::Bell;

/// A service of messages that sends addressed ones itself. See the [module](super).
pub struct ByIdentity<S, P> {
    inner: S,
    peers: Peers<P>,
    view: View<P>,
    /// The peers that are connected.
    set: IndexMap<Identity, P>,
    office: PostOffice<P>,
    /// A peer has come or gone, or one for which something waits has room.
    bell: Bell,
}

impl<S, P: Peer + Clone> ByIdentity<S, P> {
    pub(super) fn new(
        inner: S,
        peers: &Peers<P>,
        settings: MailboxSettings,
        overflow: Overflow,
    ) -> Self {
        Self {
            inner,
            peers: peers.clone(),
            view: peers.by_identity(),
            set: IndexMap::new(),
            office: PostOffice::new(peers, settings, overflow),
            bell: Bell::new(),
        }
    }

    /// The future that drops messages that have waited too long for an absent peer. It must be
    /// run, once.
    pub fn expiry(&self) -> Expiry<P> {
        Expiry::new(self.office.clone())
    }

    /// Whether messages wait for peers that are connected.
    pub fn has_backlog(&self) -> bool {
        self.office.has_backlog()
    }

    /// How many messages wait in mailboxes, also for peers that are absent.
    pub fn mail(&self) -> usize {
        self.office.kept()
    }

    /// Refuses addressed messages from now on, ends the [`Expiry`], and takes the messages out
    /// of the mailboxes. Waiting senders get their messages back.
    pub fn close(&mut self) -> Vec<Outbound> {
        self.hear();
        self.office.close()
    }

    /// Notes which peers have come and gone, and delivers waiting messages.
    #[cold]
    fn hear(&mut self) {
        while let Poll::Ready(news) = self.view.poll_news(&mut self.bell.context()) {
            match news {
                News::Came(identity, peer) => {
                    self.office.came(&identity, &peer);
                    self.set.insert(identity, peer);
                }
                News::Went {
                    identity,
                    left,
                    behind,
                } => {
                    self.set.swap_remove(&identity);
                    self.office.went(&identity, left, behind);
                }
                News::Filled(_) => {}
            }
        }
        if !self.office.is_idle() {
            self.office.deliver(&mut self.bell.context());
        }
    }
}

impl<S, P> ByIdentity<S, P>
where
    S: Service<Outbound, Response = ()>,
    P: Peer + Clone,
{
    /// Sends to one peer.
    #[inline(never)]
    fn send_to(&mut self, identity: Identity, message: Outbound) -> ByIdentityFuture<S::Future, P> {
        let mut slot = Some(message);
        let mut peer = self.set.get_mut(&identity);
        if let Some(peer) = &mut peer
            && !self.office.holds(&identity)
        {
            match peer.offer(&mut slot) {
                Offered::Room => return ByIdentityFuture::sent(),
                Offered::Filled => {
                    self.peers.filled(&identity);
                    return ByIdentityFuture::sent();
                }
                Offered::Full | Offered::Closed => {}
            }
        }
        let Some(message) = slot else {
            return ByIdentityFuture::sent();
        };
        let placed = self.office.place(&identity, peer.as_deref(), message);
        ByIdentityFuture::placed(&self.office, identity, placed)
    }
}

impl<S, P> ByIdentity<S, P> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out. Messages in mailboxes are lost.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P> Service<Outbound> for ByIdentity<S, P>
where
    S: Service<Outbound, Response = (), Error: From<Error>>,
    P: Peer + Clone,
{
    type Response = ();
    type Error = S::Error;
    type Future = ByIdentityFuture<S::Future, P>;

    /// Ready when the inner service is. Only messages for anyone need that.
    #[inline(always)]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.bell.has_rung(cx) {
            self.hear();
        }
        self.inner.poll_ready(cx)
    }

    /// Sends a message. An addressed one may come at any time.
    #[inline(always)]
    fn call(&mut self, message: Outbound) -> Self::Future {
        match message.peer() {
            None => ByIdentityFuture::inner(self.inner.call(message)),
            Some(peer) => {
                let peer = peer.clone();
                self.send_to(peer, message)
            }
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for ByIdentity<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByIdentity")
            .field("inner", &self.inner)
            .field("office", &self.office)
            .finish_non_exhaustive()
    }
}

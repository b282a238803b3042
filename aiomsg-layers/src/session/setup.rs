//! What a session is made of.

use std::collections::VecDeque;
use std::time::Duration;

use aiomsg_core::{Connection, Discard, Identity, Link, Outbound};
use tokio::time::sleep;

use super::finish::Ending;
use super::left::Left;
use super::pump::StreamState;
use super::{Farewells, Intake, Meter, Session, SessionHandle};
use crate::admission::Member;
use crate::heartbeat::Patience;
use crate::queue::Queue;
use crate::time::bounded;

impl<C: Connection, I: Intake> Session<C, I> {
    /// The session of a connection to `peer`: sends what is in `queue`, and
    /// gives what arrives to `intake`.
    pub fn new(peer: Identity, connection: C, queue: Queue<Outbound>, intake: I) -> Self {
        Self {
            connection,
            left: Left::new(queue),
            peer,
            fed: (0, 0),
            intake,
            acks: VecDeque::new(),
            probe: false,
            arrived: VecDeque::new(),
            meter: Meter::new(),
            ending: Ending::default(),
            held: None,
            stream: StreamState::Open,
        }
    }

    /// The session of a peer that was [admitted](crate::admission::Admission),
    /// with its queue, its link, its handle and its meter. It is to be dropped before the
    /// place of the peer is given up: the router then finds in the queue what
    /// was not sent.
    pub fn of<T>(member: &Member<T>, connection: C, intake: I) -> Self {
        let queue = member.queue().clone();
        Self::new(member.identity().clone(), connection, queue, intake)
            .link(member.link().clone())
            .handle(member.handle().clone())
            .meter(member.counts().clone())
    }

    /// Says where the connection leaves the frames that never left. Without
    /// it, they are lost with the connection.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.left.link = link;
        self
    }

    /// Sets the handle by which others ask something of the session.
    #[must_use]
    pub fn handle(mut self, handle: SessionHandle) -> Self {
        self.left.handle = handle;
        self
    }

    /// Sets what counts the messages.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// While this is patient, the session waits for its peer's end as long as it
    /// runs: whoever drops it has a deadline. Otherwise it waits for 60 s at most,
    /// and not for a peer that is silent.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.ending.patience = patience;
        self
    }

    /// Says that the peer does not end its direction of the connection when we have
    /// ended ours, as the library of 2019 does not at the end that binds: it has
    /// read everything when its heartbeats stop.
    #[must_use]
    pub fn peer_never_ends(mut self, never: bool) -> Self {
        self.ending.peer_never_ends = never;
        self
    }

    /// Bounds how many sessions stay at the same time to turn their peers away, which
    /// have sent what cannot be taken. Beyond it they end at once.
    #[must_use]
    pub fn farewells(mut self, farewells: Farewells) -> Self {
        self.ending.farewells = Some(farewells);
        self
    }

    /// Sends no messages for so long, unless the peer says something before that:
    /// it may not have let the connection in.
    #[must_use]
    pub fn hold(mut self, time: Option<Duration>) -> Self {
        self.held = time.map(|time| Box::pin(sleep(bounded(time))));
        self
    }

    /// Sets where messages go of which nobody knows whether they left.
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.left.discard = Some(discard);
        self
    }
}

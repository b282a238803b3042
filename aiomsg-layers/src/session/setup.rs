//! Creating a session.

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
    /// The session of a connection to `peer`: it sends from `queue`, and gives received
    /// messages to `intake`.
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
    /// with its queue, its link, its handle and its meter. Drop it before the place of the
    /// peer, so that the unsent messages are in the queue by then.
    pub fn of<T>(member: &Member<T>, connection: C, intake: I) -> Self {
        let queue = member.queue().clone();
        Self::new(member.identity().clone(), connection, queue, intake)
            .link(member.link().clone())
            .handle(member.handle().clone())
            .meter(member.counts().clone())
    }

    /// Sets the link in which the connection leaves frames that never left. Without it,
    /// they are lost with the connection.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.left.link = link;
        self
    }

    /// Sets the handle through which other tasks ask something of the session.
    #[must_use]
    pub fn handle(mut self, handle: SessionHandle) -> Self {
        self.left.handle = handle;
        self
    }

    /// Sets the meter that counts the messages.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Shares a switch: while it is patient, the session waits for its peer's end as long
    /// as it runs, since its owner has a deadline. Otherwise it waits for 60 s at most,
    /// and not for a silent peer.
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

    /// Bounds the sessions that stay for a moment, to turn away peers that have sent
    /// something unacceptable. Beyond the bound they end at once.
    #[must_use]
    pub fn farewells(mut self, farewells: Farewells) -> Self {
        self.ending.farewells = Some(farewells);
        self
    }

    /// Sends no messages for this time, unless the peer sends something before: it may not
    /// have admitted the connection.
    #[must_use]
    pub fn hold(mut self, time: Option<Duration>) -> Self {
        self.held = time.map(|time| Box::pin(sleep(bounded(time))));
        self
    }

    /// Sets where messages go that may or may not have left.
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.left.discard = Some(discard);
        self
    }
}

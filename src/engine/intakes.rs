//! The layers of the receive path, for as long as messages can arrive.

use aiomsg_core::sync::Mutex;

use aiomsg_layers::session::Intake;
use aiomsg_layers::shared::drop_caught;

use super::peer::PeerInfo;
use super::session::MakeIntake;

/// The way of sessions to the inbox: direct, or through a user's layers.
pub(crate) struct Intakes(Mutex<Option<MakeIntake>>);

impl Intakes {
    /// `None`: direct, without layers.
    pub(crate) fn new(make: Option<MakeIntake>) -> Self {
        Self(Mutex::new(make))
    }

    /// Returns the intake of a connection to this peer, through the layers. `None` if there
    /// are none, or the inbox is closed.
    pub(crate) fn of(&self, peer: &PeerInfo) -> Option<Box<dyn Intake>> {
        let make = self.0.lock().clone();
        Some(make?(peer))
    }

    /// Drops the layers when the inbox is closed, so that code in them that waits for
    /// messages learns that none will come. Handles of a socket may long outlive it.
    pub(crate) fn end(&self) {
        let make = self.0.lock().take();
        drop_caught("a layer of the receive path", make);
    }
}

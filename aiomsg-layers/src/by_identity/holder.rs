use aiomsg_core::{DropReason, Identity, Limits, Weight};

use super::counters::State;
use super::post_office::PostOffice;
use crate::overflow::Holder;
use crate::queue::Peer;
use crate::shared::share;

/// The mailbox of a peer.
pub(super) struct Mail<'a, P> {
    pub(super) office: &'a PostOffice<P>,
    pub(super) state: &'a mut State<P>,
    pub(super) identity: &'a Identity,
}

impl<P: Peer + Clone> Mail<'_, P> {
    fn drop_from(&mut self, identity: &Identity) -> bool {
        let counter = self.state.counters.get_mut(identity);
        let Some(message) = counter.and_then(|it| it.mail.pop()) else {
            return false;
        };
        self.state.items -= 1;
        self.state.bytes -= message.weight();
        let discard = self.office.0.peers.discard();
        discard.message(message, DropReason::Overflow);
        true
    }
}

impl<P: Peer + Clone> Holder for Mail<'_, P> {
    fn has_room(&self) -> bool {
        let own = self.state.counters.get(self.identity);
        let own = own.map_or(Limits { items: 0, bytes: 0 }, |it| it.mail.used());
        share::admits(&self.office.0.settings.limits, self.state.used(), own)
    }

    /// Its own oldest message, or the one of all that has waited longest.
    fn drop_oldest(&mut self) {
        while !self.has_room() {
            if self.drop_from(self.identity) {
                continue;
            }
            let counters = self.state.counters.iter();
            let oldest = counters.filter_map(|(identity, it)| Some((it.mail.oldest()?, identity)));
            let Some((_, identity)) = oldest.min() else {
                break;
            };
            let identity = identity.clone();
            self.drop_from(&identity);
        }
    }

    fn drop_all(&mut self) -> bool {
        while self.drop_from(self.identity) {}
        self.has_room()
    }
}

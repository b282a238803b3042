//! A side as it is at one moment.

use std::collections::HashSet;

use aiomsg::stats::PeerStats;
use aiomsg::{Endpoint, Identity};

use super::side::{Place, Side};

/// The peers and endpoints of a side, for all that one request shows of them: each peer is
/// asked and copied once.
pub(super) struct View {
    pub(super) peers: Vec<PeerStats>,
    /// The endpoints of the settings, each with the reason why it is of no use now, if it
    /// neither listens nor is connected.
    pub(super) places: Vec<(Place, Result<(), String>)>,
}

/// The connected peers of a side.
#[derive(Debug, Default)]
pub(super) struct Connected<'a> {
    /// The endpoints of those that we have dialled.
    pub(super) dialled: HashSet<&'a Endpoint>,
    /// The identities of those that have connected to us.
    pub(super) accepted: HashSet<&'a Identity>,
}

impl Side {
    pub(super) fn view(&self) -> View {
        let peers = self.socket.peer_stats();
        let connected = Connected::of(&peers);
        let places = self.places();
        let errors = self.dial_errors.lock();
        let look = |place: &Place| match &place.at {
            Err(error) => Err(error.clone()),
            Ok(_) if place.listens() => Ok(()),
            Ok(endpoint) if errors.is_up(endpoint, &connected) => Ok(()),
            Ok(endpoint) => {
                let error = errors.of(endpoint);
                Err(error.unwrap_or_else(|| format!("{endpoint} is not yet connected")))
            }
        };
        let places = places.into_iter().map(|place| {
            let look = look(&place);
            (place, look)
        });
        let places = places.collect();
        drop(errors);
        View { peers, places }
    }
}

impl<'a> Connected<'a> {
    fn of(peers: &'a [PeerStats]) -> Self {
        let mut connected = Self::default();
        for PeerStats { peer, .. } in peers {
            match peer.dialled {
                true => connected.dialled.insert(&peer.endpoint),
                false => connected.accepted.insert(&peer.identity),
            };
        }
        connected
    }
}

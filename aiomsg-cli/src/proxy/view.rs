//! A side as it is at one moment.

use std::collections::{HashMap, HashSet};

use aiomsg::stats::PeerStats;
use aiomsg::{Endpoint, Identity};

use super::dial_errors::Reach;
use super::side::{Place, Side};

/// The peers and endpoints of a side, for all that one request shows of them: each peer is
/// asked and copied once.
pub(super) struct View {
    pub(super) peers: Vec<PeerStats>,
    /// The endpoints of the settings.
    pub(super) places: Vec<(Place, Standing)>,
}

/// What an endpoint of the settings is worth now.
#[derive(Debug, PartialEq)]
pub(super) enum Standing {
    /// It listens, or is connected.
    Up,
    /// Its peer is connected, at this other endpoint. Both ends keep one connection of two.
    DuplicateOf(Endpoint),
    /// The reason why it is of no use.
    Down(String),
}

impl Standing {
    /// Its names in the status, and as values of a label.
    pub(super) const NAMES: [&str; 3] = ["up", "duplicate", "down"];

    pub(super) fn name(&self) -> &'static str {
        let [up, duplicate, down] = Self::NAMES;
        match self {
            Self::Up => up,
            Self::DuplicateOf(_) => duplicate,
            Self::Down(_) => down,
        }
    }
}

/// The connected peers of a side.
#[derive(Debug, Default)]
pub(super) struct Connected<'a> {
    /// The endpoints of those that we have dialled.
    pub(super) dialled: HashSet<&'a Endpoint>,
    /// The same by identity.
    pub(super) at: HashMap<&'a Identity, &'a Endpoint>,
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
            Err(error) => Standing::Down(error.clone()),
            Ok(_) if place.listens() => Standing::Up,
            Ok(endpoint) => match errors.reach(endpoint, &connected) {
                Reach::Connected => Standing::Up,
                Reach::At(other) => Standing::DuplicateOf(other.clone()),
                Reach::Nobody => {
                    let error = errors.of(endpoint);
                    let error = error.unwrap_or_else(|| format!("{endpoint} is not yet connected"));
                    Standing::Down(error)
                }
            },
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
            if peer.dialled {
                connected.dialled.insert(&peer.endpoint);
                connected.at.insert(&peer.identity, &peer.endpoint);
            } else {
                connected.accepted.insert(&peer.identity);
            }
        }
        connected
    }
}

//! Why endpoints are not reached.

use std::collections::{BTreeMap, HashMap, HashSet};

use aiomsg::{Endpoint, Event, Identity};

use super::view::Connected;
use crate::common::said::said;

/// The most identities in use that are kept when events were missed. The endpoints of some may
/// be gone.
const MOST_KEPT: usize = 1024;

/// The last failure of each endpoint that has failed since it was connected, and of the
/// addresses of names.
#[derive(Debug, Default)]
pub(super) struct DialErrors {
    errors: BTreeMap<String, String>,
    /// The endpoints that were refused because the identity of their peer was in use, with
    /// that identity. Where that peer is connected is for [`reach`](Self::reach) to see.
    in_use: HashMap<Endpoint, Identity>,
    /// The endpoints of the addresses of each followed name.
    addresses: HashMap<Endpoint, HashSet<Endpoint>>,
}

impl DialErrors {
    pub(super) fn note(&mut self, event: Event) {
        match event {
            Event::DialFailed {
                endpoint, error, ..
            }
            | Event::LookupFailed {
                endpoint, error, ..
            } => {
                let in_use = error.peer().filter(|_| error.is_identity_in_use());
                match in_use {
                    Some(peer) => self.in_use.insert(endpoint.clone(), peer.clone()),
                    None => self.in_use.remove(&endpoint),
                };
                let said = said(&*error).to_string();
                self.errors.insert(endpoint.to_string(), said);
            }
            Event::PeerUp { peer } if peer.dialled => self.reached(&peer.endpoint),
            Event::AddressesChanged {
                endpoint,
                added,
                removed,
                ..
            } => {
                // It has been resolved.
                self.reached(&endpoint);
                for gone in removed.iter() {
                    self.reached(gone);
                }
                let addresses = self.addresses.entry(endpoint).or_default();
                addresses.retain(|it| !removed.contains(it));
                addresses.extend(added.iter().cloned());
            }
            // A failure of an address that is gone could stay for ever. Identities in use stay:
            // without them, endpoints whose peers are connected would be down until the next
            // try. They count only while the peer is connected.
            Event::Missed { .. } => {
                self.errors.clear();
                if self.in_use.len() > MOST_KEPT {
                    self.in_use.clear();
                }
            }
            _ => {}
        }
    }

    fn reached(&mut self, endpoint: &Endpoint) {
        self.errors.remove(&endpoint.to_string());
        self.in_use.remove(endpoint);
    }

    /// Forgets an endpoint to which nothing connects any more.
    pub(super) fn forget(&mut self, endpoint: &Endpoint) {
        self.reached(endpoint);
        for address in self.addresses.remove(endpoint).unwrap_or_default() {
            self.reached(&address);
        }
    }

    /// How the peer of an endpoint, or of one of its addresses, is connected.
    ///
    /// A peer that has connected to us counts as connected: both ends keep one connection of
    /// two. If we have dialled it elsewhere, the endpoint is one more address of the same peer,
    /// or that of another peer with the same identity. The protocol does not tell them apart.
    pub(super) fn reach<'a>(&self, endpoint: &Endpoint, connected: &Connected<'a>) -> Reach<'a> {
        let addresses = self.addresses.get(endpoint).into_iter().flatten();
        let all = || addresses.clone().chain([endpoint]);
        let mut in_use = all().filter_map(|it| self.in_use.get(it));
        if all().any(|it| connected.dialled.contains(it))
            || in_use.clone().any(|it| connected.accepted.contains(it))
        {
            return Reach::Connected;
        }
        let other = in_use.find_map(|it| connected.at.get(it).copied());
        other.map_or(Reach::Nobody, Reach::At)
    }

    /// Why an endpoint is not reached, or one of its addresses.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<String> {
        let own = self.errors.get(&endpoint.to_string());
        let addresses = self.addresses.get(endpoint).into_iter().flatten();
        let of_addresses = addresses.filter_map(|it| self.errors.get(&it.to_string()));
        own.or_else(|| of_addresses.min()).cloned()
    }
}

/// How the peer of an endpoint is connected.
#[derive(Debug, PartialEq)]
pub(super) enum Reach<'a> {
    /// By the endpoint, or because the peer has connected to us.
    Connected,
    /// By this other endpoint, which we have dialled, too.
    At(&'a Endpoint),
    Nobody,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aiomsg::{Error, ErrorKind};

    use super::*;

    fn in_use(endpoint: Endpoint, peer: &Identity) -> Event {
        let error = Error::new(ErrorKind::IdentityInUse).with_peer(peer.clone());
        Event::DialFailed {
            endpoint,
            error: Arc::new(error),
            retry_in: Duration::ZERO,
        }
    }

    fn at(last_byte: u8) -> Endpoint {
        Endpoint::from(std::net::SocketAddr::from(([10, 0, 0, last_byte], 7)))
    }

    fn failed(endpoint: Endpoint, why: &str) -> Event {
        Event::DialFailed {
            endpoint,
            error: Arc::new(Error::new(ErrorKind::Io).with_reason(why.to_owned())),
            retry_in: Duration::ZERO,
        }
    }

    fn changed(name: &Endpoint, added: &[Endpoint], removed: &[Endpoint]) -> Event {
        Event::AddressesChanged {
            endpoint: name.clone(),
            added: added.into(),
            removed: removed.into(),
            omitted: 0,
        }
    }

    /// With addresses that come and go, failures of those that are gone would pile up.
    #[test]
    fn failures_of_addresses_count_for_their_name_until_they_are_gone() {
        let name = Endpoint::tcp("workers", 7);
        let mut errors = DialErrors::default();
        errors.note(changed(&name, &[at(1), at(2)], &[]));
        assert_eq!(errors.of(&name), None);
        errors.note(failed(at(2), "refused"));
        assert!(errors.of(&name).unwrap().contains("refused"));
        errors.note(changed(&name, &[at(3)], &[at(2)]));
        assert_eq!(errors.of(&name), None);

        errors.note(Event::LookupFailed {
            endpoint: name.clone(),
            error: Arc::new(Error::new(ErrorKind::Address).with_reason("no such name")),
            retry_in: Duration::ZERO,
        });
        errors.note(failed(at(3), "refused"));
        assert!(errors.of(&name).unwrap().contains("no such name"));
        errors.note(changed(&name, &[], &[]));
        assert!(errors.of(&name).unwrap().contains("refused"));
        errors.forget(&name);
        assert!(errors.errors.is_empty() && errors.addresses.is_empty());
    }

    #[test]
    fn an_endpoint_is_up_when_its_peer_is_connected_in_either_direction() {
        let name = Endpoint::tcp("workers", 7);
        let mut errors = DialErrors::default();
        let none = Connected::default();
        let (at_1, at_2) = (at(1), at(2));
        let second = Connected {
            dialled: HashSet::from([&at_2]),
            ..Connected::default()
        };
        let is_up = |errors: &DialErrors, at: &Endpoint, connected: &Connected<'_>| {
            errors.reach(at, connected) == Reach::Connected
        };
        assert!(!is_up(&errors, &at(2), &none) && is_up(&errors, &at(2), &second));

        errors.note(changed(&name, &[at(1), at(2)], &[]));
        assert!(!is_up(&errors, &name, &none) && is_up(&errors, &name, &second));

        let (peer, other) = (Identity::random(), Identity::random());
        errors.note(in_use(at(1), &peer));
        let accepted = |identity| Connected {
            accepted: HashSet::from([identity]),
            ..Connected::default()
        };
        let (ours, others) = (accepted(&peer), accepted(&other));
        assert!(is_up(&errors, &at_1, &ours) && is_up(&errors, &name, &ours));
        assert!(!is_up(&errors, &at_1, &others) && !is_up(&errors, &name, &none));
        // The identity may still be in use when events were missed.
        errors.note(Event::Missed { count: 1 });
        assert!(is_up(&errors, &at_1, &ours) && errors.of(&at_1).is_none());
        errors.note(failed(at(1), "refused"));
        assert!(!is_up(&errors, &at_1, &ours));
    }

    /// It counted as up, which hid a second consumer with the same identity, and then as down,
    /// although its peer was connected.
    #[test]
    fn an_identity_in_use_at_another_dialled_endpoint_is_a_duplicate_of_it() {
        let mut errors = DialErrors::default();
        let peer = Identity::random();
        errors.note(in_use(at(2), &peer));
        let at_1 = at(1);
        let first = Connected {
            dialled: HashSet::from([&at_1]),
            at: HashMap::from([(&peer, &at_1)]),
            ..Connected::default()
        };
        assert_eq!(errors.reach(&at(1), &first), Reach::Connected);
        assert_eq!(errors.reach(&at(2), &first), Reach::At(&at_1));
        // When that connection has ended, it is down, with its error.
        let none = Connected::default();
        assert_eq!(errors.reach(&at(2), &none), Reach::Nobody);
        assert!(errors.of(&at(2)).unwrap().contains("identity"));
    }

    #[test]
    fn identities_in_use_of_missed_events_are_bounded() {
        let mut errors = DialErrors::default();
        let peer = Identity::random();
        for port in 0..=MOST_KEPT {
            errors.note(in_use(Endpoint::tcp("gone", port as u16 + 1), &peer));
        }
        errors.note(Event::Missed { count: 1 });
        assert!(errors.in_use.is_empty());
    }
}

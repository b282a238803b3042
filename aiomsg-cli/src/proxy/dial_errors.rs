//! Why endpoints are not reached.

use std::collections::{BTreeMap, HashMap, HashSet};

use aiomsg::{Endpoint, Event};

use crate::common::said::said;

/// The last failure of each endpoint that has failed since it was connected, and of the
/// addresses of names.
#[derive(Debug, Default)]
pub(super) struct DialErrors {
    errors: BTreeMap<String, String>,
    /// The endpoints whose peers are connected already, by another connection.
    connected_otherwise: HashSet<Endpoint>,
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
                match error.is_identity_in_use() {
                    true => self.connected_otherwise.insert(endpoint.clone()),
                    false => self.connected_otherwise.remove(&endpoint),
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
            // A failure of an address that is gone could stay for ever.
            Event::Missed { .. } => {
                self.errors.clear();
                self.connected_otherwise.clear();
            }
            _ => {}
        }
    }

    fn reached(&mut self, endpoint: &Endpoint) {
        self.errors.remove(&endpoint.to_string());
        self.connected_otherwise.remove(endpoint);
    }

    /// Forgets an endpoint to which nothing connects any more.
    pub(super) fn forget(&mut self, endpoint: &Endpoint) {
        self.reached(endpoint);
        for address in self.addresses.remove(endpoint).unwrap_or_default() {
            self.reached(&address);
        }
    }

    /// Whether a peer of an endpoint, or of one of its addresses, is connected, if those of
    /// these endpoints are that were dialled.
    pub(super) fn is_up(&self, endpoint: &Endpoint, dialled: &HashSet<Endpoint>) -> bool {
        let addresses = self.addresses.get(endpoint).into_iter().flatten();
        let mut all = addresses.chain([endpoint]);
        all.any(|it| dialled.contains(it) || self.connected_otherwise.contains(it))
    }

    /// Why an endpoint is not reached, or one of its addresses.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<String> {
        let own = self.errors.get(&endpoint.to_string());
        let addresses = self.addresses.get(endpoint).into_iter().flatten();
        let of_addresses = addresses.filter_map(|it| self.errors.get(&it.to_string()));
        own.or_else(|| of_addresses.min()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aiomsg::{Error, ErrorKind};

    use super::*;

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
    fn an_endpoint_is_up_when_its_peer_is_connected_by_whatever_connection() {
        let name = Endpoint::tcp("workers", 7);
        let mut errors = DialErrors::default();
        let none = HashSet::new();
        let second = HashSet::from([at(2)]);
        assert!(!errors.is_up(&at(2), &none) && errors.is_up(&at(2), &second));

        errors.note(changed(&name, &[at(1), at(2)], &[]));
        assert!(!errors.is_up(&name, &none) && errors.is_up(&name, &second));

        errors.note(Event::DialFailed {
            endpoint: at(1),
            error: Arc::new(Error::new(ErrorKind::IdentityInUse)),
            retry_in: Duration::ZERO,
        });
        assert!(errors.is_up(&at(1), &none) && errors.is_up(&name, &none));
        errors.note(failed(at(1), "refused"));
        assert!(!errors.is_up(&at(1), &none));
    }
}

//! The hosts and ports of a service: SRV records.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use aiomsg_core::{Addresses, Error, ErrorKind, Name};
use hickory_resolver::proto::rr::{self, RData, Record, RecordType};
use tokio::task::JoinSet;

use super::Client;
use super::ask::{failed, shortest, with_ttl};

/// The most hosts of a service. Each may take a lookup of its own.
const MOST_HOSTS: usize = 1024;

/// The most lookups of hosts at the same time.
const AT_ONCE: usize = 32;

impl Client {
    /// Returns the addresses of a service.
    pub(super) async fn service(&self, name: &Name) -> Result<Addresses, Error> {
        for candidate in self.candidates(name)? {
            let records = self.records(&candidate, RecordType::SRV).await;
            let records = records.map_err(|error| failed(name, error))?;
            let targets = targets(&records);
            if targets.len() > MOST_HOSTS {
                return Err(Error::new(ErrorKind::Limit).with_reason(format!(
                    "the service \"{}\" has {} hosts, and {MOST_HOSTS} are allowed",
                    name.host(),
                    targets.len()
                )));
            }
            if !targets.is_empty() {
                return self.hosts_of(name, &records, targets).await;
            }
        }
        Ok(Addresses::default())
    }

    async fn hosts_of(
        &self,
        name: &Name,
        records: &[Record],
        targets: BTreeSet<(rr::Name, u16)>,
    ) -> Result<Addresses, Error> {
        let mut ttl = shortest(records);
        let mut addresses = Vec::new();
        let mut targets = targets.into_iter();
        let mut lookups = JoinSet::new();
        loop {
            for (host, port) in targets.by_ref().take(AT_ONCE - lookups.len()) {
                let client = self.clone();
                lookups.spawn(async move { (client.addresses(&host).await, port) });
            }
            let Some(lookup) = lookups.join_next().await else {
                break;
            };
            let (found, port) = lookup.map_err(|error| failed(name, error.to_string().into()))?;
            let (found, holds) = found.map_err(|error| failed(name, error))?;
            addresses.extend(found.into_iter().map(|ip| SocketAddr::new(ip, port)));
            ttl = ttl.into_iter().chain(holds).min();
        }
        Ok(with_ttl(Addresses::new(addresses), ttl))
    }
}

/// The hosts and ports in the records of the lowest priority value.
fn targets(records: &[Record]) -> BTreeSet<(rr::Name, u16)> {
    let services = || {
        records.iter().filter_map(|record| match &record.data {
            // The root stands for a service that is not available.
            RData::SRV(service) if !service.target.is_root() => Some(service),
            _ => None,
        })
    };
    let lowest = services().map(|it| it.priority).min();
    let first = services().filter(|it| Some(it.priority) == lowest);
    first.map(|it| (it.target.clone(), it.port)).collect()
}

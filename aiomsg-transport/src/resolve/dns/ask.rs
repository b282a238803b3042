//! The records of a name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aiomsg_core::{Addresses, Error, ErrorKind, Name};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{self, Record, RecordType};

use super::Client;

impl Client {
    /// Returns the addresses of a host.
    pub(super) async fn host(&self, name: &Name) -> Result<Addresses, Error> {
        let fail = |error: NetError| failed(name, error);
        let candidates = self.candidates(name)?;
        let of_file = self.of_hosts_file(name);
        if !of_file.is_empty() {
            let found = of_file
                .into_iter()
                .map(|ip| SocketAddr::new(ip, name.port()));
            return Ok(Addresses::new(found));
        }
        for candidate in candidates {
            let (found, ttl) = self.addresses(&candidate).await.map_err(fail)?;
            if !found.is_empty() {
                let found = found.into_iter().map(|ip| SocketAddr::new(ip, name.port()));
                return Ok(with_ttl(Addresses::new(found), ttl));
            }
        }
        Ok(Addresses::default())
    }

    /// Returns the addresses in the hosts file, which come before DNS.
    fn of_hosts_file(&self, name: &Name) -> Vec<IpAddr> {
        // It is a name: it has candidates.
        let Ok(name) = rr::Name::from_utf8(name.host()) else {
            return Vec::new();
        };
        let kinds = [RecordType::A, RecordType::AAAA].into_iter();
        let queries = kinds.map(|kind| Query::query(name.clone(), kind));
        let found = queries.filter_map(|query| self.hosts.lookup_static_host(&query));
        let found = found.flat_map(|lookup| addresses_in(lookup.answers()).collect::<Vec<_>>());
        found.collect()
    }

    /// Returns the names to try.
    pub(super) fn candidates(&self, name: &Name) -> Result<Vec<rr::Name>, Error> {
        let names = self.search.names(name.host());
        names.map_err(|error| {
            Error::new(ErrorKind::Address)
                .with_reason(format!("\"{}\" is not a name of DNS", name.host()))
                .with_source(error)
        })
    }

    /// Returns all addresses of a complete name.
    pub(super) async fn addresses(
        &self,
        name: &rr::Name,
    ) -> Result<(Vec<IpAddr>, Option<Duration>), NetError> {
        let (v4, v6) = tokio::join!(
            self.records(name, RecordType::A),
            self.records(name, RecordType::AAAA)
        );
        let records = [v4?, v6?].concat();
        Ok((addresses_in(&records).collect(), shortest(&records)))
    }

    /// Returns the records of one kind, and those that led to them. A name without any is
    /// no failure.
    pub(super) async fn records(
        &self,
        name: &rr::Name,
        kind: RecordType,
    ) -> Result<Vec<Record>, NetError> {
        match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => Ok(lookup.answers().to_vec()),
            Err(error) if is_none(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a server has answered that there is no such record. Other codes, for example
/// that of a server that has failed, are no answers.
fn is_none(error: &NetError) -> bool {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            matches!(
                none.response_code,
                ResponseCode::NoError | ResponseCode::NXDomain
            )
        }
        _ => false,
    }
}

fn addresses_in(records: &[Record]) -> impl Iterator<Item = IpAddr> {
    records.iter().filter_map(|record| record.data.ip_addr())
}

/// Returns the shortest time to live.
pub(super) fn shortest(records: &[Record]) -> Option<Duration> {
    let shortest = records.iter().map(|record| record.ttl).min()?;
    Some(Duration::from_secs(shortest.into()))
}

pub(super) fn with_ttl(addresses: Addresses, ttl: Option<Duration>) -> Addresses {
    match ttl {
        Some(ttl) => addresses.ttl(ttl),
        None => addresses,
    }
}

pub(super) fn failed(name: &Name, error: NetError) -> Error {
    Error::new(ErrorKind::Address)
        .with_reason(format!("the name \"{}\" does not resolve", name.host()))
        .with_source(error)
}

//! Resolution of host names, again for every connection: a name may move.

#[cfg(feature = "dns")]
pub(crate) mod dns;
pub(crate) mod system;

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;

use aiomsg_core::{Error, ErrorKind};

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// The resolver of host names, by default the system's.
#[derive(Clone, Default)]
pub(crate) struct Resolver {
    custom: Option<Arc<dyn Fn(String, u16) -> Lookup + Send + Sync>>,
}

impl Resolver {
    pub(crate) fn new<R, F>(resolve: R) -> Self
    where
        R: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self {
            custom: Some(Arc::new(move |host, port| Box::pin(resolve(host, port)))),
        }
    }

    /// Returns the addresses of a host, at least one, in the order to try them.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Some(address) = zoned(host, port)? {
            return Ok(vec![address]);
        }
        let found = match &self.custom {
            Some(custom) => custom(host.to_owned(), port).await,
            None => tokio::net::lookup_host((host, port))
                .await
                .map(Iterator::collect),
        };
        let fail = |why: &str| {
            Error::new(ErrorKind::Address)
                .with_reason(format!("the name \"{host}\" does not resolve{why}"))
        };
        match found {
            Ok(addresses) if addresses.is_empty() => Err(fail(": it has no address")),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(fail("").with_source(error)),
        }
    }
}

/// Returns the address that a host with a zone is. It needs no lookup.
fn zoned(host: &str, port: u16) -> Result<Option<SocketAddr>, Error> {
    let Some((address, zone)) = host.split_once('%') else {
        return Ok(None);
    };
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        return Ok(None);
    };
    let index = index_of(zone, host)?;
    Ok(Some(SocketAddrV6::new(address, port, 0, index).into()))
}

/// The interface number of a zone, which is a name or a number.
fn index_of(zone: &str, host: &str) -> Result<u32, Error> {
    let found = match zone.parse() {
        // No zone: any interface.
        Ok(0) => Some(0),
        Ok(number) => interface::exists(number).then_some(number),
        Err(_) => interface::number(zone),
    };
    found.ok_or_else(|| {
        Error::new(ErrorKind::Address).with_reason(format!(
            "the address \"{host}\" has the zone \"{zone}\", and there is no such interface"
        ))
    })
}

/// The system's interfaces. The system looks up their names for link-local addresses only,
/// and accepts any number.
#[cfg(unix)]
mod interface {
    use nix::net::if_::{if_indextoname, if_nametoindex};

    pub(super) fn exists(number: u32) -> bool {
        // The library returns an empty name for an interface that does not exist.
        if_indextoname(number).is_ok_and(|name| !name.is_empty())
    }

    pub(super) fn number(name: &str) -> Option<u32> {
        if_nametoindex(name).ok()
    }
}

/// Zones are numbers here.
#[cfg(not(unix))]
mod interface {
    pub(super) fn exists(_: u32) -> bool {
        true
    }

    pub(super) fn number(_: &str) -> Option<u32> {
        None
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.custom {
            Some(_) => "Custom",
            None => "System",
        })
    }
}

#[cfg(test)]
mod tests;

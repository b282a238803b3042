//! From a host name to addresses, anew for every connection: a name may move.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;

use aiomsg_core::{Error, ErrorKind};

use crate::error::text;

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// How names become addresses: the system's way unless told otherwise.
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

    /// The addresses of a host, at least one, in the order to try them.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        // With a zone it is an address, and nothing to look up.
        if let Some((address, zone)) = host.split_once('%')
            && let Ok(address) = address.parse::<Ipv6Addr>()
        {
            let index = index_of(zone, host).await?;
            return Ok(vec![SocketAddrV6::new(address, port, 0, index).into()]);
        }
        let found = match &self.custom {
            Some(custom) => custom(host.to_owned(), port).await,
            None => tokio::net::lookup_host((host, port))
                .await
                .map(Iterator::collect),
        };
        let fail = |why: &str| {
            Error::new(ErrorKind::Address)
                .with_reason(format!("the name \"{host}\" does not resolve: {why}"))
        };
        match found {
            Ok(addresses) if addresses.is_empty() => Err(fail("it has no address")),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(fail(&text(&error)).with_source(error)),
        }
    }
}

/// The number of the interface that a zone names.
async fn index_of(zone: &str, host: &str) -> Result<u32, Error> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    // The system looks names of interfaces up for addresses of a link, and only
    // for these.
    let probe = format!("fe80::1%{zone}");
    let found = tokio::net::lookup_host((probe.as_str(), 0)).await;
    let index = found.ok().and_then(|mut found| {
        found.find_map(|address| match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id()),
            _ => None,
        })
    });
    index.ok_or_else(|| {
        Error::new(ErrorKind::Address).with_reason(format!(
            "the address \"{host}\" has the zone \"{zone}\", and there is no such interface"
        ))
    })
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
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_lookup() {
        for (host, shown) in [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")] {
            let found = Resolver::default().resolve(host, 7).await.unwrap();
            assert_eq!(found, [shown.parse().unwrap()]);
        }
    }

    /// Addresses of a link were refused, or lost their link.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn zones_are_resolved_by_name_and_number() {
        let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let index: u32 = index.trim().parse().unwrap();
        let custom = Resolver::new(|_, _| async { Ok(Vec::new()) });
        for resolver in [Resolver::default(), custom] {
            for zone in ["lo".to_owned(), index.to_string()] {
                for ip in ["fe80::1", "::1", "ff02::1"] {
                    let found = resolver.resolve(&format!("{ip}%{zone}"), 7).await.unwrap();
                    let expected = SocketAddrV6::new(ip.parse().unwrap(), 7, 0, index);
                    assert_eq!(found, [SocketAddr::from(expected)]);
                }
            }
        }
    }

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_named() {
        let resolver = Resolver::default();
        let error = resolver.resolve("fe80::1%nosuch0", 7).await.unwrap_err();
        assert!(error.is_address(), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("\"nosuch0\"") && said.contains("no such interface"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_an_address_error() {
        let error = Resolver::default()
            .resolve("nobody.invalid", 7)
            .await
            .unwrap_err();
        assert!(error.is_address(), "{error}");
        assert!(error.io().is_some(), "{error}");
        assert!(error.to_string().contains("nobody.invalid"), "{error}");
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_address_error() {
        let resolver = Resolver::new(|_, _| async { Ok(Vec::new()) });
        let error = resolver.resolve("empty.test", 7).await.unwrap_err();
        assert!(error.is_address(), "{error}");
    }
}

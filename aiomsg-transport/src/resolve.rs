//! From a host name to addresses, anew for every connection: a name may move.

use std::fmt;
use std::io;
use std::net::SocketAddr;
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
            Err(error) => match host.split_once('%') {
                Some((address, zone)) => Err(Error::new(ErrorKind::Address)
                    .with_reason(format!(
                        "the zone of the address \"{address}\" is no interface here: \"{zone}\""
                    ))
                    .with_source(error)),
                None => Err(fail(&text(&error)).with_source(error)),
            },
        }
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
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_lookup() {
        for (host, shown) in [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")] {
            let found = Resolver::default().resolve(host, 7).await.unwrap();
            assert_eq!(found, [shown.parse().unwrap()]);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_zone_is_an_interface_by_name_or_number() {
        let resolver = Resolver::default();
        for host in ["fe80::1%lo", "fe80::1%1"] {
            let found = resolver.resolve(host, 7).await.unwrap();
            assert_eq!(found, ["[fe80::1%1]:7".parse().unwrap()], "{host}");
        }
        let error = resolver.resolve("fe80::1%nowhere", 7).await.unwrap_err();
        assert!(error.is_address(), "{error}");
        assert!(error.to_string().contains("\"nowhere\""), "{error}");
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

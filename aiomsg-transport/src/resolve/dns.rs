//! DNS, as a service of names: addresses with their time to live, and services.

mod ask;
mod search;
mod service;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::{Addresses, Error, ErrorKind, Name};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};
use tokio::sync::OnceCell;
use tower::Service;

use super::system::Resolving;
use search::Search;

/// A `tower::Service` that resolves names by DNS, with hickory-resolver: A and AAAA records,
/// SRV records, and how long they hold.
///
/// A name of the form `_service._protocol.domain` is that of a service with SRV records,
/// which have the hosts and ports. Its own port is 0. Records of the lowest priority value
/// count; the others are spares.
///
/// Nothing is cached here: an answer is as fresh as that of the DNS server. A lookup fails as
/// a whole if any part of it does, for example the one for AAAA records. Otherwise half of
/// the addresses would be missing from the answer.
///
/// A resolver with the [system's](DnsResolver::new) settings reads `/etc/resolv.conf` (on
/// Windows, the registry) and the hosts file at its first lookup. A name in the hosts file
/// is not looked up. Other sources of `nsswitch.conf` are not used;
/// [`SystemResolver`](crate::SystemResolver) uses them.
///
/// # Errors
///
/// [`Address`](ErrorKind::Address), with the name, if no server answers, or the name is
/// none. A name that does not exist is no error, but an answer without addresses.
#[derive(Clone)]
pub struct DnsResolver {
    shared: Arc<Shared>,
}

struct Shared {
    /// The servers, or `None` for those of the system.
    servers: Option<Vec<SocketAddr>>,
    client: OnceCell<Client>,
}

/// Asks the servers.
#[derive(Clone)]
struct Client {
    resolver: TokioResolver,
    search: Arc<Search>,
    hosts: Arc<Hosts>,
}

/// The time to wait for a server before it is asked again, and the number of tries.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 2;

impl DnsResolver {
    /// Creates a resolver with the servers and settings of the system.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// Creates a resolver with other servers. They are asked by UDP, and by TCP for long
    /// answers. Names are complete: no search domain is added, and no hosts file is read.
    pub fn with_servers(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::of(Some(servers.into_iter().collect()))
    }

    fn of(servers: Option<Vec<SocketAddr>>) -> Self {
        let client = OnceCell::new();
        Self {
            shared: Arc::new(Shared { servers, client }),
        }
    }
}

impl Default for DnsResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver")
            .field("servers", &self.shared.servers)
            .finish_non_exhaustive()
    }
}

impl Service<Name> for DnsResolver {
    type Response = Addresses;
    type Error = Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if let Some(address) = super::zoned(name.host(), name.port())? {
                return Ok(Addresses::new([address]));
            }
            if let Ok(address) = name.host().parse::<IpAddr>() {
                return Ok(Addresses::new([SocketAddr::new(address, name.port())]));
            }
            let client = shared.client.get_or_try_init(|| shared.client()).await?;
            match name.domain_of_service() {
                Some(_) if name.port() != 0 => {
                    Err(Error::new(ErrorKind::Address).with_reason(format!(
                        "the SRV records of \"{}\" have the ports: write port 0 in place of {}",
                        name.host(),
                        name.port()
                    )))
                }
                Some(_) => client.service(&name).await,
                None => client.host(&name).await,
            }
        })
    }
}

impl Shared {
    /// Creates the client. If the settings cannot be read, the next lookup tries again.
    async fn client(&self) -> Result<Client, Error> {
        let made = match &self.servers {
            Some(servers) => Client::of_servers(servers),
            None => {
                // Files are read, which may block.
                let read = tokio::task::spawn_blocking(Client::of_system);
                read.await
                    .unwrap_or_else(|error| Err(NetError::from(error.to_string())))
            }
        };
        made.map_err(|error| {
            Error::new(ErrorKind::Address)
                .with_reason("the settings of DNS cannot be used (on Unix, /etc/resolv.conf)")
                .with_source(error)
        })
    }
}

impl Client {
    fn of_system() -> Result<Self, NetError> {
        let (config, options) = read_system_conf()?;
        let search = Search::new(config.search.clone(), options.ndots);
        // Many a container has no hosts file.
        let hosts = Hosts::from_system().unwrap_or_default();
        Self::new(config, options, search, hosts)
    }

    fn of_servers(servers: &[SocketAddr]) -> Result<Self, NetError> {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut config.connections {
                connection.port = server.port();
            }
            config
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut options = ResolverOpts::default();
        (options.timeout, options.attempts) = (PATIENCE, TRIES);
        Self::new(config, options, Search::default(), Hosts::default())
    }

    fn new(
        config: ResolverConfig,
        mut options: ResolverOpts,
        search: Search,
        hosts: Hosts,
    ) -> Result<Self, NetError> {
        // A cached answer confirms nothing.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(config, provider).with_options(options);
        Ok(Self {
            resolver: builder.build()?,
            search: Arc::new(search),
            hosts: Arc::new(hosts),
        })
    }
}

#[cfg(test)]
mod tests;

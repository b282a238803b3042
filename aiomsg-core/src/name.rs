//! Names to resolve, and their addresses.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Endpoint;

/// A host name with a port: the request of a resolver, which is a `tower::Service` of names
/// whose response is [`Addresses`].
///
/// ```
/// use aiomsg_core::{Endpoint, Name};
///
/// let endpoint = Endpoint::tcp("workers.example.com", 25000);
/// let name = Name::of(&endpoint).unwrap();
/// assert_eq!((name.host(), name.port()), ("workers.example.com", 25000));
///
/// let path: Endpoint = "unix:///run/app.sock".parse()?;
/// assert_eq!(Name::of(&path), None);
/// # Ok::<(), aiomsg_core::endpoint::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    host: String,
    port: u16,
}

impl Name {
    /// Creates a name.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Returns the name in a `tcp://` or `tls://` endpoint.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
                Some(Self::new(host, *port))
            }
            _ => None,
        }
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port. It is 0 for the name of a [service](Name::domain_of_service).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the domain of a service with SRV records, which have the hosts and ports:
    /// `example.com` for `_jobs._tcp.example.com`. `None` for any other name.
    pub fn domain_of_service(&self) -> Option<&str> {
        let (service, rest) = self.host.split_once('.')?;
        let (protocol, domain) = rest.split_once('.')?;
        let is_service = service.starts_with('_') && protocol.starts_with('_');
        (is_service && !domain.is_empty()).then_some(domain)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The addresses of a [`Name`]: the response of a resolver.
///
/// None is an answer, too: the name exists no more, or has no address. A lookup that gets no
/// answer is an error of the resolver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// The addresses, with their ports.
    pub addresses: Vec<SocketAddr>,
    /// The time for which the answer holds, if the resolver knows it.
    pub ttl: Option<Duration>,
}

impl Addresses {
    /// Addresses that hold for an unknown time.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            ttl: None,
        }
    }

    /// Sets the time for which the answer holds.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_two_labels_and_a_domain() {
        for (host, domain) in [
            ("_jobs._tcp.example.com", Some("example.com")),
            ("_jobs._tcp.local", Some("local")),
            ("_jobs._tcp.", None),
            ("_jobs._tcp", None),
            ("_jobs.example.com", None),
            ("jobs._tcp.example.com", None),
            ("example.com", None),
            ("::1", None),
        ] {
            assert_eq!(Name::new(host, 0).domain_of_service(), domain, "{host}");
        }
    }

    #[test]
    fn a_name_is_shown_as_in_an_endpoint() {
        assert_eq!(Name::new("jobs", 1).to_string(), "jobs:1");
        assert_eq!(Name::new("::1", 2).to_string(), "[::1]:2");
    }
}

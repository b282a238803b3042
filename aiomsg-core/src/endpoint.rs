//! Where to bind and where to connect.

mod error;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

pub use error::EndpointError;
use error::Reason;

/// An address to bind to or to connect to.
///
/// | written | means |
/// |---|---|
/// | `host:port`, `tcp://host:port` | TCP; the host is a name, an IPv4 address or an IPv6 address in brackets, there with its zone if it has one, by name or number: `[fe80::1%eth0]:25000` |
/// | `tls://host:port` | TLS over TCP; the host is also the name that the peer's certificate must have |
/// | `tls://name@address:port` | TLS over TCP to one address, whose certificate must have the name: `tls://jobs.example.com@10.0.0.7:25000` |
/// | `ws://host:port/path`, `wss://host:port/path` | WebSocket over TCP, or over TLS, to connect to; the port is 80 or 443 where it is missing, and the path may have a query |
/// | `unix:///run/app.sock` | a Unix socket, here with the path `/run/app.sock` |
/// | `unix://@name` | a Unix socket with an abstract name, which has no file; on Linux. A file of that name is `unix://./@name` |
/// | `mem://name` | inside this process, under this name |
///
/// Upper and lower case are the same in a scheme. An error about text in the style of
/// another library, such as `ipc://`, `inproc://` or `tcp://*:25000`, says what to write
/// instead.
///
/// ```
/// use aiomsg_core::Endpoint;
///
/// let endpoint: Endpoint = "[::1]:25000".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:25000");
/// assert!("tcp://localhost".parse::<Endpoint>().is_err(), "no port");
/// # Ok::<(), aiomsg_core::endpoint::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// TCP.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port; 0 lets the system choose when binding.
        port: u16,
    },
    /// TLS over TCP.
    Tls {
        /// A name or an address, without brackets.
        host: String,
        /// The port; 0 lets the system choose when binding.
        port: u16,
    },
    /// TLS over TCP, to one address of a name.
    TlsAt {
        /// The name that the peer's certificate must have.
        name: String,
        /// The address.
        address: SocketAddr,
    },
    /// WebSocket over TCP, to connect to.
    Ws {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// The path with its query, from the first slash on.
        path: String,
    },
    /// WebSocket over TLS, to connect to.
    Wss {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// The path with its query, from the first slash on.
        path: String,
    },
    /// A Unix socket.
    Unix {
        /// The path of the socket.
        path: PathBuf,
    },
    /// Inside this process.
    Mem {
        /// The name under which the binding end is found.
        name: String,
    },
}

impl Endpoint {
    /// TCP to a host and port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp {
            host: host.into(),
            port,
        }
    }

    /// TLS to a host and port.
    pub fn tls(host: impl Into<String>, port: u16) -> Self {
        Self::Tls {
            host: host.into(),
            port,
        }
    }

    /// The port, for TCP, TLS and WebSocket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. }
            | Self::Tls { port, .. }
            | Self::Ws { port, .. }
            | Self::Wss { port, .. } => Some(*port),
            Self::TlsAt { address, .. } => Some(address.port()),
            Self::Unix { .. } | Self::Mem { .. } => None,
        }
    }

    /// The same endpoint with another port; Unix and in-memory endpoints have
    /// none and stay as they are.
    #[must_use]
    pub fn with_port(mut self, new: u16) -> Self {
        match &mut self {
            Self::Tcp { port, .. }
            | Self::Tls { port, .. }
            | Self::Ws { port, .. }
            | Self::Wss { port, .. } => *port = new,
            Self::TlsAt { address, .. } => address.set_port(new),
            Self::Unix { .. } | Self::Mem { .. } => {}
        }
        self
    }

    /// Whether the connection is encrypted by TLS.
    pub fn is_tls(&self) -> bool {
        matches!(
            self,
            Self::Tls { .. } | Self::TlsAt { .. } | Self::Wss { .. }
        )
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let fail = |reason| EndpointError::new(text, reason);
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        match &*scheme.to_ascii_lowercase() {
            "tls" if rest.contains('@') => {
                let (name, address) = name_and_address(rest).map_err(fail)?;
                Ok(Self::TlsAt { name, address })
            }
            "tcp" => {
                let (host, port) = host_and_port(rest).map_err(fail)?;
                Ok(Self::tcp(host, port))
            }
            "tls" => {
                let (host, port) = host_and_port(rest).map_err(fail)?;
                Ok(Self::tls(host, port))
            }
            "ws" => {
                let (host, port, path) = web(rest, 80).map_err(fail)?;
                Ok(Self::Ws { host, port, path })
            }
            "wss" => {
                let (host, port, path) = web(rest, 443).map_err(fail)?;
                Ok(Self::Wss { host, port, path })
            }
            "unix" if rest.is_empty() => Err(fail(Reason::NoPath)),
            "unix" if rest.contains('\0') => Err(fail(Reason::ZeroInPath)),
            "unix" => Ok(Self::Unix { path: rest.into() }),
            "mem" if rest.is_empty() => Err(fail(Reason::NoName)),
            "mem" => Ok(Self::Mem {
                name: rest.to_owned(),
            }),
            _ => Err(fail(Reason::UnknownScheme)),
        }
    }
}

/// An endpoint from text, so that functions that take an endpoint take text, too.
impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        // An address of one link is of no use without the link.
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                format!("{}%{}", v6.ip(), v6.scope_id())
            }
            other => other.ip().to_string(),
        };
        Self::tcp(host, address.port())
    }
}

/// The name of a certificate, and the one address to connect to.
fn name_and_address(text: &str) -> Result<(String, SocketAddr), Reason> {
    if text.ends_with('/') {
        return Err(Reason::SlashAtEnd);
    }
    let (name, address) = text.split_once('@').ok_or(Reason::BadAddress)?;
    check_host(name)?;
    if name.contains(':') {
        return Err(Reason::PortInName);
    }
    let address = address.parse().map_err(|_| Reason::BadAddress)?;
    Ok((name.to_owned(), address))
}

fn check_host(host: &str) -> Result<(), Reason> {
    if host.is_empty() {
        return Err(Reason::NoHost);
    }
    if host == "*" {
        return Err(Reason::AnyHost);
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err(Reason::BadHost);
    }
    Ok(())
}

/// The host, port and path of a WebSocket endpoint.
fn web(text: &str, default: u16) -> Result<(String, u16, String), Reason> {
    let (place, path) = match text.find(['/', '?']) {
        Some(at) => text.split_at(at),
        None => (text, "/"),
    };
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    if path
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || byte == b'#')
    {
        return Err(Reason::BadPath);
    }
    let has_port = match place.rfind(']') {
        Some(end) => place[end..].contains(':'),
        None => place.contains(':'),
    };
    let (host, port) = match has_port {
        true => host_and_port(place)?,
        false => host_and_port(&format!("{place}:{default}"))?,
    };
    Ok((host, port, path))
}

fn host_and_port(text: &str) -> Result<(String, u16), Reason> {
    if text.ends_with('/') {
        return Err(Reason::SlashAtEnd);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(Reason::OpenBracket)?;
            let port = rest.strip_prefix(':').ok_or(Reason::NoPort)?;
            let (address, zone) = match host.split_once('%') {
                Some((address, zone)) => (address, Some(zone)),
                None => (host, None),
            };
            address
                .parse::<std::net::Ipv6Addr>()
                .map_err(|_| Reason::NotIpv6)?;
            if zone.is_some_and(|zone| zone.is_empty() || zone.contains('%')) {
                return Err(Reason::BadZone);
            }
            (host, port)
        }
        None => {
            let (host, port) = text.rsplit_once(':').ok_or(Reason::NoPort)?;
            if host.contains(':') {
                return Err(Reason::BareIpv6);
            }
            (host, port)
        }
    };
    check_host(host)?;
    // `parse` takes a sign, too.
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| port.parse().ok()).flatten();
    Ok((host.to_owned(), port.ok_or(Reason::BadPort)?))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port, path) = match self {
            Self::Tcp { host, port } => ("tcp", host, port, ""),
            Self::Tls { host, port } => ("tls", host, port, ""),
            Self::Ws { host, port, path } => ("ws", host, port, &**path),
            Self::Wss { host, port, path } => ("wss", host, port, &**path),
            Self::TlsAt { name, address } => return write!(f, "tls://{name}@{address}"),
            Self::Unix { path } => return write!(f, "unix://{}", path.display()),
            Self::Mem { name } => return write!(f, "mem://{name}"),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}{path}")
        } else {
            write!(f, "{scheme}://{host}:{port}{path}")
        }
    }
}

#[cfg(test)]
mod tests;

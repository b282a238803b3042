//! TCP connections and listeners.

mod eyeballs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use aiomsg_core::Error;
use aiomsg_core::error::chain;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::error::system;
use crate::resolve::Resolver;

/// Connects to the first address of a host that answers.
pub(crate) async fn connect(
    resolver: &Resolver,
    host: &str,
    port: u16,
) -> Result<(TcpStream, SocketAddr), Error> {
    let addresses = resolver.resolve(host, port).await?;
    let connected = eyeballs::race(addresses, |address| async move {
        let stream = TcpStream::connect(address).await?;
        not_itself(&stream)?;
        // A flush means send now: writes are batched above.
        stream.set_nodelay(true)?;
        tracing::trace!(%address, "connected");
        Ok((stream, address))
    });
    connected.await.map_err(all_failed)
}

/// Fails if a connection reaches itself. The system may choose a port for our own end that
/// equals the dialled port on this machine, if nothing listens there. TCP then connects the
/// port to itself.
///
/// The closing end of a connection keeps its port for a minute, here the port of the server
/// that is about to start. So the connection is reset instead.
fn not_itself(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? != stream.peer_addr()? {
        return Ok(());
    }
    stream.set_zero_linger()?;
    let why = "nobody listens there: the connection went to itself";
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, why))
}

/// Listeners at all our addresses of a host, at one port.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<TcpListener>,
    /// The listener to poll first for the next peer, so that none starves.
    next: usize,
}

/// The number of ports to try, if the one that the system chose for the first address is in
/// use at another.
const PORT_TRIES: usize = 16;

/// Binds all our addresses of a host to one port.
///
/// A port in use at any of them is an error: a peer that dials our name could otherwise
/// reach the other program.
pub(crate) async fn bind(
    resolver: &Resolver,
    host: &str,
    port: u16,
    backlog: u32,
) -> Result<Listeners, Error> {
    let addresses = resolver.resolve(host, port).await?;
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_all(&addresses, backlog) {
            Ok(listeners) => return Ok(Listeners { listeners, next: 0 }),
            Err(failures) if tries == 0 || !in_use(&failures) => return Err(all_failed(failures)),
            Err(_) => {}
        }
    }
}

fn bind_all(
    addresses: &[SocketAddr],
    backlog: u32,
) -> Result<Vec<TcpListener>, eyeballs::Failures> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failures = eyeballs::Failures::new();
    for &(mut address) in addresses {
        if let Some(Ok(first)) = listeners.first().map(TcpListener::local_addr) {
            address.set_port(first.port());
        }
        match bind_one(address, backlog) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failures.push((address, error)),
        }
    }
    if listeners.is_empty() || in_use(&failures) {
        return Err(failures);
    }
    Ok(listeners)
}

fn in_use(failures: &eyeballs::Failures) -> bool {
    let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    failures.iter().any(|(_, error)| in_use(error))
}

impl Listeners {
    /// The first of the addresses.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    pub(crate) fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        for _ in 0..self.listeners.len() {
            let listener = &self.listeners[self.next];
            self.next = (self.next + 1) % self.listeners.len();
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

fn bind_one(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Lets a restarted program bind its port while old connections linger. On
    // Windows that is the default, and the option would let other programs take
    // the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// One error for all addresses, with the failure of each.
fn all_failed(mut failures: eyeballs::Failures) -> Error {
    match failures.pop() {
        // At least one address was tried, for a name without any does not resolve.
        None => system(io::ErrorKind::AddrNotAvailable.into()),
        Some((address, error)) if failures.is_empty() => {
            system(error).with_reason(described(&address))
        }
        Some(last) => {
            let kind = last.1.kind();
            failures.push(last);
            system(io::Error::new(kind, EachFailed(failures)))
        }
    }
}

fn described(address: &SocketAddr) -> String {
    match lacks_zone(address) {
        true => {
            format!("{address}: an address of a link needs its zone, as in [fe80::1%eth0]:25000")
        }
        false => address.to_string(),
    }
}

/// What went wrong at each of several addresses: a source of one error with the texts
/// of several.
#[derive(Debug)]
struct EachFailed(eyeballs::Failures);

impl fmt::Display for EachFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (address, error)) in self.0.iter().enumerate() {
            let between = if number > 0 { "; " } else { "" };
            write!(f, "{between}{}: {}", described(address), chain(error))?;
        }
        Ok(())
    }
}

impl std::error::Error for EachFailed {}

/// Whether an address is link-local and lacks its zone.
fn lacks_zone(address: &SocketAddr) -> bool {
    match address {
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local() && v6.scope_id() == 0,
        SocketAddr::V4(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(addresses: &[SocketAddr]) -> Resolver {
        let addresses = addresses.to_vec();
        Resolver::new(move |_, _| std::future::ready(Ok(addresses.clone())))
    }

    /// An address that nobody listens on.
    fn dead(host: &str) -> SocketAddr {
        let listener = std::net::TcpListener::bind((host, 0)).unwrap();
        listener.local_addr().unwrap()
    }

    /// Only the first address was ever tried, so "localhost" failed wherever
    /// it is `::1` first and the server listens on 127.0.0.1.
    #[tokio::test]
    async fn a_later_address_is_tried() {
        let listener = bind(&Resolver::default(), "127.0.0.1", 0, 8).await.unwrap();
        let alive = listener.local_addr().unwrap();
        let refused = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], alive.port()));

        let (stream, address) = connect(&to(&[refused, alive]), "localhost", alive.port())
            .await
            .unwrap();

        assert_eq!(address, alive);
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn each_address_is_named_with_its_error() {
        let (one, other) = (dead("127.0.0.1"), dead("127.0.0.1"));
        let error = connect(&to(&[one, other]), "two.test", 1)
            .await
            .unwrap_err();

        assert!(error.is_io(), "{error}");
        let io = error.io().unwrap();
        assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
        for part in [one.to_string(), other.to_string(), "refused".into()] {
            assert!(error.chain().to_string().contains(&part), "{error}");
        }
    }

    /// A client that dialled a dead port of this machine reached itself, and
    /// left the port taken for a minute: the server could not start.
    #[tokio::test]
    async fn a_connection_to_itself_is_a_failed_dial_and_frees_the_port() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        // The port that the system chose for our end is that of the server.
        let stream = socket.connect(address).await.unwrap();
        assert_eq!(stream.local_addr().unwrap(), stream.peer_addr().unwrap());

        let error = not_itself(&stream).unwrap_err();
        drop(stream);

        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("to itself"), "{error}");
        // Without the option that looks past what lingers.
        let server = TcpSocket::new_v4().unwrap();
        server.bind(address).unwrap();
        server.listen(8).unwrap();
    }

    /// The system says "invalid argument", and nothing of a zone.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_zone_that_is_missing_is_said_to_be() {
        let resolver = Resolver::default();
        let connected = connect(&resolver, "fe80::1", 7).await.unwrap_err();
        let bound = bind(&resolver, "fe80::1", 0, 8).await.unwrap_err();
        for error in [connected, bound] {
            assert!(
                error.chain().to_string().contains("needs its zone"),
                "{error}"
            );
        }
        assert!(!lacks_zone(&"[fe80::1%2]:7".parse().unwrap()));
        assert!(!lacks_zone(&"[::1]:7".parse().unwrap()));
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_passed_over_when_binding() {
        // From the block that is kept for documentation.
        let foreign = "192.0.2.1:0".parse().unwrap();
        let listener = bind(&to(&[foreign, dead("127.0.0.1")]), "two.test", 0, 8)
            .await
            .unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
    }

    /// "localhost" is two addresses, and a peer may try either alone.
    #[tokio::test]
    async fn all_addresses_are_bound_to_one_port() {
        let both = ["127.0.0.1:0", "127.0.0.2:0"].map(|at| at.parse().unwrap());
        let mut listeners = bind(&to(&both), "two.test", 0, 8).await.unwrap();
        let port = listeners.local_addr().unwrap().port();
        for host in ["127.0.0.1", "127.0.0.2"] {
            let peer = TcpStream::connect((host, port)).await.unwrap();
            let accepted = std::future::poll_fn(|cx| listeners.poll_accept(cx)).await;
            assert_eq!(accepted.unwrap().1, peer.local_addr().unwrap());
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_not_evaded_by_another_address() {
        let taken = bind(&Resolver::default(), "127.0.0.1", 0, 8).await.unwrap();
        let taken = taken.local_addr().map(|at| (taken, at)).unwrap();

        for addresses in [[taken.1, dead("127.0.0.1")], [dead("127.0.0.1"), taken.1]] {
            let port = taken.1.port();
            let addresses = addresses.map(|at| SocketAddr::new(at.ip(), port));
            let error = bind(&to(&addresses), "two.test", port, 8)
                .await
                .unwrap_err();
            assert!(error.chain().to_string().contains("in use"), "{error}");
        }
        let error = bind(&to(&[taken.1]), "one.test", taken.1.port(), 8)
            .await
            .unwrap_err();

        let io = error.io().unwrap();
        assert_eq!(io.kind(), io::ErrorKind::AddrInUse);
        assert!(error.chain().to_string().contains("in use"), "{error}");
    }
}

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
    connect_to(resolver.resolve(host, port).await?).await
}

/// Connects to the first of several addresses that answers.
pub(crate) async fn connect_to(
    addresses: Vec<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), Error> {
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
mod tests;

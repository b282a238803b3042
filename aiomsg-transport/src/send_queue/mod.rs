//! What the system holds of the bytes that it has taken, and the peer has not.
//!
//! Linux says so through its socket diagnosis. That is what `ss` asks, and needs no
//! permission. Elsewhere, and where a sandbox has no netlink sockets, nobody knows.

#[cfg(target_os = "linux")]
mod diagnosis;
#[cfg(target_os = "linux")]
mod request;

use std::net::SocketAddr;

use aiomsg_core::link::SendQueue;
use tokio::net::TcpStream;

/// That of a connection to this address.
#[cfg(target_os = "linux")]
pub(crate) fn of_tcp(stream: &TcpStream, remote: SocketAddr) -> Option<SendQueue> {
    let request = request::tcp(stream.local_addr().ok()?, remote);
    Some(SendQueue::new(move || diagnosis::ask(&request)))
}

/// That of a connection.
#[cfg(target_os = "linux")]
pub(crate) fn of_unix(stream: &tokio::net::UnixStream) -> Option<SendQueue> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    // Unix sockets have no addresses to tell them apart by, but a number.
    let socket = stream.as_fd().try_clone_to_owned().ok()?;
    let inode = std::fs::File::from(socket).metadata().ok()?.ino();
    let request = request::unix(inode.try_into().ok()?);
    Some(SendQueue::new(move || diagnosis::ask(&request)))
}

/// That of a connection: not known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of_tcp(_: &TcpStream, _: SocketAddr) -> Option<SendQueue> {
    None
}

/// That of a connection: not known.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn of_unix(_: &tokio::net::UnixStream) -> Option<SendQueue> {
    None
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;

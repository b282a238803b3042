//! The sent bytes that the system still holds, because the peer has not taken them.
//!
//! Linux reports them through its socket diagnosis, which `ss` uses and which needs no
//! permission. Elsewhere, and in a sandbox without netlink sockets, they are unknown.

#[cfg(target_os = "linux")]
mod diagnosis;
#[cfg(target_os = "linux")]
mod request;

use std::net::SocketAddr;

use aiomsg_core::link::SendQueue;
use tokio::net::TcpStream;

/// The send queue of a connection to this address.
#[cfg(target_os = "linux")]
pub(crate) fn of_tcp(stream: &TcpStream, remote: SocketAddr) -> Option<SendQueue> {
    let addresses = request::Addresses::new(stream.local_addr().ok()?, remote);
    // Each connection has one, and few are ever asked.
    Some(SendQueue::new(move || {
        diagnosis::ask(&request::tcp(&addresses))
    }))
}

/// The send queue of a connection.
#[cfg(target_os = "linux")]
pub(crate) fn of_unix(stream: &tokio::net::UnixStream) -> Option<SendQueue> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    // Unix sockets have a number in place of addresses.
    let socket = stream.as_fd().try_clone_to_owned().ok()?;
    let inode = std::fs::File::from(socket).metadata().ok()?.ino();
    let inode = inode.try_into().ok()?;
    Some(SendQueue::new(move || {
        diagnosis::ask(&request::unix(inode))
    }))
}

/// The send queue of a connection: unknown here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of_tcp(_: &TcpStream, _: SocketAddr) -> Option<SendQueue> {
    None
}

/// The send queue of a connection: unknown here.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn of_unix(_: &tokio::net::UnixStream) -> Option<SendQueue> {
    None
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;

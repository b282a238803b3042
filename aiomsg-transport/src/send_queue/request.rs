//! The requests to Linux: `inet_diag_req_v2` and `unix_diag_req`, each behind a
//! `nlmsghdr`, in the byte order of the machine.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

/// `SOCK_DIAG_BY_FAMILY`.
pub(super) const BY_FAMILY: u16 = 20;

/// The sequence number. Each request has a netlink socket of its own.
pub(super) const SEQUENCE: u32 = 1;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;

/// The families of addresses.
const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// `IPPROTO_TCP`.
const TCP: u8 = 6;

/// `UDIAG_SHOW_RQLEN`: both queues.
const SHOW_QUEUES: u32 = 0x10;

/// The addresses of a TCP socket, in as few bytes as they have.
pub(super) enum Addresses {
    V4([SocketAddrV4; 2]),
    /// In IPv6, and rarer.
    Other(Box<[SocketAddr; 2]>),
}

impl Addresses {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        match (local, remote) {
            (SocketAddr::V4(local), SocketAddr::V4(remote)) => Self::V4([local, remote]),
            other => Self::Other(Box::new(other.into())),
        }
    }

    fn get(&self) -> [SocketAddr; 2] {
        match self {
            Self::V4(both) => both.map(SocketAddr::V4),
            Self::Other(both) => **both,
        }
    }
}

/// Asks for the TCP socket with these addresses.
pub(super) fn tcp(addresses: &Addresses) -> Vec<u8> {
    let [local, remote] = addresses.get();
    let family = match local {
        SocketAddr::V4(_) => INET,
        SocketAddr::V6(_) => INET6,
    };
    let mut body = vec![family, TCP, 0, 0];
    // In any state.
    body.extend(u32::MAX.to_ne_bytes());
    body.extend(local.port().to_be_bytes());
    body.extend(remote.port().to_be_bytes());
    body.extend(address(local.ip()));
    body.extend(address(remote.ip()));
    body.extend(zone(local).max(zone(remote)).to_ne_bytes());
    body.extend(any_cookie());
    message(&body)
}

/// Asks for the Unix socket with this number, and for its queues.
pub(super) fn unix(inode: u32) -> Vec<u8> {
    let mut body = vec![UNIX, 0, 0, 0];
    // In any state.
    body.extend(u32::MAX.to_ne_bytes());
    body.extend(inode.to_ne_bytes());
    body.extend(SHOW_QUEUES.to_ne_bytes());
    body.extend(any_cookie());
    message(&body)
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The interface of an address, if the address is link-local.
fn zone(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

/// `INET_DIAG_NOCOOKIE`: any socket with these addresses.
fn any_cookie() -> [u8; 8] {
    [u8::MAX; 8]
}

fn message(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(16 + body.len());
    message.extend((16 + body.len() as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend(SEQUENCE.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(body);
    message
}

//! The answers of Linux: `inet_diag_msg` and `unix_diag_msg`.

use std::fs::File;
use std::io::{Read, Write};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::request::{BY_FAMILY, SEQUENCE};

/// The largest answer about one socket.
const LONGEST: usize = 1024;

/// The position of `idiag_wqueue` behind the `nlmsghdr`.
const INET_SEND_QUEUE: usize = 16 + 60;

/// The position of the attributes of a Unix socket.
const UNIX_ATTRIBUTES: usize = 16 + 16;

/// `UNIX_DIAG_RQLEN`: the lengths of both queues, the receive queue first.
const UNIX_QUEUES: u16 = 4;

/// The position of the socket's family.
const FAMILY: usize = 16;

/// The family of Unix sockets.
const UNIX: u8 = 1;

/// Returns the number of bytes in the socket's send queue. The system answers before the
/// write of the request returns, so this does not block.
pub(super) fn ask(request: &[u8]) -> Option<u64> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        flags,
        SockProtocol::NetlinkSockDiag,
    );
    let mut netlink = File::from(socket.ok()?);
    netlink.write_all(request).ok()?;
    let mut answer = [0; LONGEST];
    let len = netlink.read(&mut answer).ok()?;
    read(answer.get(..len)?)
}

/// Reads the length of the send queue. Returns `None` if it is missing, as in an error.
fn read(answer: &[u8]) -> Option<u64> {
    if u16_at(answer, 4)? != BY_FAMILY || u32_at(answer, 8)? != SEQUENCE {
        return None;
    }
    let bytes = match *answer.get(FAMILY)? {
        UNIX => unix_send_queue(answer.get(UNIX_ATTRIBUTES..)?)?,
        _ => u32_at(answer, INET_SEND_QUEUE)?,
    };
    Some(bytes.into())
}

fn unix_send_queue(mut attributes: &[u8]) -> Option<u32> {
    loop {
        let (len, kind) = (u16_at(attributes, 0)?, u16_at(attributes, 2)?);
        if kind == UNIX_QUEUES {
            return u32_at(attributes, 8);
        }
        // Attributes are aligned.
        attributes = attributes.get(usize::from(len).max(4).next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

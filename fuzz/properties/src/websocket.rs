//! A peer that may connect by WebSocket.

use std::io::Cursor;

use aiomsg_transport::websocket::{WebSocketGuard, WebSocketLayer};
use aiomsg_transport::{Io, IoInfo, RemoteAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tower::{Layer, ServiceExt, service_fn};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Message, http};

use crate::bytes_in_pieces::Cuts;
use crate::{memory, run};

/// What a runtime and an in-memory connection take by themselves.
const FIXED: usize = 1 << 20;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What we have read of a peer, whether that ended well, and what it has heard.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    read: Vec<u8>,
    well: bool,
    heard: Vec<u8>,
}

/// Whatever a peer sends, in whatever pieces: the same is read, and the same is answered. A raw
/// peer's bytes are unchanged, an answer is HTTP, and what is read over WebSocket is what
/// tungstenite reads. No memory is taken for what is only announced.
///
/// The input: a byte of flags (1: a good upgrade comes before the bytes), [cuts](Cuts), and the
/// bytes.
pub fn websocket(input: &[u8]) {
    let Some((&flags, input)) = input.split_first() else {
        return;
    };
    let (cuts, bytes) = Cuts::take(input);
    let upgrades = flags & 1 != 0;
    let request = if upgrades { REQUEST } else { b"" };
    let wire = [request, bytes].concat();
    let mut whole = None;
    memory::bounded(FIXED + 64 * wire.len(), || {
        let course = run(play(&[&wire]));
        assert_eq!(run(play(&cuts.of(&wire))), course, "in pieces");
        whole = Some(course);
    });
    let Some(whole) = whole else {
        return;
    };
    if upgrades {
        is_what_tungstenite_reads(bytes, &whole);
    } else {
        is_raw_or_answered(&wire, &whole);
    }
}

async fn play(pieces: &[&[u8]]) -> Course {
    let (near, far) = duplex(1 << 16);
    let accept = service_fn(|io: Io| std::future::ready(Ok::<_, std::io::Error>(io)));
    let accept = WebSocketLayer::new(WebSocketGuard::new()).layer(accept);
    let io = Io::new(near, IoInfo::new(RemoteAddr::Mem("fuzz".into())));
    let mut io = accept.oneshot(io).await.unwrap();
    let (mut from_us, mut to_us) = tokio::io::split(far);
    let us = async move {
        let mut read = Vec::new();
        let well = io.read_to_end(&mut read).await.is_ok();
        let _ = io.shutdown().await;
        (read, well)
    };
    let them = async move {
        for piece in pieces {
            if to_us.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = to_us.shutdown().await;
        to_us
    };
    let hear = async move {
        let mut heard = Vec::new();
        from_us.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let ((read, well), _to_us, heard) = tokio::join!(us, them, hear);
    Course {
        read,
        well,
        heard: without_pongs(heard),
    }
}

/// Of several pings that wait, the last one is answered: how many do depends on the pieces.
fn without_pongs(mut heard: Vec<u8>) -> Vec<u8> {
    let head = heard.windows(4).position(|four| four == b"\r\n\r\n");
    let mut at = match head {
        Some(head) if heard.starts_with(b"HTTP/1.1 101 ") => head + 4,
        _ => return heard,
    };
    // Only control frames are sent here, without a mask.
    while let Some(&[first, len]) = heard.get(at..at + 2) {
        let end = at + 2 + usize::from(len);
        match first {
            0x8a => drop(heard.drain(at..end)),
            _ => at = end,
        }
    }
    heard
}

fn is_raw_or_answered(wire: &[u8], course: &Course) {
    if course.well && course.heard.is_empty() {
        assert_eq!(course.read, wire);
        return;
    }
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut answer = httparse::Response::new(&mut headers);
    assert!(answer.parse(&course.heard).unwrap().is_complete());
    let status = answer.code.unwrap();
    assert!(status == 101 || (400..500).contains(&status), "{status}");
    assert!(status == 101 || course.read.is_empty());
    assert!(http::StatusCode::from_u16(status).is_ok());
}

fn is_what_tungstenite_reads(bytes: &[u8], course: &Course) {
    assert!(course.heard.starts_with(b"HTTP/1.1 101 "));
    let stream = Cursor::new(bytes.to_vec());
    let mut theirs = WebSocket::from_raw_socket(Quiet(stream), Role::Server, None);
    let mut messages = Vec::new();
    while let Ok(message) = theirs.read() {
        match message {
            Message::Binary(payload) => messages.extend_from_slice(&payload),
            Message::Text(_) => break,
            _ => {}
        }
    }
    // We also have the beginning of a message that does not end.
    let (ours, theirs) = (&course.read, &messages);
    assert!(ours.starts_with(theirs), "{ours:?} and {theirs:?}");
}

/// Reads, and takes all that is written.
struct Quiet(Cursor<Vec<u8>>);

impl std::io::Read for Quiet {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        std::io::Read::read(&mut self.0, buf)
    }
}

impl std::io::Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

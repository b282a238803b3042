//! Finding out what a peer is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};
use tokio_util::io::poll_read_buf;

use super::State;
use super::upgrade::upgrade;
use crate::websocket::Role;
use crate::websocket::buffer::poll_write_all;
use crate::websocket::error::WebSocketError;
use crate::websocket::guard::WebSocketGuard;
use crate::websocket::head::{Head, TooLong};
use crate::websocket::refusal::Refusal;
use crate::websocket::stream::Frames;

/// How long we wait for the first byte of a peer before we speak to it as to a raw one.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much is read at once.
const PIECE: usize = 512;

/// The methods of HTTP. Each begins with a letter, and an aiomsg peer with `00`.
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
];

/// A connection whose peer is not known yet.
pub(super) struct Deciding {
    guard: Arc<WebSocketGuard>,
    head: Head,
    /// Set when we wait for the peer's first byte with something to say.
    patience: Option<Pin<Box<Sleep>>>,
    answer: Option<Answer>,
}

/// The answer to an HTTP request.
struct Answer {
    text: BytesMut,
    /// Why the request is refused, if it is.
    refused: Option<Refusal>,
}

/// What the first bytes of a peer say.
#[derive(Debug, PartialEq, Eq)]
enum Opening {
    Raw,
    Http,
    /// They may become either.
    Unclear,
}

fn opening(bytes: &[u8]) -> Opening {
    let common = |method: &&&[u8]| {
        let len = method.len().min(bytes.len());
        method[..len] == bytes[..len]
    };
    match METHODS.iter().find(common) {
        Some(method) if bytes.len() >= method.len() => Opening::Http,
        Some(_) => Opening::Unclear,
        None => Opening::Raw,
    }
}

impl Deciding {
    pub(super) fn new(guard: Arc<WebSocketGuard>) -> Self {
        Self {
            guard,
            head: Head::default(),
            patience: None,
            answer: None,
        }
    }

    /// Reads until it is known, and answers a request.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        writes: bool,
    ) -> Poll<io::Result<State>> {
        loop {
            if let Some(answer) = &mut self.answer {
                ready!(answer.poll_write(io, cx))?;
                return Poll::Ready(match answer.refused.take() {
                    Some(refused) => Err(WebSocketError::from(refused).into()),
                    None => Ok(self.open()),
                });
            }
            let end = match opening(&self.head.bytes) {
                Opening::Raw => return Poll::Ready(Ok(self.raw())),
                Opening::Http => self.head.end(),
                Opening::Unclear => Ok(None),
            };
            match end {
                Ok(None) => {}
                Ok(Some(end)) => {
                    let head = self.head.bytes.split_to(end);
                    self.answer = Some(Answer::new(upgrade(&head, &self.guard)));
                    continue;
                }
                Err(TooLong) => {
                    self.answer = Some(Answer::new(Err(Refusal::too_large())));
                    continue;
                }
            }
            let room = self.head.room().min(PIECE);
            let mut piece = (&mut self.head.bytes).limit(room);
            match poll_read_buf(Pin::new(&mut *io), cx, &mut piece)? {
                // It has left: whoever reads next finds that out.
                Poll::Ready(0) => return Poll::Ready(Ok(self.raw())),
                Poll::Ready(_) => {}
                Poll::Pending if writes && self.head.bytes.is_empty() => {
                    ready!(self.poll_patience(cx));
                    return Poll::Ready(Ok(self.raw()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self
            .patience
            .get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        patience.as_mut().poll(cx)
    }

    fn raw(&mut self) -> State {
        State::Raw(std::mem::take(&mut self.head.bytes))
    }

    fn open(&mut self) -> State {
        let first = std::mem::take(&mut self.head.bytes);
        State::Open(Box::new(Frames::new(Role::Server, first)))
    }
}

impl Answer {
    fn new(upgraded: Result<String, Refusal>) -> Self {
        let text = match &upgraded {
            Ok(answer) => answer.as_bytes().into(),
            Err(refused) => refused.answer().as_bytes().into(),
        };
        Self {
            text,
            refused: upgraded.err(),
        }
    }

    fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_write_all(io, cx, &mut self.text))?;
        ready!(Pin::new(&mut *io).poll_flush(cx))?;
        match self.refused {
            // The answer is the last, and the client is to see that.
            Some(_) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_a_request_from_a_raw_peer() {
        for (bytes, is) in [
            (&b""[..], Opening::Unclear),
            (b"\0", Opening::Raw),
            (b"\0\0\0\x12\x01\x01", Opening::Raw),
            (b"G", Opening::Unclear),
            (b"GET", Opening::Unclear),
            (b"GET ", Opening::Http),
            (b"GET / HTTP/1.1\r\n", Opening::Http),
            (b"P", Opening::Unclear),
            (b"POST /", Opening::Http),
            (b"GETS", Opening::Raw),
            (b"\x16\x03\x01", Opening::Raw),
            (b"garbage", Opening::Raw),
        ] {
            assert_eq!(opening(bytes), is, "{}", bytes.escape_ascii());
        }
    }
}

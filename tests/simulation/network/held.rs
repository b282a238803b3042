//! Bytes that TLS has taken and not yet handed on.

use std::io;
use std::task::{Context, Poll, ready};

use aiomsg::parts::vocabulary::link::Wire;

use super::link::Link;

/// What a TLS library has taken of a connection's bytes: it says of none when it leaves,
/// but for all of them when they are flushed.
#[derive(Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// Some of what was taken since the last flush has left.
    some_left: bool,
    /// Counts what leaves, and what comes.
    pub(super) wire: Wire,
}

/// As much is taken before any of it has left.
const MOST: usize = 64 << 10;

impl Held {
    /// Takes bytes, and hands on what the link takes.
    pub(super) fn write(
        &mut self,
        link: &mut Link,
        side: usize,
        bytes: &[u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let pushed = self.push(link, side, cx)?;
        let room = MOST - self.bytes.len();
        if room == 0 {
            ready!(pushed);
        }
        let count = bytes.len().min(MOST - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    /// Hands everything on. `loses`: says so, and does not do it.
    pub(super) fn flush(
        &mut self,
        link: &mut Link,
        side: usize,
        loses: bool,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        if loses && !self.some_left {
            self.bytes.clear();
        }
        ready!(self.push(link, side, cx))?;
        self.some_left = false;
        Poll::Ready(Ok(()))
    }

    fn push(&mut self, link: &mut Link, side: usize, cx: &Context<'_>) -> Poll<io::Result<()>> {
        while !self.bytes.is_empty() {
            let count = ready!(link.write(side, &self.bytes, cx))?;
            self.bytes.drain(..count);
            self.wire.add_sent(count);
            self.some_left = true;
        }
        Poll::Ready(Ok(()))
    }
}

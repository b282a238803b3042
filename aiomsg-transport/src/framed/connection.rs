//! Many frames in one call: the connection that layers wrap.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Connection, Error, Frame, FrameSource, FrameVisitor};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::copies::Copying;
use super::read::ReadBuffer;
use super::{Framed, Out};
use crate::codec::FrameCodec;

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for Framed<T> {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        loop {
            if !self.ended {
                let decoded = match self.read.copied_below() {
                    0 => self.out.codec.decode_each(&mut self.read.bytes, visitor),
                    below => decode_copies(&mut self.out.codec, &mut self.read, below, visitor),
                };
                match decoded {
                    Ok(ControlFlow::Break(())) => return Poll::Ready(Some(Ok(()))),
                    Ok(ControlFlow::Continue(())) => {}
                    Err(error) => return self.wrong(error),
                }
            }
            match ready!(self.poll_read(cx)) {
                Some(Ok(())) => {}
                Some(Err(error)) => return self.fail(error),
                None => return Poll::Ready(None),
            }
        }
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        loop {
            ready!(Pin::new(&mut *self).poll_ready(cx))?;
            let mut pushing = Pushing {
                out: &mut self.out,
                result: Ok(()),
            };
            let fed = source.feed(&mut pushing);
            pushing.result?;
            if fed.is_continue() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::poll_flush(Pin::new(self), cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::poll_close(Pin::new(self), cx)
    }
}

/// Not for each type of visitor, and not within the loop of what is not copied.
#[inline(never)]
fn decode_copies(
    codec: &mut FrameCodec,
    read: &mut ReadBuffer,
    below: usize,
    visitor: &mut dyn FrameVisitor,
) -> Result<ControlFlow<()>, Error> {
    codec.decode_each(&mut read.bytes, &mut Copying { visitor, below })
}

/// Puts frames among the bytes that are to be written.
struct Pushing<'a> {
    out: &'a mut Out,
    result: Result<(), Error>,
}

impl FrameVisitor for Pushing<'_> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.result = self
            .out
            .write
            .push(&mut self.out.codec, &self.out.link, frame);
        match self.result.is_ok() && self.out.write.has_room() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

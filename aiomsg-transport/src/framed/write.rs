//! Bytes on their way out.

use std::task::{Context, Poll};

use aiomsg_core::{DropReason, Error, ErrorKind, Frame, Link};
use tokio::io::AsyncWrite;

use super::on_way::{HIGH_WATER, OnWay};
use super::spare;
use crate::codec::FrameCodec;
use crate::io::explain;

/// The bytes of a connection that are on their way, if there are any: an idle connection
/// holds nothing here.
#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    pub(super) on_way: Option<Box<OnWay>>,
    /// How many small bytes were there at the last flush, as an estimate for the next.
    expected: u32,
    /// What takes the bytes may hold them back until it is flushed.
    pub(super) buffered_below: bool,
    /// A frame over the limit is left in the link.
    pub(super) refuses: bool,
}

impl WriteBuffer {
    /// How many bytes it is not known of that they have left.
    pub(super) fn unflushed(&self) -> usize {
        self.on_way.as_ref().map_or(0, |it| it.unflushed())
    }

    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.unflushed() < HIGH_WATER
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        codec: &mut FrameCodec,
        link: &Link,
        frame: Frame,
    ) -> Result<(), Error> {
        let on_way = match &mut self.on_way {
            Some(on_way) => on_way,
            none => none.insert(begin(self.expected)),
        };
        match on_way.push(codec, frame) {
            Ok(()) => Ok(()),
            Err((error, frame)) => self.refuse(error, link, frame),
        }
    }

    #[cold]
    fn refuse(&mut self, error: Error, link: &Link, frame: Frame) -> Result<(), Error> {
        self.tidy();
        let reason = match error.kind() {
            ErrorKind::TooLarge => DropReason::TooLarge,
            ErrorKind::Version => DropReason::NoHeaders,
            _ => return Err(error),
        };
        if !self.refuses {
            return Err(error);
        }
        link.put_refused(frame, reason);
        Ok(())
    }

    /// Writes until nothing waits.
    pub(super) fn poll_drain<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        link: &Link,
    ) -> Poll<Result<(), Error>> {
        let Some(on_way) = &mut self.on_way else {
            return Poll::Ready(Ok(()));
        };
        if on_way.waiting() > 0 {
            self.expected = on_way.tail.len().min(HIGH_WATER) as u32;
        }
        while on_way.waiting() > 0 {
            let Poll::Ready(result) = on_way.poll_write(io, cx, self.buffered_below) else {
                link.set_waiting(on_way.waiting());
                return Poll::Pending;
            };
            let taken = match result {
                Ok(taken) => taken,
                Err(error) => {
                    if self.buffered_below {
                        on_way.doubt();
                    }
                    return Poll::Ready(Err(explain(error)));
                }
            };
            if taken == 0 {
                return Poll::Ready(Err(Error::new(ErrorKind::Disconnected)
                    .with_reason("the connection takes no more bytes")));
            }
            on_way.note_taken(taken);
            if !self.buffered_below {
                on_way.note_left();
            }
            link.add_sent(taken, on_way.waiting());
        }
        self.tidy();
        Poll::Ready(Ok(()))
    }

    /// The bytes that were taken have been passed on.
    pub(super) fn flushed(&mut self) {
        if self.buffered_below
            && let Some(on_way) = &mut self.on_way
        {
            on_way.note_left();
            self.tidy();
        }
    }

    /// Keeps nothing when everything has left.
    #[inline]
    fn tidy(&mut self) {
        if let Some(on_way) = self.on_way.take_if(|it| it.unflushed() == 0) {
            spare::give_back(on_way);
        }
    }

    /// The frames that were taken by something that may not have passed them
    /// on.
    pub(super) fn take_unconfirmed(&mut self, codec: &FrameCodec) -> Vec<Frame> {
        let on_way = self.on_way.as_mut();
        on_way.map_or_else(Vec::new, |it| it.take_unconfirmed(codec))
    }

    /// Whether a part of the first frame that has not left has: to be asked between
    /// the two around it.
    pub(super) fn is_cut(&self) -> bool {
        self.on_way.as_ref().is_some_and(|it| it.is_cut())
    }

    /// The frames of which not every byte was taken.
    pub(super) fn take_unsent(&mut self, codec: &FrameCodec) -> Vec<Frame> {
        let on_way = self.on_way.as_mut();
        on_way.map_or_else(Vec::new, |it| it.take_unsent(codec))
    }
}

#[inline(never)]
fn begin(expected: u32) -> Box<OnWay> {
    let mut on_way = spare::take();
    on_way.tail.reserve(expected as usize);
    on_way
}

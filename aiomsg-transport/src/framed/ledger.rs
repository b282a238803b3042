//! Which frames are in the bytes on their way out, so that those which never left
//! can be told of.

use std::collections::VecDeque;

use aiomsg_core::{Frame, Identity, MessageId, Target};
use bytes::Bytes;

/// The frames of which it is not known that every byte has left, in their order.
///
/// A flood of small messages would spend much of its time on putting aside
/// messages that are never asked for again. So a message whose payload is copied
/// among the bytes is let go, and made again from them in the rare case that it
/// never left, and so is an acknowledgement. Any other frame is kept as it is.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    /// The frames of entries that are kept, in their order.
    kept: VecDeque<Frame>,
    /// For whom addressed messages were. A connection has one peer, so there is
    /// one; a frame for any other is kept.
    peer: Option<Identity>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The position behind its last byte in the stream.
    end: u64,
    /// How many bytes it has in all, and how many of them, at its end, are
    /// payload; the latter is zero for those that are kept.
    len: u32,
    payload: u16,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Kept,
    // Messages that are made again, by their target.
    Any,
    Peer,
    Copy,
    Connection,
    /// A request is made again with its id, which is among its bytes.
    Request,
    /// An acknowledgement is made again from its id alone.
    Ack,
}

impl Ledger {
    /// Makes it fit for another connection.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.kept.clear();
        self.peer = None;
    }

    /// For how many frames there is room without more memory.
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity().max(self.kept.capacity())
    }

    /// Notes a frame of so many bytes, which ends here. `copied` says whether
    /// its payload is among the bytes.
    #[inline(always)]
    pub(super) fn push(&mut self, frame: Frame, len: usize, end: u64, copied: bool) {
        if copied
            && let Some(what) = self.what(&frame)
            && let Ok(payload) = u16::try_from(frame.payload().map_or(0, Bytes::len))
        {
            self.entries.push_back(Entry {
                end,
                len: len as u32,
                payload,
                what,
            });
            return;
        }
        self.kept.push_back(frame);
        self.entries.push_back(Entry {
            end,
            len: len as u32,
            payload: 0,
            what: What::Kept,
        });
    }

    /// From where on bytes are needed to make frames again, if those before this
    /// position have left: the beginning of a frame of which a part has.
    pub(super) fn needed_from(&self, position: u64) -> u64 {
        let first = self.entries.front();
        let first = first.filter(|entry| entry.what != What::Kept);
        first.map_or(position, |entry| {
            position.min(entry.end - u64::from(entry.len))
        })
    }

    /// Whether this position is behind the beginning of the first frame.
    pub(super) fn begins_before(&self, position: u64) -> bool {
        let first = self.entries.front();
        first.is_some_and(|entry| entry.end - u64::from(entry.len) < position)
    }

    fn ended(&self, position: u64) -> usize {
        self.entries.partition_point(|entry| entry.end <= position)
    }

    /// Forgets the frames before this position.
    pub(super) fn forget(&mut self, position: u64) {
        let entries = self.entries.drain(..self.ended(position));
        let kept = entries.filter(|entry| entry.what == What::Kept).count();
        self.kept.drain(..kept);
    }

    /// Takes the frames before this position. `bytes` copies what the stream has
    /// at a position, and a frame with an id has that so many bytes behind its beginning.
    pub(super) fn take(
        &mut self,
        until: u64,
        id_from: usize,
        bytes: impl Fn(u64, usize) -> Bytes,
    ) -> Vec<Frame> {
        let count = self.ended(until);
        let Self {
            entries,
            kept,
            peer,
        } = self;
        let frames = entries.drain(..count).filter_map(|entry| {
            let len = usize::from(entry.payload);
            let payload = || bytes(entry.end - len as u64, len);
            let id = || {
                let begin = entry.end - u64::from(entry.len);
                let id = bytes(begin + id_from as u64, MessageId::LEN);
                Some(MessageId::from_bytes(id[..].try_into().ok()?))
            };
            let target = match entry.what {
                What::Kept => return kept.pop_front(),
                What::Any => Target::Any,
                What::Peer => Target::Peer(peer.clone()?),
                What::Copy => Target::Copy,
                What::Connection => Target::Connection,
                What::Request => return Some(Frame::request(id()?, payload())),
                What::Ack => return Some(Frame::ack(id()?)),
            };
            Some(Frame::Data {
                payload: payload(),
                target,
            })
        });
        frames.collect()
    }

    #[inline(never)]
    fn is_peer(&mut self, to: &Identity) -> bool {
        let peer = self.peer.get_or_insert_with(|| to.clone());
        peer == to
    }

    #[inline(always)]
    fn what(&mut self, frame: &Frame) -> Option<What> {
        let target = match frame {
            Frame::Data { target, .. } => target,
            Frame::Request { .. } => return Some(What::Request),
            Frame::Ack { .. } => return Some(What::Ack),
            _ => return None,
        };
        match target {
            Target::Any => Some(What::Any),
            Target::Copy => Some(What::Copy),
            Target::Connection => Some(What::Connection),
            Target::Peer(to) => self.is_peer(to).then_some(What::Peer),
            _ => None,
        }
    }
}

//! A view of a connection's bytes from outside its stack of layers.

use crate::sync::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{DropReason, Frame};

/// A view of the bytes below a connection's layers.
///
/// A stack of layers hides the wire. Yet the heartbeat must see each byte that
/// arrives (any progress is life, not only a whole frame), and the end of a session
/// must learn which frames never left. The framed connection writes here, and all
/// others read. The counters change once per read or write of the socket, never per
/// frame.
#[derive(Debug, Clone, Default)]
pub struct Link(Arc<Inner>);

/// Asks the system how many bytes it holds for the peer: the `Send-Q` of `ss`.
///
/// A system takes megabytes ahead of a slow peer, and then nothing until a good part
/// of them is gone. Meanwhile the number shows whether the peer takes any. It is asked
/// when a peer is about to be taken for dead, and not for each message.
#[derive(Clone)]
pub struct SendQueue(Arc<dyn Fn() -> Option<u64> + Send + Sync>);

impl SendQueue {
    /// A queue whose size is what `bytes` returns, or `None` if it is not known.
    /// `bytes` must not block.
    pub fn new(bytes: impl Fn() -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(bytes))
    }

    /// How many bytes are in it now, or `None` if the system does not say.
    pub fn bytes(&self) -> Option<u64> {
        (self.0)()
    }
}

impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue").finish_non_exhaustive()
    }
}

/// Counts the bytes of a wire, below layers that hold bytes back, as TLS does.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Wire {
    /// Notes bytes that arrived.
    pub fn add_received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes bytes that the kernel took.
    pub fn add_sent(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Inner {
    bytes: Bytes,
    /// Counts the bytes instead.
    wire: Option<Wire>,
    /// The bytes that the system holds of those that were sent.
    send_queue: Option<SendQueue>,
    waiting: AtomicUsize,
    /// How often whole frames have come.
    frames: AtomicU64,
    /// A part of the first unsent frame has left.
    cut: AtomicBool,
    /// The frame that is being read is over the limit.
    passing: AtomicBool,
    /// How often reading was held back, twice; odd while it is.
    holds: AtomicU64,
    /// Whether there are refused frames. Read with every batch, so without a lock.
    has_refused: AtomicBool,
    /// None before the first: most connections leave some at their end, if at all.
    left: Mutex<Option<Box<Left>>>,
}

/// Frames that the connection has left.
#[derive(Debug, Default)]
struct Left {
    unsent: Vec<Frame>,
    unconfirmed: Vec<Frame>,
    refused: Vec<(Frame, DropReason)>,
}

impl Link {
    /// A link on which nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the bytes further down. Call it before anything has happened on the link.
    #[must_use]
    pub fn over(self, wire: Wire) -> Self {
        Self(Arc::new(Inner {
            wire: Some(wire),
            send_queue: self.0.send_queue.clone(),
            ..Inner::default()
        }))
    }

    /// Adds the system's send queue. Call it before anything has happened on the link.
    #[must_use]
    pub fn with_send_queue(self, queue: SendQueue) -> Self {
        Self(Arc::new(Inner {
            wire: self.0.wire.clone(),
            send_queue: Some(queue),
            ..Inner::default()
        }))
    }

    /// How many of the [bytes that were sent](Link::sent) the peer has not taken, or
    /// `None` if that is not known. This asks the system, so call it only when a peer
    /// may be dead.
    pub fn send_queue(&self) -> Option<u64> {
        self.0.send_queue.as_ref()?.bytes()
    }

    /// Bytes that were read from the kernel, from the first byte of the connection
    /// on.
    pub fn received(&self) -> u64 {
        self.bytes().received.load(Relaxed)
    }

    /// Bytes that were read of the stream, behind the handshake. TLS's own bytes are
    /// not among them.
    pub fn read(&self) -> u64 {
        self.0.bytes.received.load(Relaxed)
    }

    /// A number that changes whenever whole frames have come: for layers that do not see
    /// every frame, because layers below consume some.
    pub fn frames(&self) -> u64 {
        self.0.frames.load(Relaxed)
    }

    /// Bytes that were written to the kernel, from the first byte of the connection
    /// on.
    pub fn sent(&self) -> u64 {
        self.bytes().sent.load(Relaxed)
    }

    fn bytes(&self) -> &Bytes {
        self.0.wire.as_ref().map_or(&self.0.bytes, |wire| &wire.0)
    }

    /// Bytes that are encoded and wait for the kernel to take them.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    /// Notes bytes that arrived.
    pub fn add_received(&self, bytes: usize) {
        self.0.bytes.received.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes that whole frames came. For the connection, whose task is the only one
    /// that does.
    pub fn note_frames(&self) {
        let frames = self.frames();
        self.0.frames.store(frames + 1, Relaxed);
    }

    /// Notes bytes that the kernel took, and how many wait behind them.
    pub fn add_sent(&self, bytes: usize, waiting: usize) {
        self.0.bytes.sent.fetch_add(bytes as u64, Relaxed);
        self.0.waiting.store(waiting, Relaxed);
    }

    /// Notes how many encoded bytes wait.
    pub fn set_waiting(&self, bytes: usize) {
        self.0.waiting.store(bytes, Relaxed);
    }

    /// Leaves the frames of which not every byte was taken by the kernel, for
    /// [`Link::take_unsent`]. The connection does this when it is dropped.
    pub fn put_unsent(&self, frames: impl IntoIterator<Item = Frame>) {
        self.put(frames, |left| &mut left.unsent);
    }

    /// Notes that a part of the first of the unsent frames has left.
    pub fn set_cut(&self) {
        self.0.cut.store(true, Relaxed);
    }

    /// Whether a part of the first of the unsent frames has left: the connection
    /// ended in the middle of it.
    pub fn is_cut(&self) -> bool {
        self.0.cut.load(Relaxed)
    }

    /// Notes whether the frame that is being read is over the limit, and skipped.
    pub fn set_passing(&self, passing: bool) {
        self.0.passing.store(passing, Relaxed);
    }

    /// Whether the frame that is being read is over the limit.
    pub fn is_passing(&self) -> bool {
        self.0.passing.load(Relaxed)
    }

    /// Notes whether this end reads nothing for now, as it has no room. The session
    /// calls it, so that silence is not counted against the peer.
    #[inline]
    pub fn set_held_back(&self, held_back: bool) {
        let holds = self.0.holds.load(Relaxed);
        if (holds % 2 == 1) != held_back {
            self.0.holds.store(holds + 1, Relaxed);
        }
    }

    /// Whether this end reads nothing for now.
    pub fn is_held_back(&self) -> bool {
        self.holds() % 2 == 1
    }

    /// A number that changes when reading is held back, and when it goes on.
    pub fn holds(&self) -> u64 {
        self.0.holds.load(Relaxed)
    }

    /// Leaves the frames that may or may not have left, for
    /// [`Link::take_unconfirmed`].
    pub fn put_unconfirmed(&self, frames: impl IntoIterator<Item = Frame>) {
        self.put(frames, |left| &mut left.unconfirmed);
    }

    /// Leaves a frame that the connection cannot carry, for [`Link::take_refused`]. The
    /// connection goes on without it.
    pub fn put_refused(&self, frame: Frame, reason: DropReason) {
        self.put([(frame, reason)], |left| &mut left.refused);
        self.0.has_refused.store(true, Relaxed);
    }

    /// Takes the frames that the connection cannot carry, with the reasons. They have not
    /// left, and will not.
    pub fn take_refused(&self) -> Vec<(Frame, DropReason)> {
        match self.0.has_refused.swap(false, Relaxed) {
            true => self.take(|left| &mut left.refused),
            false => Vec::new(),
        }
    }

    /// Whether there are refused frames.
    #[inline]
    pub fn has_refused(&self) -> bool {
        self.0.has_refused.load(Relaxed)
    }

    /// Takes the frames that may or may not have left: TLS had taken them, and the
    /// connection died before TLS had given all of its bytes to the kernel. The peer
    /// may have received them.
    pub fn take_unconfirmed(&self) -> Vec<Frame> {
        self.take(|left| &mut left.unconfirmed)
    }

    /// Takes the frames that never left, in the order in which they were
    /// given to the connection. The peer cannot have received any of them
    /// whole, so each may be sent again.
    pub fn take_unsent(&self) -> Vec<Frame> {
        self.take(|left| &mut left.unsent)
    }

    fn put<T>(&self, frames: impl IntoIterator<Item = T>, list: fn(&mut Left) -> &mut Vec<T>) {
        let mut frames = frames.into_iter().peekable();
        if frames.peek().is_some() {
            list(self.0.left.lock().get_or_insert_default()).extend(frames);
        }
    }

    fn take<T>(&self, list: fn(&mut Left) -> &mut Vec<T>) -> Vec<T> {
        let mut left = self.0.left.lock();
        left.as_mut()
            .map_or_else(Vec::new, |left| std::mem::take(list(left)))
    }
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::connection::Hooked;
use aiomsg_core::{Error, Frame, FrameHook};
use tower::Layer;

/// The frames of all connections.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    /// Frames that were given to a connection.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Frames that came from one.
    pub fn received(&self) -> u64 {
        self.0.received.load(Relaxed)
    }

    /// The layer that counts: `builder.connection_layer(tally.layer())`.
    pub fn layer(&self) -> TallyLayer {
        TallyLayer(self.clone())
    }
}

/// See [`Tally::layer`].
#[derive(Debug, Clone)]
pub struct TallyLayer(Tally);

impl<C> Layer<C> for TallyLayer {
    type Service = Hooked<C, TallyHook>;

    fn layer(&self, inner: C) -> Self::Service {
        Hooked::new(inner, TallyHook::new(self.0.clone()))
    }
}

/// Counts the frames of one connection. See [`Tally::layer`].
#[derive(Debug)]
pub struct TallyHook {
    tally: Tally,
    // Since the last turn. What others read is written once for each turn, and not for
    // each frame.
    sent: u64,
    received: u64,
}

impl TallyHook {
    fn new(tally: Tally) -> Self {
        Self {
            tally,
            sent: 0,
            received: 0,
        }
    }
}

impl FrameHook for TallyHook {
    // Called for each frame, from another crate: the compiler is to see through it.
    #[inline]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.received += 1;
        Some(frame)
    }

    #[inline]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        self.sent += 1;
        Some(frame)
    }

    fn settle(&mut self) -> Result<(), Error> {
        let Counts { sent, received } = &*self.tally.0;
        sent.fetch_add(std::mem::take(&mut self.sent), Relaxed);
        received.fetch_add(std::mem::take(&mut self.received), Relaxed);
        Ok(())
    }
}

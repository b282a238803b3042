//! Hooks: connection layers that see each frame.

use crate::{Error, Frame};

/// Sees each frame of a connection: the easy way to write a connection layer.
///
/// A hook passes a frame on, changes it, or drops it. It has state, and each connection
/// has a hook of its own, so it needs no lock. [`HookLayer`](super::HookLayer) makes a layer of it.
///
/// A hook is below the heartbeat and the acknowledgements, so it sees these, too. A
/// request that it drops is not acknowledged, and its sender sends it again. A message
/// that it drops on its way out is lost.
///
/// ```
/// use aiomsg_core::connection::HookLayer;
/// use aiomsg_core::{Frame, FrameHook};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// /// Counts the frames that arrive, of all connections together.
/// #[derive(Clone, Default)]
/// struct Tally { total: Arc<AtomicU64>, new: u64 }
///
/// impl FrameHook for Tally {
///     fn arriving(&mut self, frame: Frame) -> Option<Frame> {
///         self.new += 1;
///         Some(frame)
///     }
///     fn settle(&mut self) -> Result<(), aiomsg_core::Error> {
///         self.total.fetch_add(std::mem::take(&mut self.new), Relaxed);
///         Ok(())
///     }
/// }
///
/// let tally = Tally::default();
/// let layer = HookLayer::new(tally.clone());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook of frames",
    note = "a hook implements `aiomsg::layer::FrameHook`; a closure is one in `arriving_fn` or \
            `leaving_fn`"
)]
pub trait FrameHook: Send {
    /// Sees a frame that has arrived. `None` drops it.
    #[inline(always)]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        Some(frame)
    }

    /// Sees a frame before it leaves. `None` drops it.
    #[inline(always)]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        Some(frame)
    }

    /// Called after each turn, when all of its frames have passed: up to some thousand,
    /// or none.
    ///
    /// Work that is too dear for each frame belongs here, such as reading the clock or
    /// publishing a count.
    ///
    /// # Errors
    ///
    /// An error ends the connection, with itself as the reason.
    #[inline(always)]
    fn settle(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<H: FrameHook + ?Sized> FrameHook for Box<H> {
    #[inline]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        (**self).arriving(frame)
    }

    #[inline]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        (**self).leaving(frame)
    }

    #[inline]
    fn settle(&mut self) -> Result<(), Error> {
        (**self).settle()
    }
}

/// A hook for some connections: `None` lets all frames pass.
impl<H: FrameHook> FrameHook for Option<H> {
    #[inline(always)]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        match self {
            Some(hook) => hook.arriving(frame),
            None => Some(frame),
        }
    }

    #[inline(always)]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        match self {
            Some(hook) => hook.leaving(frame),
            None => Some(frame),
        }
    }

    #[inline(always)]
    fn settle(&mut self) -> Result<(), Error> {
        self.as_mut().map_or(Ok(()), FrameHook::settle)
    }
}

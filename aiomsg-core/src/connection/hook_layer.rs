//! Layers that put a hook on each connection, or on those of some peers.

use std::fmt;

use tower_layer::Layer;

use super::{FrameHook, Hooked, Identified};
use crate::{Frame, Identity};

/// Puts a [`FrameHook`] on each connection.
///
/// ```
/// use aiomsg_core::connection::{ArrivingFn, HookLayer};
/// use aiomsg_core::{Frame, Identity};
///
/// // Drops the messages of one peer.
/// let muted = Identity::from(*b"a noisy neighbor");
/// let layer = HookLayer::per_peer(move |peer: &Identity| {
///     let drop = |frame: Frame| frame.payload().is_none().then_some(frame);
///     (*peer == muted).then_some(ArrivingFn::new(drop))
/// });
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HookLayer<H> {
    hook: H,
}

impl<H: FrameHook + Clone> HookLayer<H> {
    /// Gives each connection a clone of this hook.
    pub fn new(hook: H) -> Self {
        Self { hook }
    }
}

impl HookLayer<()> {
    /// Asks a function for the hook of each connection, by the identity of its peer.
    ///
    /// A function that returns an `Option` of a hook sees the frames of some peers only.
    /// The example of [`HookLayer`] drops the messages of one peer in this way.
    ///
    /// A layer that needs to know more of the peer, such as its certificate, asks a
    /// socket's `PeerConnection`: `layer_fn(|inner: PeerConnection| Hooked::new(inner, ..))`.
    pub fn per_peer<F, H>(make: F) -> PeerHookLayer<F>
    where
        F: Fn(&Identity) -> H,
        H: FrameHook,
    {
        PeerHookLayer { make }
    }
}

impl<C, H: Clone> Layer<C> for HookLayer<H> {
    type Service = Hooked<C, H>;

    fn layer(&self, inner: C) -> Hooked<C, H> {
        Hooked::new(inner, self.hook.clone())
    }
}

/// Puts the hook that a function makes on each connection. See [`HookLayer::per_peer`].
#[derive(Clone, Copy)]
pub struct PeerHookLayer<F> {
    make: F,
}

impl<C: Identified, F: Fn(&Identity) -> H, H> Layer<C> for PeerHookLayer<F> {
    type Service = Hooked<C, H>;

    fn layer(&self, inner: C) -> Hooked<C, H> {
        let hook = (self.make)(inner.identity());
        Hooked::new(inner, hook)
    }
}

impl<F> fmt::Debug for PeerHookLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerHookLayer").finish_non_exhaustive()
    }
}

/// Makes a layer of a function of each frame that arrives: it passes the frame on,
/// changes it, or drops it. Each connection gets a clone of the function.
///
/// ```
/// use aiomsg_core::Frame;
/// use aiomsg_core::connection::arriving_fn;
///
/// // Drops empty messages.
/// let layer = arriving_fn(|frame: Frame| match frame.payload() {
///     Some(payload) if payload.is_empty() => None,
///     _ => Some(frame),
/// });
/// ```
pub fn arriving_fn<F>(function: F) -> HookLayer<ArrivingFn<F>>
where
    F: FnMut(Frame) -> Option<Frame> + Clone + Send,
{
    HookLayer::new(ArrivingFn(function))
}

/// Makes a layer of a function of each frame that leaves: it passes the frame on,
/// changes it, or drops it. Each connection gets a clone of the function.
pub fn leaving_fn<F>(function: F) -> HookLayer<LeavingFn<F>>
where
    F: FnMut(Frame) -> Option<Frame> + Clone + Send,
{
    HookLayer::new(LeavingFn(function))
}

/// A function as a hook of frames that arrive. See [`arriving_fn`].
#[derive(Clone, Copy)]
pub struct ArrivingFn<F>(F);

impl<F: FnMut(Frame) -> Option<Frame>> ArrivingFn<F> {
    /// Makes a hook of the function.
    pub fn new(function: F) -> Self {
        Self(function)
    }
}

impl<F: FnMut(Frame) -> Option<Frame> + Send> FrameHook for ArrivingFn<F> {
    #[inline(always)]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        (self.0)(frame)
    }
}

impl<F> fmt::Debug for ArrivingFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArrivingFn")
    }
}

/// A function as a hook of frames that leave. See [`leaving_fn`].
#[derive(Clone, Copy)]
pub struct LeavingFn<F>(F);

impl<F: FnMut(Frame) -> Option<Frame>> LeavingFn<F> {
    /// Makes a hook of the function.
    pub fn new(function: F) -> Self {
        Self(function)
    }
}

impl<F: FnMut(Frame) -> Option<Frame> + Send> FrameHook for LeavingFn<F> {
    #[inline(always)]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        (self.0)(frame)
    }
}

impl<F> fmt::Debug for LeavingFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeavingFn")
    }
}

//! The standard stack of the send path, as a type.
//!
//! The layers of [`SocketBuilder::layer`](crate::SocketBuilder::layer) wrap it.

mod future;
mod send;

use std::task::{Context, Poll};

use aiomsg_core::{Error, Outbound};
use aiomsg_layers::distribute::AnyPolicy;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::{AtLeastOnce, Buffer, ByIdentity, Distribute};
use tower::Service;

pub(crate) use future::StackFuture;
pub use future::StandardFuture;
pub use send::StandardSend;
pub(crate) use send::{Sent, header_error};

type PeerQueue = Queue<Outbound>;

/// All of it but at-least-once.
pub(crate) type Core = ByIdentity<Buffer<Distribute<PeerQueue, AnyPolicy<PeerQueue>>>, PeerQueue>;

/// The stack itself. Without at-least-once, its layer is not there, and costs nothing.
#[derive(Debug)]
pub(crate) enum Stack {
    AtMostOnce(Core),
    AtLeastOnce(AtLeastOnce<Core>),
}

impl Stack {
    pub(crate) fn core(&self) -> &Core {
        match self {
            Self::AtMostOnce(core) => core,
            Self::AtLeastOnce(service) => service.get_ref(),
        }
    }

    pub(crate) fn core_mut(&mut self) -> &mut Core {
        match self {
            Self::AtMostOnce(core) => core,
            Self::AtLeastOnce(service) => service.get_mut(),
        }
    }
}

impl Service<Outbound> for Stack {
    type Response = ();
    type Error = Error;
    type Future = StackFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::AtMostOnce(service) => service.poll_ready(cx),
            Self::AtLeastOnce(service) => service.poll_ready(cx),
        }
    }

    #[inline]
    fn call(&mut self, message: Outbound) -> StackFuture {
        match self {
            Self::AtMostOnce(service) => StackFuture::AtMostOnce(service.call(message)),
            Self::AtLeastOnce(service) => StackFuture::AtLeastOnce(service.call(message)),
        }
    }
}

use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Outbound};
use tower::Service;

use super::handle::{closed, later};
use super::{Driven, DrivenFuture};

/// A shared stack that is entered at one of its layers. See [`Driven::at`].
pub struct At<S, T> {
    driven: Driven<S>,
    layer: fn(&mut S) -> &mut T,
}

impl<S, T> At<S, T> {
    pub(super) fn new(driven: Driven<S>, layer: fn(&mut S) -> &mut T) -> Self {
        Self { driven, layer }
    }

    /// The stack.
    pub fn get_ref(&self) -> &Driven<S> {
        &self.driven
    }
}

impl<S, T> Service<Outbound> for At<S, T>
where
    T: Service<Outbound, Response = (), Error: From<Error>>,
{
    type Response = ();
    type Error = T::Error;
    type Future = DrivenFuture<S, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let Self { driven, layer } = self;
        if driven.is_held() {
            return later(cx);
        }
        let shared = &driven.0;
        driven.line().poll_shared(cx, || {
            let mut locked = shared.lock();
            match locked.state.closed {
                true => Poll::Ready(Err(closed(None).into())),
                false => layer(&mut locked.state.stack).poll_ready(&mut shared.context()),
            }
        })
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        if self.driven.is_held() {
            return DrivenFuture::later(self.clone(), message);
        }
        let mut locked = self.driven.0.lock();
        match locked.state.closed {
            true => DrivenFuture::failed(closed(Some(message))),
            false => DrivenFuture::called((self.layer)(&mut locked.state.stack).call(message)),
        }
    }
}

impl<S, T> Clone for At<S, T> {
    fn clone(&self) -> Self {
        Self {
            driven: self.driven.clone(),
            layer: self.layer,
        }
    }
}

impl<S, T> fmt::Debug for At<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("At")
    }
}

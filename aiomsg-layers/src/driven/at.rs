use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Outbound};
use tower::Service;

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
        self.driven.poll_ready_at(cx, self.layer)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        self.driven.call_at(message, self.layer)
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

//! A queue as a tower service.

use std::task::{Context, Poll};

use aiomsg_core::Outbound;

use super::{Closed, Queue};

/// The queue of a connection is the service that sends to its peer.
impl tower::Service<Outbound> for Queue<Outbound> {
    type Response = ();
    type Error = Closed<Option<Outbound>>;
    type Future = std::future::Ready<Result<(), Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Queue::poll_ready(self, cx).map_err(|Closed(())| Closed(None))
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        std::future::ready(
            self.push(message)
                .map_err(|Closed(item)| Closed(Some(item))),
        )
    }
}

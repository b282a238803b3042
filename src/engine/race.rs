//! The first of two futures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

/// Ready when one of two futures is. It is no larger than they are: an `async` block would
/// store each twice, as an argument and while it waits.
#[pin_project]
pub(super) struct Race<A, B> {
    #[pin]
    first: A,
    #[pin]
    second: B,
}

/// The ready future. Of two that are ready, the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Won {
    First,
    Second,
}

impl<A, B> Race<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A, B> Future for Race<A, B>
where
    A: Future<Output = ()>,
    B: Future<Output = ()>,
{
    type Output = Won;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Won> {
        let this = self.project();
        if this.first.poll(cx).is_ready() {
            return Poll::Ready(Won::First);
        }
        this.second.poll(cx).map(|()| Won::Second)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn the_first_that_is_ready_wins() {
        assert_eq!(Race::new(ready(()), pending()).await, Won::First);
        assert_eq!(Race::new(pending(), ready(())).await, Won::Second);
        assert_eq!(Race::new(ready(()), ready(())).await, Won::First);
        assert!(futures::poll!(Race::new(pending(), pending())).is_pending());
    }
}

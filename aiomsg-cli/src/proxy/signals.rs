//! The signals of a proxy.

use std::collections::VecDeque;
use std::sync::Arc;

use aiomsg::parts::vocabulary::sync::Mutex;

#[cfg(unix)]
use nix::sys::signal::Signal as Number;
use tokio::sync::Notify;

use crate::common::failure::Outcome;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;

/// A signal while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Reload,
    Pause,
    Resume,
}

impl Order {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// Whether this one makes up for the other, if that was not followed.
    fn makes_up_for(self, other: Self) -> bool {
        (self == Self::Reload) == (other == Self::Reload)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Order(Order),
    End,
}

pub(super) struct Signals {
    stop: Stop,
    orders: Arc<Orders>,
}

/// Orders in the order in which they came.
#[derive(Debug, Default)]
struct Orders {
    waiting: Mutex<VecDeque<Order>>,
    more: Notify,
}

/// Beyond these, an order takes the place of those that it makes up for.
const WAITING: usize = 16;

impl Orders {
    fn add(&self, order: Order) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING {
            waiting.retain(|other| !order.makes_up_for(*other));
        }
        waiting.push_back(order);
        self.more.notify_one();
    }

    /// The next one. Cancel safe.
    async fn next(&self) -> Order {
        loop {
            let next = self.waiting.lock().pop_front();
            match next {
                Some(order) => return order,
                None => self.more.notified().await,
            }
        }
    }
}

impl Signals {
    /// Hears those that come from now on, and those that have come.
    pub(super) fn new() -> Outcome<Self> {
        let orders = Arc::<Orders>::default();
        #[cfg(unix)]
        let stop = {
            let orders = Arc::clone(&orders);
            let others = [Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2];
            Stop::and(&others, move |signal| {
                orders.add(match signal {
                    Number::SIGHUP => Order::Reload,
                    Number::SIGUSR1 => Order::Pause,
                    _ => Order::Resume,
                });
            })?
        };
        // Elsewhere there is the key to interrupt, and no more.
        #[cfg(not(unix))]
        let stop = Stop::new()?;
        Ok(Self { stop, orders })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.stop.asked() => Signal::End,
            order = self.orders.next() => Signal::Order(order),
        }
    }

    /// Runs work that may be dropped, unless a signal ends the proxy first. Orders wait.
    pub(super) async fn unless_end<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        self.stop.unless_asked(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn of_many_orders_the_last_ones_are_kept() {
        let orders = Orders::default();
        for _ in 0..1000 {
            orders.add(Order::Pause);
            orders.add(Order::Reload);
            orders.add(Order::Resume);
        }
        orders.add(Order::Pause);
        let mut kept = Vec::new();
        while let Some(order) = orders.next().now_or_never() {
            kept.push(order);
        }
        assert!(kept.len() <= WAITING + 1, "{kept:?}");
        assert!(kept.contains(&Order::Reload), "{kept:?}");
        assert_eq!(kept.last(), Some(&Order::Pause));
    }
}

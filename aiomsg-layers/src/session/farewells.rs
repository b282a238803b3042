use std::sync::Arc;

use crate::sync::atomic::{AtomicUsize, Ordering};

/// A bound on refused connections that stay for a moment, to end in good order. Clones
/// share it.
///
/// A peer that has sent something unacceptable, or is not admitted, should still read its
/// messages, and why its connection ends. That takes a moment. Beyond the bound,
/// connections are ended at once.
#[derive(Debug, Clone)]
pub struct Farewells(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    under_way: AtomicUsize,
    most: usize,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub struct Farewell(Arc<Inner>);

impl Farewells {
    /// Allows this many at a time.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            under_way: AtomicUsize::new(0),
            most,
        }))
    }

    /// A place for one more, if there is one.
    pub fn begin(&self) -> Option<Farewell> {
        let place = Farewell(Arc::clone(&self.0));
        // Dropping it frees the place again.
        (self.0.under_way.fetch_add(1, Ordering::Relaxed) < self.0.most).then_some(place)
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(aiomsg_loom)))]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_a_time() {
        let farewells = Farewells::new(2);
        let [first, second, third] = [(); 3].map(|()| farewells.begin());
        assert!(first.is_some() && second.is_some() && third.is_none());
        assert!(farewells.begin().is_none());
        drop(first);
        assert!(farewells.begin().is_some());
    }
}

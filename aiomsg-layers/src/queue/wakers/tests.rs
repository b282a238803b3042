use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn wakers_of_dropped_futures_do_not_pile_up() {
    let mut list = WakerList::default();
    let live = Arc::new(Count::default());
    list.register(&Waker::from(Arc::clone(&live)));
    for _ in 0..5_000 {
        list.register(&Waker::from(Arc::new(Count::default())));
        if live.0.swap(0, Ordering::Relaxed) > 0 {
            list.register(&Waker::from(Arc::clone(&live)));
        }
    }
    assert!(list.len() <= 5_000);
    // However often the list was emptied, the living one is in it.
    list.take().wake();
    assert_eq!(live.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as the test wants");
        }
    }

    let mut list = WakerList::default();
    let woke = Arc::new(Count::default());
    list.register(&Waker::from(Arc::new(Panics)));
    list.register(&Waker::from(Arc::clone(&woke)));
    list.take().wake();
    assert_eq!(woke.0.load(Ordering::Relaxed), 1);
}

//! Calls of users' functions, deferred while this thread holds a lock.
//!
//! A listener or a log subscriber may use the socket that it listens to: it may send
//! each event, for example. So it must be called when its thread holds no lock of that
//! socket. Code that may report something under a lock takes the lock behind a
//! [`Holding`], and the reports are made when the last `Holding` of the thread is
//! dropped.
//!
//! Some users' code runs under a lock, such as a policy, and may call the socket as
//! well. [`is_held`] tells that apart from another thread that holds the lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most locks of one thread that are known by name.
const KNOWN: usize = 4;

/// The threads of a model are one thread of the system, and would be taken for each other.
/// So no lock is known to be held in a model.
const IS_MODEL: bool = cfg!(aiomsg_loom);

struct Held {
    count: Cell<usize>,
    locks: [Cell<usize>; KNOWN],
}

thread_local! {
    static HELD: Held = const {
        Held {
            count: Cell::new(0),
            locks: [const { Cell::new(0) }; KNOWN],
        }
    };
    static LATER: RefCell<VecDeque<Box<dyn FnOnce()>>> = const { RefCell::new(VecDeque::new()) };
    static ANY_LATER: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function: now, or as soon as this thread holds no lock. A panic of it ends
/// here, because the caller has other work to finish.
pub fn tell(call: impl FnOnce() + 'static) {
    if HELD.with(|held| held.count.get()) == 0 {
        return caught(call);
    }
    LATER.with_borrow_mut(|later| later.push_back(Box::new(call)));
    ANY_LATER.set(true);
}

/// Calls a function. A panic ends here.
fn caught(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // Its destructor may panic as well.
        std::mem::forget(payload);
    }
}

/// Says that this thread holds a lock. Make it before you take the lock, and drop it after
/// you release the lock. Dropping it makes the calls that were deferred meanwhile.
#[derive(Debug)]
#[must_use = "what is told is told at once, unless this is kept"]
pub struct Holding(PhantomData<*const ()>);

impl Holding {
    /// Holds this lock.
    #[inline]
    pub fn new<T>(lock: &T) -> Self {
        HELD.with(|held| {
            if IS_MODEL {
                return;
            }
            let count = held.count.get();
            if let Some(place) = held.locks.get(count) {
                place.set(name(lock));
            }
            held.count.set(count + 1);
        });
        Self(PhantomData)
    }

    /// Holds this lock, unless this thread holds it already.
    #[inline]
    pub fn enter<T>(lock: &T) -> Option<Self> {
        HELD.with(|held| {
            if IS_MODEL {
                return Some(Self(PhantomData));
            }
            let count = held.count.get();
            let mut known = held.locks.iter().take(count);
            if known.any(|it| it.get() == name(lock)) {
                return None;
            }
            if let Some(place) = held.locks.get(count) {
                place.set(name(lock));
            }
            held.count.set(count + 1);
            Some(Self(PhantomData))
        })
    }
}

impl Drop for Holding {
    #[inline]
    fn drop(&mut self) {
        if IS_MODEL {
            return;
        }
        let none = HELD.with(|held| {
            held.count.set(held.count.get() - 1);
            held.count.get() == 0
        });
        if none && ANY_LATER.get() {
            tell_all();
        }
    }
}

/// Whether this thread holds this lock.
pub fn is_held<T>(lock: &T) -> bool {
    HELD.with(|held| {
        let mut known = held.locks.iter().take(held.count.get());
        known.any(|it| it.get() == name(lock))
    })
}

fn name<T>(lock: &T) -> usize {
    std::ptr::from_ref(lock).addr()
}

#[cold]
fn tell_all() {
    while let Some(call) = LATER.with_borrow_mut(VecDeque::pop_front) {
        caught(call);
    }
    ANY_LATER.set(false);
}

#[cfg(test)]
mod tests;

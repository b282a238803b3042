//! Functions of a user's that hear of something, and the locks that are held meanwhile.
//!
//! A listener, or a subscriber of logs, may well use the socket that it hears of: it
//! sends what it hears. So it is called when no lock of the socket's is held by its
//! thread. A lock under which something may be told of is taken behind a [`Holding`],
//! and what is told meanwhile is told when that ends.
//!
//! Code of a user's that must be called under a lock, such as a policy, may come back as
//! well: [`is_held`] tells it apart from another thread, for which the lock is waited.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many locks of one thread are known by name.
const KNOWN: usize = 4;

/// The threads of a model are one thread of the system, and would be taken for each other:
/// there, no lock is known to be held.
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

/// Calls one, or has it called when this thread holds no lock any more. When it panics,
/// that ends here: whoever tells it has others to look after.
pub fn tell(call: impl FnOnce() + 'static) {
    if HELD.with(|held| held.count.get()) == 0 {
        return caught(call);
    }
    LATER.with_borrow_mut(|later| later.push_back(Box::new(call)));
    ANY_LATER.set(true);
}

/// Calls one. A panic ends here.
fn caught(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // Its destructor may panic as well.
        std::mem::forget(payload);
    }
}

/// This thread holds a lock, until this is dropped: to be made before the lock is taken,
/// and to be dropped after it is released. Then all is told that was told of meanwhile.
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
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_told_while_a_lock_is_held_is_told_afterwards_and_in_order() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let say = |what: u32| {
            let told = Rc::clone(&told);
            tell(move || told.borrow_mut().push(what));
        };
        let locks = [0; 6];
        say(1);
        {
            let _outer = Holding::new(&locks[0]);
            say(2);
            for lock in &locks[1..] {
                let _inner = Holding::new(lock);
                assert!(is_held(&locks[0]) && is_held(lock));
            }
            assert!(!is_held(&locks[1]));
            tell(|| panic!("as we want"));
            say(3);
            assert_eq!(*told.borrow(), [1]);
        }
        assert!(!is_held(&locks[0]));
        assert_eq!(*told.borrow(), [1, 2, 3]);
    }

    #[test]
    fn what_is_told_by_one_that_is_told_is_told_as_well() {
        let told = Rc::new(Cell::new(false));
        let lock = 0;
        let inner = Rc::clone(&told);
        let holding = Holding::new(&lock);
        tell(move || {
            let again = Holding::new(&0);
            tell(move || inner.set(true));
            drop(again);
        });
        drop(holding);
        assert!(told.get());
    }
}

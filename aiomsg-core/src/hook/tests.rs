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

use super::*;

#[test]
fn a_place_that_is_used_again_is_under_another_id() {
    let mut entries = Entries::new();
    let first = entries.insert(&mut Outbound::new("first"), None);
    assert!(entries.remove(first).is_some());
    let mut message = Outbound::new("second");
    let second = entries.insert(&mut message, None);
    assert_eq!(message.id(), Some(second));
    assert_eq!(entries.names.place(first), entries.names.place(second));
    assert!(entries.get_mut(first).is_none());
    assert!(entries.remove(first).is_none());
    assert_eq!((entries.len(), entries.bytes()), (1, 6));
}

/// Where a message probably is decides how it is found, never which one.
#[test]
fn a_message_is_found_from_any_place() {
    let mut entries = Entries::new();
    let ids = [(); 4].map(|()| entries.insert(&mut Outbound::new("x"), None));
    assert_eq!([0, 1, 2, 3].map(|at| entries.behind(at)), [1, 2, 3, 3]);
    entries.take_at(1);
    for near in [0, 1, 2, 3, 4, usize::MAX] {
        let found = ids.map(|id| entries.find_near(id, near).map(|(at, _)| at));
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }
}

#[test]
fn an_id_of_somebody_elses_is_nobodys() {
    let mut entries = Entries::new();
    entries.insert(&mut Outbound::new("ours"), None);
    for id in [[0; 16], [255; 16]] {
        assert!(entries.remove(MessageId::from_bytes(id)).is_none());
    }
    assert_eq!(entries.len(), 1);
}

#[test]
fn the_oldest_comes_first_wherever_its_place_is() {
    let mut entries = Entries::new();
    let a = entries.insert(&mut Outbound::new("a"), None);
    let b = entries.insert(&mut Outbound::new("b"), None);
    entries.remove(a);
    let c = entries.insert(&mut Outbound::new("c"), None);
    assert!(entries.names.place(c) < entries.names.place(b));
    let order: Vec<_> = entries
        .take()
        .into_iter()
        .map(|it| it.message.into_payload())
        .collect();
    assert_eq!(order, ["b", "c"]);
    assert_eq!((entries.len(), entries.bytes()), (0, 0));
}

#[test]
fn an_id_that_a_message_has_is_kept_unless_it_is_taken() {
    let mut entries = Entries::new();
    let own = MessageId::from_bytes([7; 16]);
    let stored = |payload: &'static str| Outbound::new(payload).with_id(own);
    let (mut first, mut twin) = (stored("first"), stored("twin"));
    assert_eq!(entries.insert(&mut first, None), own);
    let other = entries.insert(&mut twin, None);
    assert_ne!(other, own);
    assert_eq!(twin.id(), Some(other));
    assert_eq!(entries.get_mut(own).unwrap().message.payload(), "first");
    assert_eq!(entries.remove(other).unwrap().message.payload(), "twin");
    assert!(entries.remove(own).is_some());
    assert!(entries.find(own).is_none());

    // Once more, after its end.
    assert_eq!(entries.insert(&mut stored("again"), None), own);
    assert_eq!(entries.take().len(), 1);
    assert!(entries.find(own).is_none() && entries.kept.is_empty());
}

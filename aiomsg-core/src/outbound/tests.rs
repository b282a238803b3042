use super::*;

const ID: MessageId = MessageId::from_bytes([7; MessageId::LEN]);

/// A way to make a message, a step at a time.
type Step = fn(Outbound) -> Outbound;

#[test]
fn the_order_in_which_a_message_is_made_does_not_matter() {
    let steps: [Step; 4] = [
        |it| it.with_id(ID),
        Outbound::until_acked,
        |it| it.to(Identity::new("peer").unwrap()),
        |it| it.header("name", "value"),
    ];
    // Each set of steps, forwards and backwards, and with an id that is taken off again.
    for set in 0..1 << steps.len() {
        let chosen = || (0..steps.len()).filter(move |at| set & (1 << at) != 0);
        let start = || Outbound::new("job");
        let made = chosen().fold(start(), |it, at| steps[at](it));
        let back = chosen().rev().fold(start(), |it, at| steps[at](it));
        assert_eq!(made, back, "{set:b}");
        assert_eq!(made.id(), (set & 1 != 0).then_some(ID), "{set:b}");
        assert_eq!(made.is_until_acked(), set & 2 != 0, "{set:b}");
        assert_eq!(made.peer().is_some(), set & 4 != 0, "{set:b}");
        assert_eq!(!made.headers().is_empty(), set & 8 != 0, "{set:b}");
        assert_eq!(made.is_plain(), set & (1 | 8) == 0, "{set:b}");
        assert_eq!(made.clone().into_parts().2, made.id(), "{set:b}");

        let mut bare = made.clone();
        bare.set_id(None);
        assert_eq!(bare.is_until_acked(), made.is_until_acked(), "{set:b}");
        assert_eq!((bare.id(), bare.target()), (None, made.target()), "{set:b}");
        bare.set_id(Some(ID));
        let mut again = made;
        again.set_id(Some(ID));
        assert_eq!(bare, again, "{set:b}");
    }
}

/// A stored message is one: a box for each of them, and for each copy, was a tenth of the
/// time of a proxy with a spool.
#[test]
fn a_message_that_waits_for_its_acknowledgement_needs_no_box() {
    let message = Outbound::new("job").with_id(ID).until_acked();
    assert!(matches!(message.rest, Rest::Acked(_)));
    let message = Outbound::new("job").until_acked().with_id(ID);
    assert!(matches!(message.rest, Rest::Acked(_)));
    assert_eq!(size_of::<Rest>(), size_of::<Target>());
}

use aiomsg_core::{DropReason, Outbound};

#[test]
fn what_is_given_up_is_kept_in_order_until_it_is_taken() {
    let (discard, lost) = aiomsg_test::discard::pair();
    discard.message(Outbound::new("1"), DropReason::PeerGone);
    discard
        .clone()
        .message(Outbound::new("2"), DropReason::Unwanted);
    let taken = lost.take();
    assert_eq!(taken[0].message, Outbound::new("1"));
    assert_eq!(taken[1].reason, DropReason::Unwanted);
    assert!(lost.take_payloads().is_empty());
}

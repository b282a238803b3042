use std::task::Waker;

use aiomsg_core::Identity;

use super::*;

/// A panic ended the connection or, as that was dropped, the process.
#[test]
fn a_function_of_refusals_that_panics_costs_no_other_message() {
    let service = tower::service_fn(|message: Delivery| {
        let refused = message.payload() == "bad";
        std::future::ready(match refused {
            true => Err(BoxError::from("not this one")),
            false => Ok(()),
        })
    });
    let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let mut intake = ServiceIntake::new(Shared::new(service), move |_, _| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        panic!("as the test wants");
    });
    let message = |payload: &'static str| {
        Delivery::new(Identity::random(), payload).with_id(MessageId::from_bytes([7; 16]))
    };
    let mut acks = VecDeque::new();
    let mut cx = Context::from_waker(Waker::noop());
    intake
        .take(&mut [message("bad"), message("good")].into())
        .unwrap();
    intake.poll_work(&mut cx, &mut acks).unwrap();
    assert_eq!(acks.len(), 1, "the good one");
    intake
        .take(&mut [message("left"), message("left")].into())
        .unwrap();
    drop(intake);
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), 3);
}

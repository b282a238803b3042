use std::task::Waker;

use aiomsg_core::Identity;

use super::*;

#[test]
fn the_last_of_connections_goes_beyond_the_limits_and_has_one_of_its_own() {
    let limits = Limits {
        items: 1,
        bytes: 100,
    };
    let queue = Queue::new(limits);
    let mut inbox = Inbox::new(queue.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let message = |len: usize| Delivery::new(Identity::random(), vec![0; len]);
    inbox.take(&mut [message(100)].into()).unwrap();
    assert!(Intake::poll_ready(&mut inbox, &mut cx).is_pending());
    let Poll::Ready(Ok(room)) = inbox.poll_last(&mut cx) else {
        panic!("there is room for the last");
    };
    assert_eq!(room.bytes, Inbox::LAST.bytes);

    inbox.take(&mut [message(32 << 20)].into()).unwrap();
    assert!(inbox.poll_last(&mut cx).is_pending());
    queue.close();
    assert!(matches!(inbox.poll_last(&mut cx), Poll::Ready(Err(_))));
}

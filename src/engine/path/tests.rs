use std::task::Waker;

use tower::util::BoxCloneService;

use super::*;

/// Layers around a path may clone it, as tower's `Retry` does.
#[tokio::test]
async fn one_handle_at_a_time_is_ready() {
    let add = tower::service_fn(|n: u32| async move { Ok::<_, Error>(n + 1) });
    let mut one = Path::<BoxCloneService<u32, u32, Error>, u32, u32>::layered(add);
    let mut two = one.clone();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(one.poll_ready(&mut cx).is_ready());
    assert!(one.clone().poll_ready(&mut cx).is_pending());
    assert!(two.poll_ready(&mut cx).is_pending());
    assert_eq!(one.call(1).await.unwrap(), 2);
    assert!(two.poll_ready(&mut cx).is_ready());
    assert!(one.poll_ready(&mut cx).is_pending());
    drop(two);
    assert!(one.poll_ready(&mut cx).is_ready());
}

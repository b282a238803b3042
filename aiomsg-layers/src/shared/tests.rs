#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::time::Duration;

use aiomsg_core::BoxError;
use tower::limit::RateLimit;
use tower::limit::rate::Rate;
use tower::{ServiceExt, service_fn};

use super::Shared;

/// A rate limit remembers the last task that polled it only. With several
/// tasks, those before it slept for good.
#[tokio::test(start_paused = true)]
async fn nobody_who_waits_is_forgotten() {
    let counts = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let shared = Shared::new(RateLimit::new(counts, Rate::new(1, Duration::from_secs(1))));
    let tasks: Vec<_> = (0..20)
        .map(|n| tokio::spawn(shared.clone().oneshot(n)))
        .collect();
    for (n, task) in (0..).zip(tasks) {
        assert_eq!(task.await.unwrap().unwrap(), n);
    }
}

/// A permit that was reserved for a task that no longer waits must not be lost.
#[tokio::test]
async fn who_gives_up_takes_no_readiness_along() {
    let never = service_fn(|()| std::future::pending::<Result<(), BoxError>>());
    let shared = Shared::new(tower::limit::ConcurrencyLimit::new(never, 1));
    for _ in 0..3 {
        let called = tokio::time::timeout(Duration::from_millis(10), shared.clone().oneshot(()));
        assert!(called.await.is_err(), "the service itself never answers");
    }
    let mut request = Some(());
    let called = std::future::poll_fn(|cx| shared.poll_call(cx, &mut request)).await;
    assert!(called.is_ok(), "the permits came back with the futures");
}

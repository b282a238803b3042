use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use aiomsg_core::{Endpoint, Error, ErrorKind};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

fn endpoint() -> Endpoint {
    Endpoint::tcp("localhost", 1)
}

/// Fails as often as `failures` says, then works.
fn flaky(
    failures: &Arc<AtomicU32>,
) -> impl Service<Endpoint, Response = (), Error = Error, Future: Send> + Clone + Send + use<> {
    let failures = Arc::clone(failures);
    tower::service_fn(move |_| {
        let left = failures.load(Ordering::Relaxed);
        failures.store(left.saturating_sub(1), Ordering::Relaxed);
        std::future::ready(match left {
            0 => Ok(()),
            _ => Err(ErrorKind::Disconnected.into()),
        })
    })
}

/// Pitfall 16: a fixed backoff never reset after a good connection.
#[tokio::test(start_paused = true)]
async fn delays_grow_and_start_anew_after_a_good_connection() {
    let failures = Arc::new(AtomicU32::new(3));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let mut service = ReconnectLayer::new()
        .delay(|failures| SECOND * 2u32.pow(failures))
        .on_failure(move |failure| seen.lock().unwrap().push(failure.retry_in.as_secs()))
        .layer(flaky(&failures));

    let start = Instant::now();
    service
        .ready()
        .await
        .unwrap()
        .call(endpoint())
        .await
        .unwrap();
    assert_eq!(start.elapsed(), SECOND * 7);
    assert_eq!(*reports.lock().unwrap(), [1, 2, 4]);

    // The connection ends at once: the delays go on growing.
    let start = Instant::now();
    service
        .ready()
        .await
        .unwrap()
        .call(endpoint())
        .await
        .unwrap();
    assert_eq!(start.elapsed(), SECOND * 8);

    // It lasts: they start anew.
    sleep(SECOND * 2).await;
    let start = Instant::now();
    service
        .ready()
        .await
        .unwrap()
        .call(endpoint())
        .await
        .unwrap();
    assert_eq!(start.elapsed(), SECOND);
}

/// Pitfall 16: reconnecting without jitter stampedes.
#[test]
fn delays_are_spread() {
    let delay = exponential(SECOND, SECOND * 8);
    for failures in 0..10 {
        let most = SECOND * 2u32.pow(failures).min(8);
        let delays: Vec<_> = (0..100).map(|_| delay(failures)).collect();
        assert!(delays.iter().all(|d| (most / 2..=most).contains(d)));
        let distinct: std::collections::HashSet<_> = delays.iter().collect();
        assert!(distinct.len() > 50);
    }
}

/// A panic in a user's function ended the reconnecting for good.
#[tokio::test(start_paused = true)]
async fn a_delay_function_that_panics_is_told_of_and_the_next_try_follows() {
    let failures = Arc::new(AtomicU32::new(2));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let mut service = ReconnectLayer::new()
        .delay(|_| panic!("no delay today"))
        .on_failure(move |failure| {
            let error = failure.error;
            let said = error.source().map(ToString::to_string);
            seen.lock().unwrap().push((error.to_string(), said));
        })
        .layer(flaky(&failures));
    let panicked = || {
        let text = "a layer failed: the delay function panicked".to_owned();
        (text, Some("no delay today".to_owned()))
    };
    let failed = || ("the connection ended".to_owned(), None);

    service.call(endpoint()).await.unwrap();
    let told = std::mem::take(&mut *reports.lock().unwrap());
    assert_eq!(told, [panicked(), failed(), panicked(), failed()]);

    // Also where it is asked before the first try.
    let start = Instant::now();
    service.call(endpoint()).await.unwrap();
    assert!((SECOND / 20..=SECOND * 10).contains(&start.elapsed()));
    assert_eq!(*reports.lock().unwrap(), [panicked()]);
}

#[tokio::test(start_paused = true)]
async fn a_service_and_a_report_that_panic_do_not_end_the_connecting() {
    let tries = Arc::new(AtomicU32::new(0));
    let tried = Arc::clone(&tries);
    let inner = tower::service_fn(move |_| {
        let tries = tried.fetch_add(1, Ordering::Relaxed);
        assert_ne!(tries, 0, "in the call");
        async move {
            assert_ne!(tries, 1, "in the future");
            Ok::<_, Error>(tries)
        }
    });
    let mut service = ReconnectLayer::new()
        .delay(|_| SECOND)
        .on_failure(|failure| panic!("{}", failure.error))
        .layer(inner);
    assert_eq!(service.call(endpoint()).await.unwrap(), 2);
    assert_eq!(tries.load(Ordering::Relaxed), 3);
}

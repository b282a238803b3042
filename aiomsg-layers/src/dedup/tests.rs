#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use aiomsg_core::{BoxError, Delivery, Identity, MessageId};
use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Dedup, DedupLayer, DedupLimits, FirstFailed};

fn message(peer: u8, id: u8) -> Delivery {
    let from = Identity::new([peer; 16]).unwrap();
    Delivery::new(from, "job").with_id(MessageId::from_bytes([id; 16]))
}

/// Counts what it handles.
fn counting(
    layer: &DedupLayer,
) -> (
    Dedup<impl Service<Delivery, Response = usize, Error = BoxError> + Clone + use<>>,
    Arc<AtomicUsize>,
) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let service = service_fn(move |_: Delivery| {
        let handled = counter.fetch_add(1, Relaxed);
        async move { Ok::<_, BoxError>(handled) }
    });
    (layer.layer(service), count)
}

#[tokio::test]
async fn what_comes_again_is_answered_and_not_handled() {
    let (service, count) = counting(&DedupLayer::new());
    for (message, handled) in [
        (message(1, 1), Some(0)),
        (message(1, 1), None),
        // The same id of another peer names another message.
        (message(2, 1), Some(1)),
        (message(1, 2), Some(2)),
        (message(1, 1), None),
    ] {
        assert_eq!(service.clone().oneshot(message).await.unwrap(), handled);
    }
    assert_eq!(count.load(Relaxed), 3);
}

#[tokio::test]
async fn messages_without_an_id_pass() {
    let (service, count) = counting(&DedupLayer::new());
    let plain = Delivery::new(Identity::new([1; 16]).unwrap(), "news");
    for _ in 0..3 {
        assert!(
            service
                .clone()
                .oneshot(plain.clone())
                .await
                .unwrap()
                .is_some()
        );
    }
    assert_eq!(count.load(Relaxed), 3);
}

#[tokio::test]
async fn what_failed_is_handled_again() {
    let fails = Arc::new(AtomicUsize::new(1));
    let service = DedupLayer::new().layer(service_fn(move |_: Delivery| {
        let fail = fails.swap(0, Relaxed) > 0;
        async move {
            match fail {
                true => Err(BoxError::from("not now")),
                false => Ok(()),
            }
        }
    }));
    assert!(service.clone().oneshot(message(1, 1)).await.is_err());
    let again = service.clone().oneshot(message(1, 1)).await.unwrap();
    assert_eq!(again, Some(()));
    assert_eq!(service.oneshot(message(1, 1)).await.unwrap(), None);
}

/// A message that came again while it was being handled was acknowledged before it was
/// handled.
#[tokio::test]
async fn what_is_in_hand_is_waited_for() {
    for outcome in [true, false] {
        let (done, handling) = oneshot::channel::<bool>();
        let handling = handling.shared();
        let service = DedupLayer::new().layer(service_fn(move |_: Delivery| {
            let handling = handling.clone();
            async move {
                match handling.await {
                    Ok(true) => Ok(()),
                    _ => Err(BoxError::from("it failed")),
                }
            }
        }));
        let mut first = Box::pin(service.clone().oneshot(message(1, 1)));
        assert!((&mut first).now_or_never().is_none());
        let mut again = Box::pin(service.clone().oneshot(message(1, 1)));
        assert!((&mut again).now_or_never().is_none());
        done.send(outcome).unwrap();
        assert_eq!(first.await.is_ok(), outcome);
        match again.await {
            Ok(response) => assert!(outcome && response.is_none()),
            Err(error) => assert!(!outcome && error.is::<FirstFailed>()),
        }
    }
}

#[tokio::test]
async fn what_was_dropped_in_hand_is_handled_when_it_comes_again() {
    let (service, _) = counting(&DedupLayer::new());
    let mut stuck = DedupLayer::new().layer(service_fn(|_: Delivery| {
        std::future::pending::<Result<(), BoxError>>()
    }));
    let handling = stuck.ready().await.unwrap().call(message(1, 1));
    drop(handling);
    let mut again = stuck.ready().await.unwrap().call(message(1, 1)).boxed();
    assert!((&mut again).now_or_never().is_none(), "it is in hand anew");
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn the_window_is_bounded_in_number_and_time() {
    let (service, count) = counting(&DedupLayer::with_limits(DedupLimits::new().per_peer(2)));
    for id in [1, 2, 3] {
        service.clone().oneshot(message(1, id)).await.unwrap();
    }
    assert!(
        service
            .clone()
            .oneshot(message(1, 3))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        service
            .clone()
            .oneshot(message(1, 1))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(count.load(Relaxed), 4);

    let (service, _) = counting(&DedupLayer::with_limits(
        DedupLimits::new().keep(Duration::from_secs(10)),
    ));
    service.clone().oneshot(message(1, 1)).await.unwrap();
    advance(Duration::from_secs(9)).await;
    assert!(
        service
            .clone()
            .oneshot(message(1, 1))
            .await
            .unwrap()
            .is_none()
    );
    advance(Duration::from_secs(2)).await;
    assert!(
        service
            .clone()
            .oneshot(message(1, 1))
            .await
            .unwrap()
            .is_some()
    );
}

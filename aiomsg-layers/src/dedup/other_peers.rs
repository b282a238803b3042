#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

//! Messages of other peers take nothing from a peer's window.

use std::time::Duration;

use aiomsg_core::{BoxError, Delivery, Identity, MessageId};
use futures::FutureExt;
use tokio::time::advance;
use tower::{Layer, Service, service_fn};

use super::{Dedup, DedupLayer, DedupLimits};

fn message(peer: u32, id: u32) -> Delivery {
    let from = Identity::new(peer.to_be_bytes()).unwrap();
    let id = MessageId::from_bytes(u128::from(id).to_be_bytes());
    Delivery::new(from, "job").with_id(id)
}

fn service(
    layer: &DedupLayer,
) -> Dedup<impl Service<Delivery, Response = (), Error = BoxError> + use<>> {
    layer.layer(service_fn(|_: Delivery| async { Ok::<_, BoxError>(()) }))
}

/// Whether this message is handled, and not known already.
fn is_handled<S>(service: &mut Dedup<S>, peer: u32, id: u32) -> bool
where
    S: Service<Delivery, Response = (), Error = BoxError>,
{
    let outcome = service.call(message(peer, id)).now_or_never();
    outcome.expect("it does not wait").unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_busy_peer_does_not_push_out_what_another_has_sent() {
    let mut service = service(&DedupLayer::new());
    assert!(is_handled(&mut service, 1, 1));
    for id in 0..70_000 {
        assert!(is_handled(&mut service, 2, id));
    }
    assert!(!is_handled(&mut service, 1, 1), "it was handled twice");
    assert!(
        is_handled(&mut service, 2, 0),
        "the window of the busy one is bounded"
    );
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_push_out_the_window_of_a_peer_that_sends_more() {
    let mut service = service(&DedupLayer::new());
    for id in [1, 2] {
        assert!(is_handled(&mut service, 0, id));
    }
    for stranger in 1..=70_000 {
        assert!(is_handled(&mut service, stranger, 1));
    }
    assert!(!is_handled(&mut service, 0, 1), "it was handled twice");
    assert!(
        is_handled(&mut service, 1, 1),
        "the peers that are remembered are bounded"
    );
}

/// Among the peers with the fewest messages, the one that is silent for longest goes.
#[tokio::test(start_paused = true)]
async fn of_strangers_the_one_that_has_been_silent_for_longest_is_forgotten() {
    let mut service = service(&DedupLayer::with_limits(DedupLimits::new().peers(3)));
    for (peer, id) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
        assert!(is_handled(&mut service, peer, id));
    }
    for (peer, is_known) in [(2, true), (3, true), (4, true), (1, false)] {
        assert_eq!(!is_handled(&mut service, peer, 1), is_known, "{peer}");
    }
}

/// A peer that has sent much, and is silent, goes before one that has sent little.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_not_heard_is_forgotten_first() {
    let layer = DedupLayer::with_limits(DedupLimits::new().peers(2).keep(Duration::from_secs(10)));
    let mut service = service(&layer);
    for id in 0..10 {
        assert!(is_handled(&mut service, 1, id));
    }
    advance(Duration::from_secs(9)).await;
    assert!(is_handled(&mut service, 2, 1));
    advance(Duration::from_secs(2)).await;
    assert!(is_handled(&mut service, 3, 1));
    for peer in [2, 3] {
        assert!(!is_handled(&mut service, peer, 1), "{peer}");
    }
    assert!(is_handled(&mut service, 1, 9));
}

/// The peers that have sent the most pay for the bound on all.
#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_much_does_not_use_up_the_bound_on_all() {
    let mut service = service(&DedupLayer::with_limits(DedupLimits::new().total(100)));
    for id in 0..20 {
        assert!(is_handled(&mut service, 1, id));
    }
    for id in 0..1_000 {
        assert!(is_handled(&mut service, 2, id));
    }
    for id in 0..20 {
        assert!(!is_handled(&mut service, 1, id), "{id}");
    }
    for (id, is_known) in [(920, true), (999, true), (919, false)] {
        assert_eq!(!is_handled(&mut service, 2, id), is_known, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bound_of_nothing_remembers_nothing() {
    for limits in [
        DedupLimits::new().per_peer(0),
        DedupLimits::new().total(0),
        DedupLimits::new().peers(0),
    ] {
        let mut service = service(&DedupLayer::with_limits(limits));
        for _ in 0..2 {
            assert!(is_handled(&mut service, 1, 1));
        }
    }
}

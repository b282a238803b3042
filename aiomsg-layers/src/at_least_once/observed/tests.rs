use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{advance, sleep};
use tower::Layer;

use crate::AtLeastOnceLayer;
use crate::at_least_once::Unacked;
use crate::at_least_once::tests::{Lost, SECOND, Wire, send};

type Heard = Arc<Mutex<Vec<(Duration, usize)>>>;

fn listen(unacked: &Unacked) -> Heard {
    let heard = Heard::default();
    let listener = Arc::clone(&heard);
    let first = unacked.on_acknowledged(move |time, messages| {
        listener.lock().unwrap().push((time, messages));
    });
    assert!(first);
    heard
}

/// Messages that left together are one call, and an unknown id is none.
#[tokio::test(start_paused = true)]
async fn the_time_is_from_the_first_leaving_to_the_acknowledgement() {
    let (wire, lost) = (Wire::default(), Lost::default());
    let layer = AtLeastOnceLayer::new(lost.discard());
    let mut service = layer.layer(wire.service());
    let heard = listen(&layer.unacked());
    let connection = layer.unacked().connection();
    for payload in ["one", "two", "three"] {
        send(&mut service, payload).await;
    }
    let ids = wire.ids();
    advance(SECOND).await;
    connection.exchanged(&ids[..2], &[]);
    advance(SECOND).await;
    connection.exchanged(&ids[2..], &[]);
    advance(SECOND).await;
    connection.exchanged(&[], &ids);
    connection.exchanged(&[], &ids);
    assert_eq!(*heard.lock().unwrap(), [(2 * SECOND, 2), (SECOND, 1)]);
}

/// The time of a message that was sent again is what its sender has waited, and not the time
/// of its last try. Each resend counts.
#[tokio::test(start_paused = true)]
async fn a_resend_counts_and_does_not_shorten_the_time() {
    let (wire, lost) = (Wire::default(), Lost::default());
    let layer = AtLeastOnceLayer::new(lost.discard());
    let mut service = layer.layer(wire.service());
    let unacked = layer.unacked();
    let heard = listen(&unacked);
    let connection = unacked.connection();
    send(&mut service, "hello").await;
    connection.exchanged(&wire.ids(), &[]);
    assert_eq!(unacked.resent(), 0);

    tokio::spawn(layer.resender(wire.service()).run());
    drop(connection);
    sleep(SECOND).await;
    assert_eq!((wire.ids().len(), unacked.resent()), (2, 1));
    let next = unacked.connection();
    next.exchanged(&wire.ids()[1..], &[]);
    sleep(SECOND).await;
    next.exchanged(&[], &wire.ids()[1..]);
    assert_eq!(*heard.lock().unwrap(), [(2 * SECOND, 1)]);
}

#[tokio::test(start_paused = true)]
async fn there_is_one_listener_and_its_panic_costs_nobody_else() {
    let (wire, lost) = (Wire::default(), Lost::default());
    let layer = AtLeastOnceLayer::new(lost.discard());
    let mut service = layer.layer(wire.service());
    let unacked = layer.unacked();
    assert!(unacked.on_acknowledged(|_, _| panic!("not today")));
    assert!(!unacked.on_acknowledged(|_, _| {}));
    let connection = unacked.connection();
    send(&mut service, "hello").await;
    connection.exchanged(&wire.ids(), &wire.ids());
    assert!(unacked.is_empty());
}

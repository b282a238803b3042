//! A subscriber of logs that sends by the same socket stops it for good.

use super::*;
use aiomsg::builder::Overflow;
use aiomsg::{DeliveryGuarantee, Limits};
use futures::FutureExt;
use std::cell::{Cell, RefCell};
use std::sync::mpsc;

thread_local! {
    static SHIPS_TO: RefCell<Option<Socket>> = const { RefCell::new(None) };
    static SHIPPING: Cell<bool> = const { Cell::new(false) };
}

/// Sends each line of the log by the socket, if there is room, and not what is logged
/// meanwhile.
struct Shipper(tracing::Level);

impl tracing::Subscriber for Shipper {
    fn enabled(&self, it: &tracing::Metadata<'_>) -> bool {
        it.target().starts_with("aiomsg") && *it.level() <= self.0
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if SHIPPING.replace(true) {
            return;
        }
        let socket = SHIPS_TO.with_borrow(Clone::clone);
        if let Some(socket) = socket {
            let line = event.metadata().name();
            let _ = socket.send(line).now_or_never();
        }
        SHIPPING.set(false);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Whether what is done with a socket whose log is sent by it ends.
fn ends<F: Future<Output = ()>>(level: tracing::Level, run: impl FnOnce() -> F + Send + 'static) {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _subscribed = tracing::subscriber::set_default(Shipper(level));
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(run());
        SHIPS_TO.set(None);
        tell.send(()).unwrap();
    });
    told.recv_timeout(PATIENCE).expect("the socket goes on");
}

/// The line at WARN of the first message that is dropped.
#[test]
fn what_is_logged_of_a_dropped_message_is_sent() {
    for overflow in [Overflow::DropOldest, Overflow::KeepNewest] {
        ends(tracing::Level::WARN, move || async move {
            let builder = Socket::builder().overflow(overflow);
            let limits = Limits {
                items: 3,
                bytes: 1000,
            };
            let socket = builder.buffer_limits(limits).build().unwrap();
            SHIPS_TO.set(Some(socket.clone()));
            for n in 0..10 {
                socket.send(n.to_string()).await.unwrap();
            }
        });
    }
}

/// The line at DEBUG of a queue that is full.
#[test]
fn what_is_logged_of_a_full_queue_is_sent() {
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        ends(tracing::Level::DEBUG, move || async move {
            let limits = Limits {
                items: 3,
                bytes: 1 << 20,
            };
            let builder = Socket::builder().delivery_guarantee(guarantee);
            let socket = builder.peer_limits(limits).build().unwrap();
            let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
            let mut mute = Raw::connect(&endpoint).await;
            mute.write(hello_v1(&[3; 16])).await;
            socket.wait_for_peers(1).await.unwrap();
            SHIPS_TO.set(Some(socket.clone()));
            for n in 0..20 {
                let _ = socket.send(vec![n; 1 << 20]).now_or_never();
                tokio::task::yield_now().await;
            }
        });
    }
}

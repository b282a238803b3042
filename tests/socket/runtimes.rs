//! A socket whose runtime has ended, and callers that have none.

use super::*;
use aiomsg::{DeliveryGuarantee, Outbound};
use futures::StreamExt;
use futures::executor::block_on;
use tokio::runtime::Runtime;
use tower::ServiceExt;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// It was a black hole: `send` was done, and `recv` waited for good.
#[test]
fn a_socket_whose_runtime_has_ended_is_closed() {
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        let first = runtime();
        let (socket, bound) = first.block_on(async {
            let builder = Socket::builder().delivery_guarantee(guarantee);
            let socket = builder.build().unwrap();
            let bound = socket.bind("127.0.0.1:0").await.unwrap();
            socket.send("for nobody yet").await.unwrap();
            assert!(!socket.is_closed());
            (socket, bound)
        });
        let mut events = socket.events();
        let waiting = {
            let socket = socket.clone();
            std::thread::spawn(move || block_on(socket.recv()).unwrap_err().is_closed())
        };
        drop(first);
        assert!(waiting.join().unwrap(), "who waits is woken");

        let is_closed = |error: Option<aiomsg::Error>| error.expect("an error").is_closed();
        runtime().block_on(within("everything", async {
            assert!(is_closed(socket.send("x").await.err()));
            assert!(is_closed(
                socket.send_to(socket.identity().clone(), "x").await.err()
            ));
            let mut many = [Outbound::new("x")].into();
            assert!(is_closed(socket.send_many(&mut many).await.err()));
            assert!(is_closed(socket.send_text("x").await.err()));
            assert!(is_closed(socket.send_acked("x").await.err()));
            assert!(is_closed(socket.recv().await.err()));
            assert!(is_closed(socket.recv_text().await.err()));
            assert!(is_closed(socket.recv_message().await.err()));
            assert!(is_closed(socket.recv_many(&mut Vec::new(), 1).await.err()));
            assert!(is_closed(socket.connect("127.0.0.1:1").err()));
            assert!(is_closed(socket.bind("127.0.0.1:0").await.err()));
            assert!(is_closed(socket.unbind(bound.clone()).await.err()));
            assert!(is_closed(socket.disconnect("127.0.0.1:1").err()));
            assert!(is_closed(socket.wait_for_peers(1).await.err()));
            assert!(is_closed(
                futures::SinkExt::send(&mut socket.clone(), "x").await.err()
            ));
            let handler = tower::service_fn(async |_: aiomsg::Delivery| Ok::<_, aiomsg::Error>(()));
            assert!(
                socket.serve(handler).await.is_ok(),
                "it ends, as at a close"
            );
            assert!(socket.is_closed());
            assert_eq!((socket.stats().peers, socket.peer_stats().len()), (0, 0));
            assert_eq!(socket.drain(PATIENCE).await.messages(), 1);
            assert!(socket.messages().next().await.is_none());
            let service = socket.clone();
            let called = service.oneshot(Outbound::new("x")).await;
            assert!(called.is_err());
            while events.next().await.is_some() {}
            let report = socket.close(PATIENCE).await;
            let left: Vec<_> = report.unsent.iter().chain(&report.unacknowledged).collect();
            assert_eq!(left.len(), 1);
            assert_eq!(left[0].payload(), "for nobody yet");
        }));
    }
}

#[test]
fn bind_connect_and_close_need_no_runtime_of_the_caller() {
    let error = Socket::new().unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    let runtime = runtime();
    let (server, client) =
        runtime.block_on(async { (Socket::new().unwrap(), Socket::new().unwrap()) });
    let endpoint = block_on(server.bind("127.0.0.1:0")).unwrap();
    client.connect(endpoint).unwrap();
    block_on(client.send("hello")).unwrap();
    assert_eq!(block_on(server.recv()).unwrap(), "hello");
    assert!(block_on(client.close(PATIENCE)).is_clean());
    assert!(block_on(server.close(PATIENCE)).is_clean());
}

/// The clock of a runtime that nobody drives stands still, so a close outside of all
/// runtimes never ended.
#[test]
fn bind_and_close_end_where_nobody_drives_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let socket = runtime.block_on(async { Socket::new().unwrap() });
    let endpoint = block_on(socket.bind("127.0.0.1:0")).unwrap();
    assert_ne!(endpoint.port(), Some(0));
    block_on(socket.send("x")).unwrap();
    let report = block_on(socket.close(Duration::from_millis(10)));
    assert_eq!(report.unsent.len(), 1);
}

/// A close that waits in another thread ends with the runtime of its socket, and has the
/// messages.
#[test]
fn a_close_outlives_the_runtime_of_its_socket() {
    for with_runtime in [false, true] {
        let first = runtime();
        // Its handshake goes on for ever, so the close waits.
        let (socket, _silent) = first.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let socket = Socket::new().unwrap();
            socket.connect(listener.local_addr().unwrap()).unwrap();
            socket.send("x").await.unwrap();
            let silent = within("the socket", listener.accept()).await.unwrap();
            (socket, silent)
        });
        let closing = {
            let socket = socket.clone();
            std::thread::spawn(move || match with_runtime {
                true => runtime().block_on(socket.close(PATIENCE)),
                false => block_on(socket.close(PATIENCE)),
            })
        };
        while !socket.is_closed() {
            std::thread::yield_now();
        }
        drop(first);
        assert_eq!(closing.join().unwrap().unsent.len(), 1);
    }
}

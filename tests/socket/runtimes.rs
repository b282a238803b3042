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
        let socket = first.block_on(async {
            let builder = Socket::builder().delivery_guarantee(guarantee);
            let socket = builder.build().unwrap();
            socket.bind("127.0.0.1:0").await.unwrap();
            socket.send("for nobody yet").await.unwrap();
            socket
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
            assert!(is_closed(socket.recv().await.err()));
            assert!(is_closed(socket.connect("127.0.0.1:1").err()));
            assert!(is_closed(socket.bind("127.0.0.1:0").await.err()));
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

//! A waker that panics costs others.

use super::*;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

struct Bad;

impl Wake for Bad {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

fn bad() -> Waker {
    Waker::from(Arc::new(Bad))
}

/// Two wait for messages, and two come. The waker of the first panics, the connection
/// ends with "a layer panicked", and the second is never woken, though a message is
/// there for it.
#[tokio::test]
async fn a_waker_that_panics_keeps_no_message_from_another_receiver() {
    let (server, endpoint) = bound().await;
    let mut events = server.events();
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    let mut first = Box::pin(server.recv());
    let polled = first.as_mut().poll(&mut Context::from_waker(&bad()));
    assert!(polled.is_pending());
    let other = server.clone();
    let second = tokio::spawn(async move { other.recv().await });
    tokio::task::yield_now().await;
    client.send("1").await.unwrap();
    client.send("2").await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(5), second).await;
    let mut down = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(10), events.next()).await
    {
        if let Event::PeerDown { reason, .. } = event {
            down.push(reason.to_string());
        }
    }
    assert!(second.is_ok(), "the second is woken; {down:?}");
    assert!(down.is_empty(), "the connection lives: {down:?}");
}

/// `close` itself panics then, and ends in the middle.
#[tokio::test]
async fn a_waker_that_panics_keeps_no_socket_from_closing() {
    let socket = Socket::new().unwrap();
    let mut first = Box::pin(socket.recv());
    let polled = first.as_mut().poll(&mut Context::from_waker(&bad()));
    assert!(polled.is_pending());
    let other = socket.clone();
    let second = tokio::spawn(async move { other.recv().await });
    tokio::task::yield_now().await;
    let other = socket.clone();
    let closing = tokio::spawn(async move { other.close(PATIENCE).await });
    let closed = within("the close", closing).await;
    let second = tokio::time::timeout(Duration::from_secs(5), second).await;
    assert!(second.is_ok(), "the second is woken; {closed:?}");
    assert!(closed.is_ok(), "{closed:?}");
}

//! The socket as a stream and a sink.

use super::*;
use futures::{SinkExt, StreamExt, stream};

/// A proxy is a `forward`.
#[tokio::test]
async fn a_proxy_is_a_forward() {
    let (frontend, front) = bound().await;
    let (backend, back) = bound().await;
    let proxy = tokio::spawn({
        let (frontend, backend) = (frontend.clone(), backend.clone());
        frontend.forward(backend)
    });
    let (creator, worker) = (Socket::new().unwrap(), Socket::new().unwrap());
    creator.connect(front).unwrap();
    worker.connect(back).unwrap();
    for n in 0..1000 {
        creator.send(n.to_string()).await.unwrap();
    }
    for n in 0..1000 {
        assert_eq!(
            within("a job", worker.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    frontend.close(PATIENCE).await;
    within("the proxy to end", proxy).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sink_sends_all() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    let mut sink = client.clone();
    let mut numbers = stream::iter(0..100).map(|n| Ok(n.to_string()));
    sink.send_all(&mut numbers).await.unwrap();
    let got: Vec<_> = within("all", server.messages().take(100).collect()).await;
    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn messages_come_with_their_senders() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send_text("hello").await.unwrap();
    let mut messages = server.identity_messages();
    let (from, message) = within("a message", messages.next()).await.unwrap();
    assert_eq!((&from, &message[..]), (client.identity(), &b"hello"[..]));
    server.close(PATIENCE).await;
    assert!(messages.next().await.is_none(), "it ends with the socket");
}

#[tokio::test]
async fn text_that_is_none_is_an_error_that_names_the_peer() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send(vec![0xff]).await.unwrap();
    let error = within("a message", server.recv_text()).await.unwrap_err();
    assert!(error.is_payload());
    assert_eq!(error.peer(), Some(client.identity()));
}

#[cfg(feature = "json")]
#[tokio::test]
async fn values_travel_as_json() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send_json(&("job", 7)).await.unwrap();
    let job: (String, u32) = within("a value", server.recv_json()).await.unwrap();
    assert_eq!(job, ("job".to_owned(), 7));
    client.send("{").await.unwrap();
    let error = server.recv_json::<u32>().await.unwrap_err();
    assert!(error.is_payload());
    server
        .send_json_to(client.identity().clone(), &[1, 2])
        .await
        .unwrap();
    assert_eq!(client.recv_json::<Vec<u8>>().await.unwrap(), [1, 2]);
}

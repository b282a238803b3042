//! Binding, connecting, and their opposites.

use super::*;

#[tokio::test]
async fn unbind_ends_listening_and_keeps_connections() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    server.unbind(endpoint.clone()).await.unwrap();
    client.send("still there").await.unwrap();
    assert_eq!(
        within("a message", server.recv()).await.unwrap(),
        "still there"
    );
    let error = server.unbind(endpoint.clone()).await.unwrap_err();
    assert!(error.is_address());
    server.bind(endpoint).await.unwrap();
}

#[tokio::test]
async fn disconnect_sends_what_waits_and_ends_the_connection() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    within("the server", client.wait_for_peers(1))
        .await
        .unwrap();
    for n in 0..1000 {
        client.send(n.to_string()).await.unwrap();
    }
    client.disconnect(endpoint.clone()).unwrap();
    for n in 0..1000 {
        assert_eq!(
            within("a message", server.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    within("nobody", async {
        while server.stats().peers > 0 || client.stats().peers > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(
        client
            .disconnect(endpoint.clone())
            .unwrap_err()
            .is_address()
    );
    client.connect(endpoint).unwrap();
    within("again", client.wait_for_peers(1)).await.unwrap();
}

#[tokio::test]
async fn one_socket_connects_to_many() {
    let client = Socket::new().unwrap();
    let mut servers = Vec::new();
    for _ in 0..5 {
        let (server, endpoint) = bound().await;
        client.connect(endpoint).unwrap();
        servers.push(server);
    }
    within("all", client.wait_for_peers(5)).await.unwrap();
    for server in &servers {
        server.send(server.identity().to_string()).await.unwrap();
    }
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(within("a message", client.recv_text()).await.unwrap());
    }
    got.sort();
    let mut expected: Vec<_> = servers.iter().map(|it| it.identity().to_string()).collect();
    expected.sort();
    assert_eq!(got, expected);
}

#[test]
fn a_socket_without_a_runtime_is_a_clear_error() {
    let error = Socket::new().unwrap_err();
    assert!(error.is_config());
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

/// Pitfall 31: the last handle is dropped and tasks live on.
#[tokio::test]
async fn dropping_the_last_handle_ends_everything() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    let handle = server.clone();
    let mut messages = Box::pin(server.messages());
    drop(server);
    drop(handle);
    client.send("the stream is a handle, too").await.unwrap();
    within("a message", futures::StreamExt::next(&mut messages))
        .await
        .unwrap();
    drop(messages);
    let runtime = tokio::runtime::Handle::current();
    within("the client to notice", async {
        while client.stats().peers > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    drop(client);
    within("all tasks to end", async {
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Pitfall 31: ... or the process waited ten seconds for what the socket had
/// been waiting for.
#[tokio::test(start_paused = true)]
async fn nothing_that_a_socket_waits_for_keeps_it() {
    let socket = Socket::builder().at_least_once().build().unwrap();
    let _events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    // A handshake, a message that nobody acknowledges, one that nobody takes,
    // one for somebody who is not there, and a server that is not there.
    let mut mute = Raw::connect(&endpoint).await;
    mute.write(hello_v1(&[1; 16])).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    socket.send("unheard").await.unwrap();
    mute.expect(b"\0\0\0\x12\x01\x01").await;
    let absent = aiomsg::Identity::random();
    socket.send_to(absent, "for the absent").await.unwrap();
    let _silent = Raw::connect(&endpoint).await;
    let mut events = socket.events();
    socket.connect("mem://is-not-there").unwrap();
    for _ in 0..8 {
        event(&mut events, "a failed try", |event| {
            matches!(event, Event::DialFailed { .. }).then_some(())
        })
        .await;
    }

    let start = tokio::time::Instant::now();
    drop(socket);
    let runtime = tokio::runtime::Handle::current();
    within("all tasks to end", async {
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(1));
}

//! A close while a connection that ended is being made again.

use super::*;

/// Messages that had come back from a connection that ended did not count as waiting, so
/// `close` did not wait for the next connection, and handed them back.
#[tokio::test]
async fn what_came_back_from_a_connection_is_sent_on_the_next_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(listener.local_addr().unwrap()).unwrap();
    let (mut first, _) = within("the client", listener.accept()).await.unwrap();
    first.write_all(&hello_v1(&[1; 16])).await.unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();
    // Until the system takes no more, and neither does the queue.
    let some_time = Duration::from_millis(500);
    while let Ok(sent) = tokio::time::timeout(some_time, client.send(vec![0; 60_000])).await {
        sent.unwrap();
    }
    drop(first);

    // The second one is there, and has not said who it is.
    let (second, _) = within("the client again", listener.accept()).await.unwrap();
    let mut second = Raw(second);
    let closing = client.close(PATIENCE);
    // It ends the connection when it has read everything.
    let greeting = async move {
        tokio::task::yield_now().await;
        second.write(hello_v1(&[1; 16])).await;
        second.closed().await
    };
    let (report, read) = within("the close", async { tokio::join!(closing, greeting) }).await;
    assert_eq!(report.unsent.len(), 0);
    assert!(read > 60_000, "{read} bytes");
}

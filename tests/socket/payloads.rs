//! Payloads of all kinds that `send` takes.

use super::*;
use futures::SinkExt;
use std::borrow::Cow;

/// A borrowed text had to be copied by hand, as `send` asked for one that lives for ever.
#[tokio::test]
async fn borrowed_text_and_bytes_are_sent_also_by_a_spawned_task() {
    let (server, endpoint) = bound().await;
    let mut client = Socket::builder().at_least_once().build().unwrap();
    client.connect(endpoint).unwrap();
    let sending = tokio::spawn(async move {
        let text = String::from("one two three");
        let bytes = [52, 53];
        for word in text.split(' ') {
            client.send(word).await.unwrap();
        }
        client.send(&text[..3]).await.unwrap();
        client.send(&text).await.unwrap();
        client.send(&bytes[1..]).await.unwrap();
        client.send(b"array").await.unwrap();
        client.send(Cow::Borrowed(&text[4..])).await.unwrap();
        client.send_message(&text[..1]).await.unwrap();
        SinkExt::send(&mut client, &text[8..]).await.unwrap();
        let to = server.identity().clone();
        client.send_to(to, &text[1..2]).await.unwrap();
        client.send_acked(text.as_bytes()).await.unwrap();
        server
    });
    let server = within("the sends", sending).await.unwrap();
    let mut received = Vec::new();
    while received.len() < 12 {
        received.push(within("a message", server.recv_text()).await.unwrap());
    }
    // An addressed message does not wait behind the others.
    received.sort();
    let mut sent = [
        "one",
        "two",
        "three",
        "one",
        "one two three",
        "5",
        "array",
        "two three",
        "o",
        "three",
        "n",
        "one two three",
    ];
    sent.sort_unstable();
    assert_eq!(received, sent);
}

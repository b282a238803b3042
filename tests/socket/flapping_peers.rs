//! A stranger that comes and goes takes all events from a listener.

use super::*;

/// "Strangers that fill the log, or the events: a quarter of the room for events is
/// theirs in a second." So it is for connections that fail. One that shakes hands, under
/// a new identity each time, and leaves, is told of twice, and logged twice at INFO,
/// without any bound: what else has happened is lost to a listener within a second.
#[tokio::test]
async fn a_stranger_that_comes_and_goes_does_not_push_out_other_events() {
    let socket = Socket::builder().absent_timeout(Duration::from_millis(10));
    let socket = socket.build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut events = socket.events();
    socket.send_to([0xff; 16], "given up").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for n in 0..1000u32 {
        let mut name = [0; 16];
        name[..4].copy_from_slice(&n.to_be_bytes());
        let mut raw = Raw::connect(&endpoint).await;
        raw.write(hello_v1(&name)).await;
        within("our name", raw.0.read_exact(&mut [0; 22]))
            .await
            .unwrap();
    }
    let mut told = false;
    let mut missed = 0;
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(300), events.next()).await
    {
        match event {
            Event::Dropped { .. } => told = true,
            Event::Missed { count } => missed += count,
            _ => {}
        }
    }
    assert!(told, "the message that was given up; {missed} are missed");
}

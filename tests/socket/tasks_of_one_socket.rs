//! Several tasks that send on one socket.

use super::*;
use aiomsg::Limits;

const TASKS: usize = 8;
const EACH: usize = 2_000;

/// A receiver, and a sender that is connected to it.
async fn with_room_for(items: usize) -> (Socket, Socket) {
    let sink = Socket::new().unwrap();
    let endpoint = sink.bind("127.0.0.1:0").await.unwrap();
    let bytes = 1 << 20;
    let room = Limits { items, bytes };
    let source = Socket::builder().peer_limits(room).build().unwrap();
    source.connect(endpoint).unwrap();
    // Without a peer, all messages would go into the buffer.
    source.wait_for_peers(1).await.unwrap();
    (sink, source)
}

/// Each of them has to wait for room, and no more often than that.
#[tokio::test]
async fn those_that_wait_send_in_turns_and_not_message_by_message() {
    let (sink, source) = with_room_for(512).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let source = source.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    source.send(format!("{task} {n}")).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; TASKS];
    let (mut last, mut turns) = (TASKS, 0);
    for _ in 0..TASKS * EACH {
        let message = within("a message", sink.recv()).await.unwrap();
        let text = String::from_utf8_lossy(&message).into_owned();
        let (task, n) = text.split_once(' ').unwrap();
        let (task, n): (usize, usize) = (task.parse().unwrap(), n.parse().unwrap());
        assert_eq!(next[task], n, "the messages of a task are in order");
        next[task] += 1;
        turns += usize::from(task != last);
        last = task;
    }
    for task in tasks {
        task.await.unwrap();
    }
    // With one message each, they would be as many as the messages.
    assert!(turns < TASKS * EACH / 20, "{turns} turns");
}

/// A task that sends all the time does not keep another one from sending.
#[tokio::test]
async fn one_that_never_stops_lets_others_send() {
    let (sink, source) = with_room_for(64).await;
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { while source.send("busy").await.is_ok() {} })
        })
        .collect();
    let receiving = tokio::spawn(async move {
        let mut others = 0;
        while others < 100 {
            others += usize::from(sink.recv().await.unwrap() == "other");
        }
    });
    for _ in 0..100 {
        within("its turn", source.send("other")).await.unwrap();
    }
    within("all of them", receiving).await.unwrap();
    for task in busy {
        task.abort();
    }
}

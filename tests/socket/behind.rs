//! A receiver that is behind when this end closes, over each transport.
//!
//! This end left 0.2 s after it had sent everything, and the receiver's next
//! heartbeat met a reset that took from it what it had not read.

use super::*;

const COUNT: usize = 20_000;

/// How long the receiver takes nothing: many heartbeats, and longer than the last
/// wait for silence.
const STALL: Duration = Duration::from_millis(1200);

fn receiver() -> aiomsg::SocketBuilder {
    Socket::builder()
        .heartbeat_interval(Duration::from_millis(50))
        .receive_limits(aiomsg::Limits {
            items: 10,
            bytes: 1 << 20,
        })
}

/// A sender that has sent everything, and a receiver that takes nothing.
async fn behind(sender: Socket, receiver: Socket, endpoint: &str) -> (Socket, Socket, Endpoint) {
    let endpoint = receiver.bind(endpoint).await.unwrap();
    sender.connect(endpoint.clone()).unwrap();
    within("the peer", sender.wait_for_peers(1)).await.unwrap();
    (sender, receiver, endpoint)
}

async fn send_all(sender: &Socket) {
    for n in 0..COUNT {
        let sent = within("room", sender.send(n.to_string())).await;
        sent.unwrap();
    }
}

/// Takes everything, in order, until no more comes.
async fn receive(receiver: Socket) -> usize {
    tokio::time::sleep(STALL).await;
    let mut got = 0;
    while let Ok(message) = tokio::time::timeout(STALL, receiver.recv_text()).await {
        assert_eq!(message.unwrap(), got.to_string(), "in order");
        got += 1;
    }
    got
}

async fn nothing_is_lost(sender: Socket, receiver: Socket, endpoint: &str) {
    let (sender, receiver, _) = behind(sender, receiver, endpoint).await;
    let receiving = tokio::spawn(receive(receiver));
    send_all(&sender).await;
    let report = within("the close", sender.close(PATIENCE)).await;
    assert_eq!(receiving.await.unwrap(), COUNT, "{endpoint}");
    assert!(report.is_clean(), "{endpoint}: {:?}", report.unconfirmed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_behind_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let unix = format!("unix://{}/behind", directory.path().display());
    let (_certificate, tls) = super::tls::certificate();
    for endpoint in [
        "tcp://127.0.0.1:0",
        "tls://127.0.0.1:0",
        &unix,
        "mem://behind",
    ] {
        let sender = Socket::builder().tls(tls.clone()).build().unwrap();
        let receiver = receiver().tls(tls.clone()).build().unwrap();
        nothing_is_lost(sender, receiver, endpoint).await;
    }
}

/// In the 2019 dialect, the end that binds may never end the connection: ours does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_speaks_2019_loses_nothing() {
    let sender = Socket::builder();
    let sender = sender.dialects(aiomsg::builder::Dialects::Only(
        aiomsg::builder::Dialect::V2019,
    ));
    let receiver = receiver().build().unwrap();
    nothing_is_lost(sender.build().unwrap(), receiver, "127.0.0.1:0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_disconnected_loses_nothing() {
    let receiver = receiver().build().unwrap();
    let (sender, receiver, endpoint) =
        behind(Socket::new().unwrap(), receiver, "127.0.0.1:0").await;
    let mut events = sender.events();
    let receiving = tokio::spawn(receive(receiver));
    send_all(&sender).await;
    sender.disconnect(endpoint).unwrap();
    assert_eq!(receiving.await.unwrap(), COUNT);
    event(&mut events, "the end", |event| match event {
        Event::PeerDown { .. } => Some(()),
        Event::Unconfirmed { messages, .. } => panic!("{messages} unconfirmed"),
        _ => None,
    })
    .await;
    assert!(sender.close(PATIENCE).await.is_clean());
}

/// What is missing when the deadline is over is in the report, and told by an event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_have_been_read_at_the_deadline_is_reported() {
    let receiver = receiver().build().unwrap();
    let (sender, receiver, endpoint) =
        behind(Socket::new().unwrap(), receiver, "127.0.0.1:0").await;
    let (peer, mut events) = (receiver.identity().clone(), sender.events());
    let receiving = tokio::spawn(receive(receiver));
    send_all(&sender).await;
    let start = tokio::time::Instant::now();
    let report = sender.close(Duration::from_millis(300)).await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "the deadline is kept"
    );
    let missing = COUNT - receiving.await.unwrap();
    let told = report.unsent.len() as u64 + report.unconfirmed_messages();
    assert!(missing > 0, "it was behind");
    assert!(
        missing as u64 <= told && told <= COUNT as u64,
        "{missing}, {told}"
    );
    assert!(!report.is_clean());
    let unconfirmed = &report.unconfirmed[0];
    assert_eq!(
        (&unconfirmed.peer, &unconfirmed.endpoint),
        (&peer, &endpoint)
    );
    let messages = event(&mut events, "the event", |event| match event {
        Event::Unconfirmed { messages, .. } => Some(messages),
        _ => None,
    })
    .await;
    assert_eq!(messages, unconfirmed.messages);
    assert!(
        sender.close(PATIENCE).await.is_clean(),
        "it is reported once"
    );
}

/// A socket that has sent nothing, or had everything acknowledged, need not wait for
/// peers that take their time.
#[tokio::test]
async fn a_close_without_anything_at_stake_is_quick() {
    use aiomsg::DeliveryGuarantee::AtLeastOnce;

    let (server, endpoint) = bound().await;
    let mut open = Raw::connect(&endpoint).await;
    open.write(hello_v1(&[1; 16])).await;
    open.write(b"\0\0\0\x02\x03x").await;
    within("a message", server.recv()).await.unwrap();
    let start = tokio::time::Instant::now();
    assert!(server.close(PATIENCE).await.is_clean());
    assert!(start.elapsed() < Duration::from_secs(3));

    let client = Socket::builder().delivery_guarantee(AtLeastOnce);
    let client = client.build().unwrap();
    let endpoint = client.bind("127.0.0.1:0").await.unwrap();
    let mut open = Raw::connect(&endpoint).await;
    open.write(hello_v1(&[1; 16])).await;
    client.send("x").await.unwrap();
    let mut read = [0; 22 + 4 + 18];
    within("it", open.0.read_exact(&mut read)).await.unwrap();
    open.write([&b"\0\0\0\x11\x05"[..], &read[27..43]].concat())
        .await;
    let start = tokio::time::Instant::now();
    assert!(client.close(PATIENCE).await.is_clean());
    assert!(start.elapsed() < Duration::from_secs(3));
}

/// A peer that ends its direction right behind a request never saw that it was
/// acknowledged.
#[tokio::test]
async fn a_peer_that_ends_is_told_what_was_received_first() {
    let (server, endpoint) = bound().await;
    let mut peer = Raw::connect(&endpoint).await;
    let request = [&b"\0\0\0\x12\x04"[..], &[7; 16], b"x"].concat();
    peer.write([hello_v1(&[1; 16]), request].concat()).await;
    tokio::io::AsyncWriteExt::shutdown(&mut peer.0)
        .await
        .unwrap();
    peer.expect(hello_v1(server.identity().as_bytes().try_into().unwrap()))
        .await;
    peer.expect([&b"\0\0\0\x11\x05"[..], &[7; 16]].concat())
        .await;
    assert_eq!(peer.closed().await, 0);
    assert_eq!(within("a message", server.recv()).await.unwrap(), "x");
}

//! A receiver that is behind when the sender closes.
//!
//! `close` left 0.2 s after it had sent everything, and the next heartbeat of a
//! receiver that had not read everything met a reset: code 0, nothing unsent, and
//! messages lost.
//!
//! `AIOMSG_STALLS=3,9,12,30` has the receivers stop for so many seconds.

use super::*;

const COUNT: usize = 60_000;

/// Longer than the time between two heartbeats.
const STALL: u64 = 6;

/// What the caller of `close` allows.
const DEADLINE: Duration = Duration::from_secs(60);

fn stalls() -> Vec<Duration> {
    let wanted = std::env::var("AIOMSG_STALLS").unwrap_or_else(|_| STALL.to_string());
    let seconds = wanted.split(',').map(|it| it.trim().parse().unwrap());
    seconds.map(Duration::from_secs).collect()
}

/// Sends, and closes while the peer does nothing.
async fn nothing_is_lost(socket: Socket, peer: Peer, stall: Duration) {
    let closing = flood(&socket, &peer, stall).await;
    let report = timeout(DEADLINE * 2, closing.close(DEADLINE)).await;
    let report = report.expect("the deadline is kept");
    assert!(report.is_clean(), "{stall:?}: {:?}", report.unconfirmed);
    assert_eq!(settled(&peer).await, COUNT, "{stall:?}");
}

async fn flood(socket: &Socket, peer: &Peer, stall: Duration) -> Socket {
    peer.count().await;
    peer.stall(stall).await;
    for n in 0..COUNT {
        let sent = timeout(PATIENCE, socket.send(format!("{n:06}")));
        sent.await.expect("room").unwrap();
    }
    socket.clone()
}

/// How many have arrived when no more come.
async fn settled(peer: &Peer) -> usize {
    let mut before = peer.counted().await;
    loop {
        sleep(Duration::from_millis(500)).await;
        let now = peer.counted().await;
        if now == before {
            return now;
        }
        before = now;
    }
}

async fn a_receiver_that_is_behind_loses_nothing(version: Version, binds: Binds) {
    for stall in stalls() {
        let socket = Socket::new().unwrap();
        let peer = join(&socket, Peer::builder(version), binds).await;
        nothing_is_lost(socket, peer, stall).await;
    }
}

#[cfg(feature = "tls")]
async fn a_receiver_that_is_behind_loses_nothing_over_tls(version: Version, binds: Binds) {
    use crate::support::python::certificate;

    for stall in stalls() {
        let dir = tls::directory("behind", version, binds);
        let (ours, theirs) = (certificate(&dir, "ours"), certificate(&dir, "theirs"));
        let socket = tls::socket(&ours, &theirs);
        let builder = Peer::builder(version).tls(tls::peer_tls(&theirs, &ours));
        let peer = tls::join_tls(&socket, builder, binds).await;
        nothing_is_lost(socket, peer, stall).await;
    }
}

/// The deadline is over before the receiver goes on: what is missing is in the
/// report.
async fn what_may_not_have_been_read_is_reported(version: Version, binds: Binds) {
    let socket = Socket::new().unwrap();
    let peer = join(&socket, Peer::builder(version), binds).await;
    let who = only_peer(&socket);
    let mut events = socket.events();
    let closing = flood(&socket, &peer, Duration::from_secs(4)).await;
    let start = tokio::time::Instant::now();
    let report = closing.close(Duration::from_secs(1)).await;
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert!(!report.is_clean());
    let missing = COUNT - settled(&peer).await;
    let told = report.unsent.len() as u64 + report.unconfirmed_messages();
    assert!(
        missing as u64 <= told && told <= COUNT as u64,
        "{missing}, {told}"
    );
    let unconfirmed = &report.unconfirmed[0];
    assert_eq!(unconfirmed.peer, who);
    let messages = event(&mut events, "the event", |event| match event {
        Event::Unconfirmed { messages, .. } => Some(messages),
        _ => None,
    })
    .await;
    assert_eq!(messages, unconfirmed.messages);
}

each_version_and_role! {
    a_receiver_that_is_behind_loses_nothing,
    what_may_not_have_been_read_is_reported,
}

#[cfg(feature = "tls")]
each_version_and_role! {
    a_receiver_that_is_behind_loses_nothing_over_tls,
}

//! Messages in both directions, whichever end binds.

use super::*;

const COUNT: usize = 1000;

/// What we send waits while nobody is there, and is in order with what we send
/// later.
async fn arrive_in_order(version: Version, binds: Binds) {
    let socket = Socket::new().unwrap();
    for n in 0..COUNT / 2 {
        socket.send(format!("ours-{n}")).await.unwrap();
    }
    let peer = join(&socket, Peer::builder(version), binds).await;
    let info = socket.peers().remove(0);
    assert_eq!(info.dialect, dialect(version));
    assert_eq!(info.dialled, binds == Binds::Them);

    peer.send_many(COUNT, "theirs-").await;
    for n in COUNT / 2..COUNT {
        socket.send(format!("ours-{n}")).await.unwrap();
    }
    for n in 0..COUNT {
        let (from, message) = recv_from(&socket).await;
        assert_eq!(from, info.identity);
        assert_eq!(message, format!("theirs-{n}"));
    }
    for n in 0..COUNT {
        let message = heard_by(&peer, &socket).await;
        assert_eq!(message, format!("ours-{n}").as_bytes());
    }
}

/// With all that is sent in one direction only, too: nothing goes back but
/// heartbeats.
async fn arrive_where_nobody_answers(version: Version, binds: Binds) {
    let (ours, theirs) = (Socket::new().unwrap(), Socket::new().unwrap());
    let listener = join(&ours, Peer::builder(version), binds).await;
    let talker = join(&theirs, Peer::builder(version), binds).await;
    for n in 0..COUNT {
        ours.send(format!("{n}")).await.unwrap();
    }
    talker.send_many(COUNT, "").await;
    for n in 0..COUNT {
        assert_eq!(heard_by(&listener, &ours).await, n.to_string().as_bytes());
        assert_eq!(recv(&theirs).await, n.to_string());
    }
    assert_eq!(ours.stats().received_messages, 0);
    assert_eq!(theirs.stats().sent_messages, 0);
}

each_version_and_role!(arrive_in_order, arrive_where_nobody_answers);

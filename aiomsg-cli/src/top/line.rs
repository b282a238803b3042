//! A proxy in a line.

use crate::proxy::status::{Spool, Status};

pub(super) fn line(status: &Status) -> String {
    let Status {
        state,
        messages,
        answers,
        frontend,
        backend,
        ..
    } = status;
    let dropped: u64 = status.drops.iter().map(|it| it.count).sum();
    let mut line = format!(
        "{state} {}/s forwarded {} producers {} consumers {} waiting {} dropped {dropped}",
        messages.rate,
        messages.forwarded,
        frontend.peer_count,
        backend.peer_count,
        waiting(status),
    );
    if status.replies {
        line += &format!(
            " replies {}/s forwarded {}",
            answers.rate, answers.forwarded
        );
    }
    if let Some(spool) = &status.spool {
        line += &format!(" {}", stored(spool));
    }
    if let Some(why) = &status.not_ready {
        line += &format!(" not ready: {why}");
    }
    if let Some(last) = status.reasons.first() {
        line += &format!(
            " last failure {} s ago, {} times: {}",
            last.seconds_ago,
            last.count,
            last.text()
        );
    }
    line
}

/// What the spool holds.
pub(super) fn stored(spool: &Spool) -> String {
    format!(
        "spool {} messages, {} bytes, oldest {} s, acknowledged {}/s, {} dead letters, {} bytes on \
         the disk",
        spool.messages,
        spool.bytes,
        spool.oldest_seconds.unwrap_or(0),
        spool.acknowledged_rate,
        spool.dead_messages,
        spool.disk_bytes,
    )
}

/// Messages of producers that are in the proxy, besides those in the spool.
pub(super) fn waiting(status: &Status) -> usize {
    let backend = &status.backend;
    if status.spool.is_some() {
        return status.frontend.inbox;
    }
    status.frontend.inbox + backend.buffered + backend.unacknowledged
}

#[cfg(test)]
pub(super) fn spool() -> Spool {
    Spool {
        messages: 70,
        bytes: 4480,
        oldest_seconds: Some(9),
        dead_messages: 2,
        dead_bytes: 128,
        disk_bytes: 65536,
        damaged_messages: 0,
        unreadable_places: 0,
        acknowledged: 30,
        acknowledged_rate: 8.5,
        failure: None,
    }
}

#[cfg(test)]
pub(super) fn example() -> Status {
    use crate::proxy::status::{Drop, History, Peer, Place, Reason, Side, Way};
    let way = Way {
        taken: 12,
        forwarded: 11,
        unacknowledged: 0,
        rate: 2.5,
    };
    let peer = |n: usize| Peer {
        identity: format!("{n:032x}"),
        address: format!("127.0.0.1:{}", 40_000 + n),
        endpoint: "tcp://127.0.0.1:25001".to_owned(),
        dialect: "v1".to_owned(),
        tls: n == 0,
        dialled: false,
        connected_seconds: 7,
        queued_messages: n,
        queued_bytes: 10 * n,
        received_messages: 5,
        sent_messages: 0,
        rate: 1.0,
    };
    let side = |peers: usize| Side {
        identity: "00".repeat(16),
        endpoints: vec![Place {
            endpoint: "tcp://127.0.0.1:25001".to_owned(),
            listens: true,
            state: "up".to_owned(),
            duplicate_of: None,
            error: None,
        }],
        received_messages: 12,
        sent_messages: 0,
        received_bytes: 99,
        sent_bytes: 0,
        inbox: 1,
        buffered: 2,
        unacknowledged: 3,
        connections: 1,
        failed_connections: 0,
        peer_count: peers,
        peers: (0..peers).map(peer).collect(),
    };
    Status {
        version: "1".to_owned(),
        state: "running".to_owned(),
        not_ready: None,
        uptime_seconds: 61,
        mode: "round-robin".to_owned(),
        at_least_once: None,
        replies: true,
        messages: way.clone(),
        answers: way,
        frontend: side(3),
        backend: side(1),
        spool: None,
        drops: vec![Drop {
            side: "proxy".to_owned(),
            reason: "unasked".to_owned(),
            means: "a consumer sent it, and the proxy takes no replies".to_owned(),
            count: 4,
        }],
        reasons: vec![Reason {
            side: "backend".to_owned(),
            kind: "refused".to_owned(),
            endpoint: Some("tls://127.0.0.1:25002".to_owned()),
            peer: Some("127.0.0.1:40000".to_owned()),
            reason: "tls failed: the peer's certificate has expired".to_owned(),
            count: 3,
            seconds_ago: 12,
        }],
        history: History {
            step_seconds: 1,
            steps: 600,
            messages: vec![1.0, 2.0, 2.5],
            answers: vec![0.0; 3],
            dropped: vec![0.0; 3],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spool_is_in_the_line() {
        let status = Status {
            spool: Some(spool()),
            ..example()
        };
        let line = line(&status);
        let expected = "waiting 1 dropped 4 replies 2.5/s forwarded 11 spool 70 messages, 4480 \
                        bytes, oldest 9 s, acknowledged 8.5/s, 2 dead letters, 65536 bytes on the \
                        disk last failure";
        assert!(line.contains(expected), "{line}");
    }

    #[test]
    fn all_is_in_the_line() {
        assert_eq!(
            line(&example()),
            "running 2.5/s forwarded 11 producers 3 consumers 1 waiting 6 dropped 4 replies 2.5/s \
             forwarded 11 last failure 12 s ago, 3 times: backend, refused at \
             tls://127.0.0.1:25002: tls failed: the peer's certificate has expired"
        );
    }
}

//! A proxy in a line.

use crate::proxy::status::Status;

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
    if let Some(why) = &status.not_ready {
        line += &format!(" not ready: {why}");
    }
    line
}

/// Messages of producers that are in the proxy.
pub(super) fn waiting(status: &Status) -> usize {
    let backend = &status.backend;
    status.frontend.inbox + backend.buffered + backend.unacknowledged
}

#[cfg(test)]
pub(super) fn example() -> Status {
    use crate::proxy::status::{Drop, History, Peer, Place, Side, Way};
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
        drops: vec![Drop {
            side: "proxy".to_owned(),
            reason: "unasked".to_owned(),
            means: "a consumer sent it, and the proxy takes no replies".to_owned(),
            count: 4,
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
    fn all_is_in_the_line() {
        assert_eq!(
            line(&example()),
            "running 2.5/s forwarded 11 producers 3 consumers 1 waiting 6 dropped 4 replies 2.5/s \
             forwarded 11"
        );
    }
}

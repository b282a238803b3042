//! The facts that the status and the metrics share, in the same words.

use super::status::{Drop, Reason};
use crate::proxy::args;
use crate::proxy::counts::Loss;
use crate::proxy::settings::Settings;
use crate::proxy::shared::Proxy;

pub(super) fn mode(settings: &Settings) -> &'static str {
    match settings.mode {
        args::ModeArg::RoundRobin => "round-robin",
        args::ModeArg::Publish => "publish",
    }
}

pub(super) fn at_least_once(settings: &Settings) -> Option<&'static str> {
    let both = settings.has_spool().then_some(args::AtLeastOnceArg::Both);
    both.or(settings.at_least_once).map(|side| match side {
        args::AtLeastOnceArg::Frontend => "frontend",
        args::AtLeastOnceArg::Backend => "backend",
        args::AtLeastOnceArg::Both => "both",
    })
}

/// As many are shown.
const REASONS: usize = 20;

/// The reasons of recent failures, the latest first.
pub(super) fn reasons(proxy: &Proxy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for side in [&proxy.frontend, &proxy.backend] {
        for failure in side.socket.failures() {
            reasons.push(Reason {
                side: side.name.to_owned(),
                kind: failure.kind.name().to_owned(),
                endpoint: failure.endpoint.map(|it| it.to_string()),
                peer: failure.peer,
                reason: failure.reason,
                count: failure.count,
                seconds_ago: failure.ago.as_secs(),
            });
        }
    }
    for lost in proxy.counts.losses.recent() {
        reasons.push(Reason {
            side: "proxy".to_owned(),
            kind: "dropped".to_owned(),
            endpoint: None,
            peer: None,
            reason: lost.why.means().to_owned(),
            count: lost.count,
            seconds_ago: lost.ago.as_secs(),
        });
    }
    reasons.sort_by_key(|it| it.seconds_ago);
    reasons.truncate(REASONS);
    reasons
}

/// All dropped messages, by side and reason; also where there are none.
pub(super) fn drops(proxy: &Proxy) -> Vec<Drop> {
    let mut drops = Vec::new();
    for side in [&proxy.frontend, &proxy.backend] {
        for (reason, count) in side.socket.stats().drops.iter() {
            drops.push(Drop {
                side: side.name.to_owned(),
                reason: reason.name().to_owned(),
                means: reason.to_string(),
                count,
            });
        }
    }
    if let Some(spool) = &proxy.spool {
        drops.push(Drop {
            side: "spool".to_owned(),
            reason: "overflow".to_owned(),
            means: "the spool had no room, and the overflow rule drops the oldest".to_owned(),
            count: spool.dropped(),
        });
    }
    let Proxy { counts, .. } = proxy;
    for why in Loss::ALL {
        drops.push(Drop {
            side: "proxy".to_owned(),
            reason: why.name().to_owned(),
            means: why.means().to_owned(),
            count: counts.messages.lost(why) + counts.replies.lost(why),
        });
    }
    drops
}

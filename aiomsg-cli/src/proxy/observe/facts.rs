//! The facts that the status and the metrics share, in the same words.

use super::status::Drop;
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
    settings.at_least_once.map(|side| match side {
        args::AtLeastOnceArg::Frontend => "frontend",
        args::AtLeastOnceArg::Backend => "backend",
        args::AtLeastOnceArg::Both => "both",
    })
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

//! The log of the messages that the proxy itself loses.

use std::time::Duration;

use aiomsg::parts::layers::reasons::{Line, Reasons};

use super::counts::Loss;

/// Logs the first message lost for each reason at once, and then one line a minute.
#[derive(Debug, Clone)]
pub(super) struct Losses(Reasons<Loss, ()>);

/// The messages lost for one reason.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: Loss,
    pub(super) count: u64,
    pub(super) ago: Duration,
}

impl Default for Losses {
    fn default() -> Self {
        Self(Reasons::new(Loss::ALL.len()))
    }
}

impl Losses {
    pub(super) fn note(&self, why: Loss) {
        if let Some(line) = self.0.note(why, (), true) {
            log(&line);
        }
    }

    /// Logs what was only counted, each minute.
    pub(super) async fn run(self) {
        match self.0.each_due(log).await {}
    }

    /// Logs what was only counted so far: the proxy ends.
    pub(super) fn end(&self) {
        self.0.rest().iter().for_each(log);
    }

    pub(super) fn recent(&self) -> Vec<Lost> {
        let recent = self.0.recent().into_iter();
        recent
            .map(|it| Lost {
                why: it.kind,
                count: it.count,
                ago: it.at.elapsed(),
            })
            .collect()
    }
}

fn log(line: &Line<Loss, ()>) {
    let more = (line.more > 0).then_some(line.more);
    tracing::warn!(
        reason = line.kind.means(),
        more,
        "the proxy dropped a message"
    );
}

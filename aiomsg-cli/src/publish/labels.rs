//! The topics before messages, and their subscribers.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use aiomsg::layer::Topics;
use bytes::Bytes;
use tokio::time::Instant;

use crate::common::failure::Failure;
use crate::common::value::Patience;

#[derive(Debug)]
pub(crate) struct Labels {
    /// Topics with the separator. One empty label where messages have their own.
    labels: Vec<Vec<u8>>,
    topics: Topics,
    /// How many subscribers a message waits for, and how long.
    wanted: usize,
    settle: Patience,
}

impl Labels {
    pub(super) fn new(topics: &[OsString], separator: &OsStr, table: Topics) -> Self {
        let label =
            |topic: &OsString| [topic.as_encoded_bytes(), separator.as_encoded_bytes()].concat();
        let labels = match topics {
            [] => vec![Vec::new()],
            topics => topics.iter().map(label).collect(),
        };
        Self {
            labels,
            topics: table,
            wanted: 1,
            settle: Patience(Some(Duration::ZERO)),
        }
    }

    pub(super) fn wanted(mut self, subscribers: usize) -> Self {
        self.wanted = subscribers;
        self
    }

    pub(super) fn settle(mut self, settle: Patience) -> Self {
        self.settle = settle;
        self
    }

    /// The message with each label before it.
    pub(crate) fn before<'a>(&'a self, message: &'a Bytes) -> impl Iterator<Item = Bytes> + 'a {
        self.labels.iter().map(|label| match label.is_empty() {
            true => message.clone(),
            false => [&label[..], message].concat().into(),
        })
    }

    /// Until when a message waits for its subscribers, from now on. `None`: for ever.
    pub(crate) fn settled(&self) -> Option<Instant> {
        let Patience(time) = self.settle;
        time.map(|time| Instant::now() + time)
    }

    /// Whether a message has as many subscribers as it waits for.
    pub(crate) fn are_there(&self, message: &[u8]) -> bool {
        self.topics.subscribers(message) >= self.wanted
    }

    /// The failure of a message that waits for subscribers who do not come.
    pub(crate) fn nobody(&self, message: &[u8], waited: Option<Duration>) -> Failure {
        /// As much of a message as there is room for in a line.
        const SHOWN: usize = 40;
        let shown = &message[..message.len().min(SHOWN)];
        Failure::nobody(format!(
            "{} of {} subscribers were there within {} for \"{}\"; start them with aiomsg \
             subscribe, check their --topic, or raise --timeout",
            self.topics.subscribers(message),
            self.wanted,
            humantime::format_duration(waited.unwrap_or_default()),
            shown.escape_ascii(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_put_before_a_message() {
        let all = |topics: &[&str], separator: &str| -> Vec<Bytes> {
            let topics: Vec<_> = topics.iter().map(OsString::from).collect();
            let labels = Labels::new(&topics, separator.as_ref(), Topics::new());
            labels.before(&Bytes::from("rain")).collect()
        };
        assert_eq!(all(&[], " "), ["rain"]);
        assert_eq!(all(&["a", "b.c"], " "), ["a rain", "b.c rain"]);
        assert_eq!(all(&["a/"], ""), ["a/rain"]);
    }
}

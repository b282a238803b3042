//! `aiomsg publish`: messages by topic.

mod labels;

use std::ffi::OsString;

use aiomsg::SocketBuilder;
use aiomsg::layer::Topics;
use clap::Args;

use crate::common::failure::{Failure, Outcome};
use crate::common::stop::Stop;
use crate::common::value::Patience;
use crate::send::{Plan, SendingArgs};
pub(crate) use labels::Labels;

/// Publishes messages by topic: each goes to its subscribers
///
/// A message begins with its topic, and a subscription is a prefix of messages.
/// --topic puts the topic and a space before each text or line; without it, each
/// message has its topic already. Subscribers are aiomsg subscribe, and sockets with
/// a layer of subscriptions. A message that nobody has subscribed to is dropped, and
/// counted; that is no failure. Messages in the first second wait for subscriptions
/// that are on their way: see --settle.
///
/// Exit codes: 0 all messages were published; 1 some were not sent to their
/// subscribers; 2 the command line or a file is wrong; 3 no peer connected in time;
/// 130 and 143 ended by SIGINT and SIGTERM before all messages were published.
/// --repeat forever ends by a signal, with code 0.
#[derive(Debug, Args)]
#[command(override_usage = "aiomsg publish [OPTIONS] <-b|-c|--connect-all ENDPOINT> [TEXT]...")]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    sending: SendingArgs,
    #[command(flatten)]
    topics: TopicArgs,
}

/// The topics.
#[derive(Debug, Args)]
#[command(next_help_heading = "Topics")]
struct TopicArgs {
    /// Puts this topic before each message; if repeated, each message is published
    /// under each topic.
    #[arg(long = "topic", short, value_name = "TOPIC")]
    topics: Vec<OsString>,
    /// The text between the topic and the message [default: a space]
    #[arg(long, value_name = "TEXT", requires = "topics")]
    separator: Option<OsString>,
    /// The time after the first peers have connected in which a message waits for as
    /// many subscribers as --wait-peers names; forever waits for them at any time.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    settle: Patience,
}

/// Refuses a topic and its message as two texts: they would be two messages.
fn check_texts(texts: &[OsString]) -> Outcome {
    match texts {
        [topic, text, ..] if !topic.to_string_lossy().contains(char::is_whitespace) => {
            let (topic, text) = (topic.display(), text.display());
            Err(Failure::usage(format!(
                "each text is a message, and \"{topic}\" has no text behind its topic: write \
                 \"--topic {topic} {text}\", or give texts with their topics as lines of standard \
                 input"
            )))
        }
        _ => Ok(()),
    }
}

pub(crate) async fn run(args: PublishArgs, stop: &mut Stop) -> Outcome {
    let PublishArgs { sending, topics } = &args;
    if topics.topics.is_empty() {
        check_texts(sending.input.texts())?;
    }
    let separator = topics.separator.as_deref().unwrap_or(" ".as_ref());
    let table = Topics::new();
    let labels = Labels::new(&topics.topics, separator, table.clone())
        .wanted(sending.wait.peers())
        .settle(topics.settle);
    let plan = Plan {
        args: sending,
        to: None,
        at_least_once: false,
        labels: Some(&labels),
    };
    let with = |builder: SocketBuilder| {
        builder
            .policy(table.policy())
            .connection_layer(table.layer())
    };
    plan.run(with, stop).await
}

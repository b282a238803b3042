//! `aiomsg subscribe`: messages of some topics.

use std::ffi::OsString;

use aiomsg::SocketBuilder;
use aiomsg::layer::Subscriptions;
use clap::Args;

use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;
use crate::common::stop::Stop;
use crate::recv::{self, RecvArgs};

/// Subscribes to topics, and writes their messages to standard output
///
/// A message begins with its topic, and --topic is a prefix of messages: "weather."
/// subscribes to "weather.oslo rain" as well. Messages are written whole, with their
/// topics. The peers are aiomsg publish, and sockets with a policy of topics; any other
/// socket receives a subscription as an ordinary message. All else is as with aiomsg
/// recv.
///
/// Exit codes: 0 done, or ended by a signal without --count and --until-gone; 1
/// failed, or done in part; 2 the command line or a file is wrong; 3 no peer
/// connected in time; 130 and 143 ended by SIGINT and SIGTERM before all messages
/// were received. Closing standard output ends it with code 0, or 1 with --count.
#[derive(Debug, Args)]
pub(crate) struct SubscribeArgs {
    #[command(flatten)]
    recv: RecvArgs,
    /// Subscribes to messages that begin with this; may be repeated [default:
    /// everything]
    #[arg(long = "topic", short, value_name = "TOPIC", help_heading = "Topics")]
    topics: Vec<OsString>,
}

pub(crate) async fn run(args: SubscribeArgs, stop: &mut Stop) -> Outcome {
    let subscriptions = subscriptions(&args.topics)?;
    let with = |builder: SocketBuilder| builder.connection_layer(subscriptions.layer());
    recv::receive(args.recv, with, stop).await
}

fn subscriptions(topics: &[OsString]) -> Outcome<Subscriptions> {
    let subscriptions = Subscriptions::new();
    let all = [OsString::new()];
    let topics = match topics {
        [] => &all,
        topics => topics,
    };
    for topic in topics {
        let added = subscriptions.subscribe(topic.as_encoded_bytes());
        added.map_err(|error| Failure::usage(format!("--topic: {}", said(&error))))?;
    }
    Ok(subscriptions)
}

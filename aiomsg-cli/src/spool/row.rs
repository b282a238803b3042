//! Messages of a store as JSON, and parts of them for people.

use std::fmt;
use std::time::{Duration, SystemTime};

use aiomsg_spool::inspect::{Listed, Message, Part};
use aiomsg_spool::store::Usage;
use bytesize::ByteSize;
use clap::Args;
use serde::Serialize;

use crate::common::headers::Object;
use crate::common::identity;
use crate::recv::Content;

/// A message as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    place: u64,
    part: &'static str,
    id: Option<String>,
    time: String,
    age_seconds: f64,
    peer: Option<String>,
    tries: u32,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    died: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Whether its bytes are others than those that were stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Object<'a>>,
    #[serde(flatten)]
    content: Option<Content<'a>>,
}

impl<'a> Row<'a> {
    pub(super) fn of(part: Part, message: &'a Listed) -> Self {
        let death = message.death.as_ref();
        Self {
            place: message.place,
            part: name(part),
            id: message.id.map(|id| id.to_string()),
            time: time(message.at),
            age_seconds: since(message.at).as_secs_f64(),
            peer: message.peer.as_ref().map(identity::show),
            tries: message.tries,
            size: message.size,
            died: death.map(|death| time(death.at)),
            reason: death.map(|death| &*death.reason),
            damaged: None,
            headers: Object::of(&message.headers),
            content: None,
        }
    }

    pub(super) fn with_payload(part: Part, message: &'a Message) -> Self {
        Self {
            damaged: Some(!message.is_intact),
            content: Some(Content::of(&message.payload)),
            ..Self::of(part, message)
        }
    }
}

/// A number of messages and bytes as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Amount {
    messages: u64,
    bytes: u64,
}

impl From<Usage> for Amount {
    fn from(usage: Usage) -> Self {
        Self {
            messages: usage.messages,
            bytes: usage.bytes,
        }
    }
}

/// The choice of a part.
#[derive(Debug, Args)]
pub(super) struct Dead {
    /// The dead letters: the messages that were set aside, with the reason.
    #[arg(long)]
    dead: bool,
}

impl Dead {
    pub(super) fn part(&self) -> Part {
        match self.dead {
            true => Part::Dead,
            false => Part::Waiting,
        }
    }
}

pub(super) fn name(part: Part) -> &'static str {
    match part {
        Part::Waiting => "waiting",
        Part::Dead => "dead",
    }
}

/// Some messages of a part, in words.
pub(super) fn amount(part: Part, usage: Usage) -> impl fmt::Display {
    let what = match (part, usage.messages) {
        (Part::Waiting, 1) => "waiting message",
        (Part::Waiting, _) => "waiting messages",
        (Part::Dead, 1) => "dead letter",
        (Part::Dead, _) => "dead letters",
    };
    format!("{} {what}, {}", usage.messages, size(usage.bytes))
}

pub(super) fn size(bytes: u64) -> impl fmt::Display {
    ByteSize::b(bytes).display().iec()
}

pub(super) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// How long ago that was, in its two largest units.
pub(super) fn age(at: SystemTime) -> String {
    let seconds = Duration::from_secs(since(at).as_secs());
    let words = humantime::format_duration(seconds).to_string();
    let words: Vec<_> = words.split(' ').take(2).collect();
    words.join(" ")
}

/// No time, for what came later than this clock says.
pub(super) fn since(at: SystemTime) -> Duration {
    at.elapsed().unwrap_or_default()
}

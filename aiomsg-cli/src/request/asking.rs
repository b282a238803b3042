//! Requests on their way, and their replies.

use std::io::ErrorKind;
use std::time::Duration;

use aiomsg::parts::layers::request::Request;
use aiomsg::{Error, Socket};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use serde::Serialize;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::tally::{Ended, Tally};
use super::unwritten;
use crate::common::say::say;
use crate::common::stop::Stop;
use crate::recv::{Content, Output};
use crate::send::{Input, Read};

pub(super) struct Asking<'a> {
    pub(super) socket: &'a Socket,
    pub(super) service: Request<Socket>,
    pub(super) output: Output,
    pub(super) patience: Duration,
    /// How many requests wait for their replies at once.
    pub(super) in_flight: usize,
    pub(super) tally: Tally,
}

/// What became of a request.
struct Asked {
    number: u64,
    reply: Result<Bytes, Error>,
    time: Duration,
}

/// A reply as JSON.
#[derive(Serialize)]
struct Line<'a> {
    request: u64,
    seconds: f64,
    size: usize,
    #[serde(flatten)]
    content: Content<'a>,
}

type Waiting = FuturesOrdered<BoxFuture<'static, Asked>>;

impl Asking<'_> {
    pub(super) async fn all(&mut self, input: &mut Input, stop: &mut Stop) -> Ended {
        let mut waiting = Waiting::new();
        let mut batch = Vec::new().into_iter();
        let mut all_read = false;
        loop {
            while waiting.len() < self.in_flight
                && let Some(request) = batch.next()
            {
                waiting.push_back(self.ask(request));
            }
            let has_room = waiting.len() < self.in_flight && !all_read;
            if waiting.is_empty() && all_read {
                return Ended::AllRead;
            }
            tokio::select! {
                biased;
                stopped = stop.asked() => {
                    self.tally.left = (waiting.len() + batch.len()) as u64;
                    return Ended::Stopped(stopped);
                }
                () = self.output.closed() => return Ended::ReaderLeft,
                Some(asked) = waiting.next(), if !waiting.is_empty() => {
                    let noted = tokio::select! {
                        biased;
                        noted = self.note(asked) => noted,
                        stopped = stop.asked() => Err(Ended::Stopped(stopped)),
                    };
                    if let Err(ended) = noted {
                        return ended;
                    }
                }
                read = input.next(), if has_room => match read {
                    None => all_read = true,
                    Some(Ok(Read::Messages(requests))) => batch = requests.into_iter(),
                    Some(Ok(Read::Note(note))) => say(format_args!("note: {note}")),
                    Some(Ok(Read::Refused(why))) => self.tally.refuse(why),
                    Some(Err(failure)) => return Ended::Failed(failure),
                },
                // The replies are among the messages that arrive, so these are received.
                message = self.socket.recv_message() => match message {
                    Ok(_) => self.tally.other(),
                    Err(error) => return Ended::Failed(error.into()),
                },
            }
        }
    }

    fn ask(&mut self, request: Bytes) -> BoxFuture<'static, Asked> {
        let number = self.tally.ask();
        let mut service = self.service.clone();
        Box::pin(async move {
            let started = Instant::now();
            let reply = match service.ready().await {
                Ok(service) => service.call(request).await,
                Err(error) => Err(error),
            };
            Asked {
                number,
                reply,
                time: started.elapsed(),
            }
        })
    }

    async fn note(&mut self, asked: Asked) -> Result<(), Ended> {
        let Asked {
            number,
            reply,
            time,
        } = asked;
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) if error.is_closed() => return Err(Ended::Failed(error.into())),
            Err(error) => {
                self.tally.unanswered(number, &error, self.patience);
                return Ok(());
            }
        };
        let line = || Line {
            request: number,
            seconds: time.as_secs_f64(),
            size: reply.len(),
            content: Content::of(&reply),
        };
        // A command's output ends with a newline as a rule, and a line has one.
        let text = match reply.strip_suffix(b"\n") {
            Some(text) if self.output.has_lines() => text,
            _ => &reply,
        };
        let written = async {
            self.output.write(text, line).await?;
            self.output.flush().await
        };
        match written.await {
            Ok(()) => self.tally.answered += 1,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(Ended::ReaderLeft),
            Err(error) => return Err(Ended::Failed(unwritten(&error))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

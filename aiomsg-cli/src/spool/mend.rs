//! `aiomsg spool requeue` and `purge`: what changes a store.

mod consent;
mod work;

use aiomsg_spool::SpoolError;
use aiomsg_spool::inspect::{Mender, Part};
use clap::Args;
use serde::Serialize;

use super::row::{Amount, amount};
use super::{StoreArgs, open};
use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::print;
use crate::common::stop::Stop;
use work::{Done, Work};

/// Puts dead letters back, so that they are sent again
///
/// They wait behind the messages that wait already, as if they came now, with no tries and
/// under their ids. No process may have the store meanwhile. Ended by a signal, it leaves
/// the rest as it was.
#[derive(Debug, Args)]
pub(super) struct RequeueArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The places of the dead letters, as ls --dead lists them. [default: all]
    #[arg(value_name = "PLACE")]
    places: Vec<u64>,
}

/// Deletes the dead letters of a store
///
/// It asks before, or wants --yes where nobody can be asked. No process may have the store
/// meanwhile. Ended by a signal, it leaves the rest as it was.
#[derive(Debug, Args)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The places of the messages, as ls lists them. [default: all]
    #[arg(value_name = "PLACE")]
    places: Vec<u64>,
    /// Deletes the messages that wait, and no dead letters.
    #[arg(long)]
    waiting: bool,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn requeue(args: RequeueArgs, stop: &mut Stop) -> Outcome {
    let mending = Mending {
        verb: "requeued",
        part: Part::Dead,
        store: &args.store,
    };
    let work = mending.open(args.places.clone(), Mender::requeue).await?;
    mending.run(work, stop).await
}

pub(super) async fn purge(args: PurgeArgs, stop: &mut Stop) -> Outcome {
    let (part, change): (_, work::Change) = match args.waiting {
        true => (Part::Waiting, |it, places| it.purge(Part::Waiting, places)),
        false => (Part::Dead, |it, places| it.purge(Part::Dead, places)),
    };
    let mending = Mending {
        verb: "deleted",
        part,
        store: &args.store,
    };
    let work = mending.open(args.places.clone(), change).await?;
    if !args.yes {
        let what = work.what().map_err(|error| mending.failure(&error))?;
        consent::ask(&args.store.dir, &what, stop).await?;
    }
    mending.run(work, stop).await
}

/// What is done, to which messages.
struct Mending<'a> {
    verb: &'static str,
    part: Part,
    store: &'a StoreArgs,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    done: &'static str,
    #[serde(flatten)]
    changed: Amount,
    /// The places that had no such message.
    absent: &'a [u64],
}

impl Mending<'_> {
    async fn open(&self, places: Vec<u64>, change: work::Change) -> Outcome<Work> {
        let (dir, part) = (self.store.dir.clone(), self.part);
        off_thread(move || Ok(Work::new(open::to_mend(&dir)?, part, places, change))).await
    }

    fn failure(&self, error: &SpoolError) -> Failure {
        open::failure(&self.store.dir, error)
    }

    /// One transaction after the other, until all is done or a signal comes.
    async fn run(&self, mut work: Work, stop: &mut Stop) -> Outcome {
        let stopped = loop {
            if let Err(stopped) = stop.unless_asked(std::future::ready(())).await {
                break Some(stopped);
            }
            let stepped = off_thread(move || {
                let stepped = work.step();
                Ok((work, stepped))
            });
            let (back, stepped) = stepped.await?;
            work = back;
            match stepped {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => return Err(self.short(&error, work.done())),
            }
        };
        let (done, closed) = off_thread(move || Ok(work.close())).await?;
        closed.map_err(|error| self.short(&error, &done))?;
        match stopped {
            Some(stopped) => {
                let text = format!("stopped after {}", self.said(&done));
                Err(Failure::stopped(stopped, text))
            }
            None => self.tell(&done),
        }
    }

    fn said(&self, done: &Done) -> String {
        format!("{} {}", self.verb, amount(self.part, done.changed))
    }

    /// It failed on the way.
    fn short(&self, error: &SpoolError, done: &Done) -> Failure {
        let before = format!("before that, it {}", self.said(done));
        self.failure(error).but(before)
    }

    fn tell(&self, done: &Done) -> Outcome {
        match self.store.json {
            true => print::print_line(&Report {
                done: self.verb,
                changed: done.changed.into(),
                absent: &done.absent,
            })?,
            false => print::print_text(&format!("{}\n", self.said(done)))?,
        }
        let Some(first) = done.absent.first() else {
            return Ok(());
        };
        let what = match self.part {
            Part::Waiting => "message that waits",
            Part::Dead => "dead letter",
        };
        let more = match done.absent.len() - 1 {
            0 => String::new(),
            more => format!(", nor have {more} more of these places"),
        };
        let dir = self.store.dir.display();
        Err(Failure::failed(format!(
            "{dir}: no {what} has place {first}{more}"
        )))
    }
}

//! Large frames that have begun to come, of all connections together.
//!
//! Each may be as large as a message, so some connections that send most of one and no
//! more would hold a multiple of that. Together they have a bound, and beyond it the slowest
//! frame is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Error, ErrorKind, Link};
use tokio::time::Instant;

use super::blocks::BLOCK;

/// How much connections may hold of large frames that have begun to come and are not
/// whole, all together. Cheap to clone: clones are the same.
///
/// Frames of more than 64 KiB take part, each with the buffer that it is read into. When
/// they exceed the limit, the connection whose frame comes slowest ends with an error of
/// kind [`Limit`](ErrorKind::Limit). A frame that is alone is never too much.
///
/// ```
/// use aiomsg_core::Dialect;
/// use aiomsg_transport::codec::FrameCodec;
/// use aiomsg_transport::framed::{Framed, IncompleteFrames};
///
/// let incomplete = IncompleteFrames::new(256 << 20);
/// let (ours, _theirs) = tokio::io::duplex(1024);
/// let ours = Framed::new(ours, FrameCodec::new(Dialect::V1)).incomplete(incomplete.clone());
/// assert_eq!(incomplete.bytes(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct IncompleteFrames(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    frames: BTreeMap<u64, Incomplete>,
    next: u64,
    /// The bytes of the frames that are not dropped.
    bytes: usize,
}

#[derive(Debug)]
struct Incomplete {
    bytes: usize,
    pace: Pace,
    link: Link,
    /// The task to wake when it is dropped.
    waker: Option<Waker>,
    given_up: bool,
}

/// How fast it comes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The bytes that have come; half of them after each half-life.
    bytes: f64,
    /// For how long it has been coming, in half-lives. That in which reading was held
    /// back is not the peer's doing, and not counted.
    age: f64,
    at: Instant,
    holds: u64,
}

/// Bytes that came so long ago count half.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// A frame begins as if this much of it had come: its pace is not known yet.
const FIRST: f64 = BLOCK as f64;

/// What comes in less than this, in half-lives, is not said to be faster.
const MOMENT: f64 = 0.01;

impl IncompleteFrames {
    /// At most so many bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            table: Mutex::default(),
        }))
    }

    /// How many bytes are held.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock()
    }

    /// One more frame begins.
    pub(super) fn begin(&self, link: &Link) -> Ticket {
        let mut table = self.lock();
        let key = table.next;
        table.next += 1;
        let frame = Incomplete {
            bytes: 0,
            pace: Pace {
                bytes: FIRST,
                age: 0.0,
                at: Instant::now(),
                holds: link.holds(),
            },
            link: link.clone(),
            waker: None,
            given_up: false,
        };
        table.frames.insert(key, frame);
        Ticket {
            frames: self.clone(),
            key,
        }
    }
}

/// The place of one frame. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    frames: IncompleteFrames,
    key: u64,
}

impl Ticket {
    /// The frame holds this number of bytes from now on. If that is too much, the
    /// slowest frame is dropped.
    ///
    /// # Errors
    ///
    /// When it is this one, now or before.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.frames.0.limit;
        let mut woken = Vec::new();
        let mut table = self.frames.lock();
        table.resize(self.key, bytes);
        while table.bytes > limit
            && let Some(waker) = table.give_up_slowest()
        {
            woken.extend(waker);
        }
        let given_up = table.frames.get(&self.key).is_none_or(|it| it.given_up);
        drop(table);
        woken.into_iter().for_each(Waker::wake);
        match given_up {
            true => Err(too_slow(limit)),
            false => Ok(()),
        }
    }

    /// So many bytes of it have come.
    pub(super) fn add(&self, bytes: usize) {
        if let Some(frame) = self.frames.lock().frames.get_mut(&self.key) {
            frame.pace = frame.pace_now(Instant::now());
            frame.pace.bytes += bytes as f64;
        }
    }

    /// No bytes come. The task is woken when the frame is dropped; if it is dropped already,
    /// that is an error.
    pub(super) fn wait(&self, cx: &Context<'_>) -> Result<(), Error> {
        let waker = cx.waker().clone();
        let mut table = self.frames.lock();
        match table.frames.get_mut(&self.key) {
            Some(frame) if !frame.given_up => {
                let old = frame.waker.replace(waker);
                // It may be the last one of a task, whose end is not for under the lock.
                drop(table);
                drop(old);
                Ok(())
            }
            _ => Err(too_slow(self.frames.0.limit)),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.frames.lock();
        table.resize(self.key, 0);
        let frame = table.frames.remove(&self.key);
        drop(table);
        drop(frame);
    }
}

impl Table {
    fn resize(&mut self, key: u64, bytes: usize) {
        if let Some(frame) = self.frames.get_mut(&key)
            && !frame.given_up
        {
            self.bytes = self.bytes - frame.bytes + bytes;
            frame.bytes = bytes;
        }
    }

    /// Gives up the frame that comes slowest, of several. Of those whose reading is
    /// held back nothing can be said.
    fn give_up_slowest(&mut self) -> Option<Option<Waker>> {
        let now = Instant::now();
        let others = |it: &&mut Incomplete| !it.given_up && it.bytes > 0;
        if self.frames.values_mut().filter(others).count() < 2 {
            return None;
        }
        let slowest = self.frames.values_mut().filter(others).min_by(|a, b| {
            let (a, b) = (a.rank(now), b.rank(now));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })?;
        slowest.given_up = true;
        self.bytes -= std::mem::take(&mut slowest.bytes);
        Some(slowest.waker.take())
    }
}

impl Incomplete {
    fn pace_now(&self, now: Instant) -> Pace {
        let before = self.pace;
        let holds = self.link.holds();
        let half_lives = match holds == before.holds {
            true => now.duration_since(before.at).as_secs_f64() / HALF_LIFE.as_secs_f64(),
            false => 0.0,
        };
        Pace {
            bytes: before.bytes * (-half_lives).exp2(),
            age: before.age + half_lives,
            at: now,
            holds,
        }
    }

    /// The least one goes first.
    fn rank(&self, now: Instant) -> (bool, f64) {
        (self.link.is_held_back(), self.pace_now(now).rate())
    }
}

impl Pace {
    /// Of bytes that came at one rate all the time there are as many as this part of
    /// those that would be there if it had always been so.
    fn rate(&self) -> f64 {
        self.bytes / (1.0 - (-self.age.max(MOMENT)).exp2())
    }
}

#[cold]
fn too_slow(limit: usize) -> Error {
    Error::new(ErrorKind::Limit).with_reason(format!(
        "a large message came slower than others, and those that are not yet whole may hold \
         {limit} bytes all together"
    ))
}

#[cfg(test)]
mod tests;

//! One connection: two directions of bytes, and what may happen to them.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::Party;

/// How bytes travel in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) latency: Duration,
    /// How long a KiB takes.
    pub(crate) per_kib: Duration,
    /// How many bytes may be under way, or wait to be read.
    pub(crate) capacity: usize,
    /// The most bytes of one write, and of one read.
    pub(crate) largest_write: usize,
    pub(crate) largest_read: usize,
}

/// How a connection ends by a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    /// An orderly end, as far as the reader can tell, and not a reset.
    pub(crate) looks_orderly: bool,
    /// What was under way still arrives.
    pub(crate) keeps: bool,
}

#[derive(Debug)]
pub(crate) struct Link {
    /// Whoever dialled, and whoever accepted.
    pub(crate) parties: [Party; 2],
    /// From the first party to the second, and back.
    pub(crate) pipes: [Pipe; 2],
    pub(crate) broken: Option<Break>,
    /// What is done by a reset that an end causes when it goes without having
    /// read everything.
    pub(crate) on_reset: Break,
    /// Each small write is taken once and arrives twice.
    pub(crate) repeats: bool,
    /// What looks like an orderly end and is none is known for what it is.
    pub(crate) tls: bool,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) weather: Weather,
    /// Every byte that was ever taken.
    pub(crate) taken: Vec<u8>,
    /// When which bytes arrive.
    arrivals: VecDeque<(Instant, usize)>,
    arrived: usize,
    pub(crate) read: usize,
    /// Nothing arrives, not even the end.
    pub(crate) stalled: bool,
    /// When the end arrives.
    finished: Option<Instant>,
    /// The writer has said that it ends, and did not just go.
    said_so: bool,
    /// The reader has seen an orderly end.
    pub(crate) saw_end: bool,
    /// The first of what follows the handshake was read when whoever sent it had
    /// left the connection already.
    pub(crate) late: bool,
    /// Where the connection breaks, and how.
    pub(crate) cut: Option<(usize, Break)>,
    /// The end that reads is gone.
    pub(crate) reader_gone: bool,
    /// When bytes came last to the system of the reader, and to the reader.
    came: Option<Instant>,
    heard: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(weather: Weather) -> Self {
        Self {
            weather,
            taken: Vec::new(),
            arrivals: VecDeque::new(),
            arrived: 0,
            read: 0,
            stalled: false,
            finished: None,
            said_so: false,
            saw_end: false,
            late: false,
            cut: None,
            reader_gone: false,
            came: None,
            heard: None,
            reader: None,
            writer: None,
        }
    }

    fn take(&mut self, bytes: &[u8], now: Instant) {
        let begins = match self.arrivals.back() {
            Some(&(last, _)) => last.max(now + self.weather.latency),
            None => now + self.weather.latency,
        };
        let travels = self.weather.per_kib.mul_f64(bytes.len() as f64 / 1024.0);
        self.taken.extend_from_slice(bytes);
        let position = self.taken.len();
        self.arrivals.push_back((begins + travels, position));
    }

    fn arrive(&mut self, now: Instant) {
        while let Some(&(at, position)) = self.arrivals.front()
            && at <= now
        {
            self.arrived = position;
            self.came = Some(at);
            self.arrivals.pop_front();
        }
    }

    /// The link is quick from now on, and what is under way arrives as if it had
    /// been sent just now.
    pub(crate) fn hurry(&mut self) {
        self.weather.per_kib = self.weather.per_kib.min(Duration::from_millis(1));
        self.weather.capacity = self.weather.capacity.max(64 << 10);
        let by = Instant::now() + self.weather.latency;
        for (at, _) in &mut self.arrivals {
            *at = by.min(*at);
        }
        self.finished = self.finished.map(|at| by.min(at));
    }

    /// What was taken, and has not come to the system of the reader.
    pub(crate) fn under_way(&mut self) -> usize {
        if !self.stalled {
            self.arrive(Instant::now());
        }
        self.taken.len() - self.arrived
    }

    fn unread(&self) -> usize {
        self.taken.len() - self.read
    }
}

/// The most bytes that the handshake of a host has.
const HANDSHAKE: usize = 22;

/// What a reader is told.
pub(crate) enum Read {
    Done(io::Result<usize>),
    /// Nothing now. There will be something at this time, if nothing changes.
    Wait(Option<Instant>),
}

impl Link {
    pub(crate) fn new(parties: [Party; 2], weather: [Weather; 2], on_reset: Break) -> Self {
        Self {
            parties,
            pipes: weather.map(Pipe::new),
            broken: None,
            on_reset,
            repeats: false,
            tls: false,
        }
    }

    /// Whether both ends are there and nothing has broken it.
    pub(crate) fn is_up(&self) -> bool {
        self.broken.is_none() && self.pipes.iter().all(|pipe| !pipe.reader_gone)
    }

    /// Whether both ends have said more than who they are.
    pub(crate) fn is_greeted(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.taken.len() > HANDSHAKE)
    }

    /// Whether the party `side` has heard the other one of late, and its own bytes have
    /// gone on.
    pub(crate) fn goes_on(&mut self, side: usize, late: Duration) -> bool {
        let now = Instant::now();
        let of_late = |at: Option<Instant>| at.is_some_and(|at| at + late > now);
        let heard = of_late(self.pipes[1 - side].heard);
        let ours = &mut self.pipes[side];
        heard && (ours.under_way() == 0 || of_late(ours.came))
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.unread() == 0)
    }

    /// Reads as the party `side`.
    pub(crate) fn read(&mut self, side: usize, buf: &mut [u8], cx: &Context<'_>) -> Read {
        let (broken, tls) = (self.broken, self.tls);
        let sender_is_gone = self.pipes[side].reader_gone;
        let now = Instant::now();
        let pipe = &mut self.pipes[1 - side];
        pipe.reader = Some(cx.waker().clone());
        if pipe.stalled {
            return Read::Wait(None);
        }
        pipe.arrive(now);
        let may_read = broken.is_none_or(|how| how.keeps);
        let there = pipe.arrived - pipe.read;
        if there > 0 && may_read {
            let count = there.min(buf.len()).min(pipe.weather.largest_read);
            buf[..count].copy_from_slice(&pipe.taken[pipe.read..pipe.read + count]);
            pipe.late |= sender_is_gone && pipe.read <= HANDSHAKE;
            pipe.read += count;
            pipe.heard = Some(now);
            wake(&mut pipe.writer);
            return Read::Done(Ok(count));
        }
        if let Some(how) = broken
            && (!how.keeps || pipe.arrivals.is_empty())
        {
            return Read::Done(match (how.looks_orderly, tls) {
                (true, false) => Ok(0),
                (true, true) => Err(io::ErrorKind::UnexpectedEof.into()),
                (false, _) => Err(io::ErrorKind::ConnectionReset.into()),
            });
        }
        if let Some(&(at, _)) = pipe.arrivals.front() {
            return Read::Wait(Some(at));
        }
        match pipe.finished {
            Some(at) if at <= now && tls && !pipe.said_so => {
                Read::Done(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Some(at) if at <= now => {
                pipe.saw_end = true;
                Read::Done(Ok(0))
            }
            finished => Read::Wait(finished),
        }
    }

    /// Writes as the party `side`.
    pub(crate) fn write(
        &mut self,
        side: usize,
        bytes: &[u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() && !self.pipes[1 - side].stalled {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let (on_reset, repeats) = (self.on_reset, self.repeats);
        let pipe = &mut self.pipes[side];
        if pipe.finished.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        pipe.writer = Some(cx.waker().clone());
        let room = pipe.weather.capacity.saturating_sub(pipe.unread());
        let mut count = bytes.len().min(room).min(pipe.weather.largest_write);
        if let Some((cut, how)) = pipe.cut {
            count = count.min(cut.saturating_sub(pipe.taken.len()));
            if count == 0 {
                self.break_now(how);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        if count == 0 {
            return Poll::Pending;
        }
        pipe.take(&bytes[..count], Instant::now());
        if repeats && count == bytes.len() && pipe.taken.len() > 2 * count {
            pipe.take(&bytes[..count], Instant::now());
        }
        wake(&mut pipe.reader);
        if pipe.reader_gone && !self.pipes[1 - side].stalled {
            // What is sent to an end that is gone is answered with a reset.
            self.break_now(on_reset);
        }
        Poll::Ready(Ok(count))
    }

    /// The party `side` says that nothing more is written by it.
    pub(crate) fn finish(&mut self, side: usize) {
        self.pipes[side].said_so = true;
        self.end(side);
    }

    fn end(&mut self, side: usize) {
        let pipe = &mut self.pipes[side];
        if pipe.finished.is_none() {
            let after = pipe.arrivals.back().map(|&(at, _)| at);
            let at = Instant::now() + pipe.weather.latency;
            pipe.finished = Some(after.map_or(at, |after| after.max(at)));
        }
        wake(&mut pipe.reader);
    }

    /// The end of the party `side` is gone.
    pub(crate) fn leave(&mut self, side: usize) {
        self.end(side);
        let inbound = &mut self.pipes[1 - side];
        inbound.reader_gone = true;
        if inbound.unread() > 0 && self.broken.is_none() && !self.pipes[side].stalled {
            self.break_now(self.on_reset);
        }
    }

    pub(crate) fn break_now(&mut self, how: Break) {
        self.broken.get_or_insert(how);
        self.wake_all();
    }

    pub(crate) fn wake_all(&mut self) {
        for pipe in &mut self.pipes {
            wake(&mut pipe.reader);
            wake(&mut pipe.writer);
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

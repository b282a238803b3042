//! A receiver that hands nothing over: it finds frames by their lengths, and
//! counts them. No library can be like that; it shows what handing over costs.

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::Raw;
use super::frames::{HEADER, READ, frame_len};
use super::open::open;
use crate::drive::{self, Incoming, Inlet, Tally, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

pub(crate) struct RawCounted;

impl Library for RawCounted {
    fn name(&self) -> &'static str {
        "raw-counted"
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        job.plain()?;
        Raw.sender(job, parent)
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        Raw.publisher(job, parent)
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        job.plain()?;
        // It does not look at the times in messages.
        if job.pace.is_some() {
            return Err(Failure::Unsupported);
        }
        block_on(async {
            let streams = open(job, parent).await?;
            let inlets = streams.into_iter().map(Counter::new).collect();
            drive::receive(job, parent, Together::Tasks, inlets).await
        })
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        self.receiver(job, parent)
    }
}

struct Counter {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Counter {
    fn new(stream: TcpStream) -> Self {
        let buffer = BytesMut::with_capacity(READ);
        Self { stream, buffer }
    }
}

impl Inlet for Counter {
    type Message = Length;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Length>, Failure> {
        loop {
            if let Some(len) = frame_len(&self.buffer)
                && len <= self.buffer.len()
            {
                self.buffer.advance(len);
                return Ok(Some(Length(len - HEADER)));
            }
            // Nobody has a part of the buffer, so its room is used again.
            self.buffer.reserve(READ / 2);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Failure::new("the connection ended"));
            }
        }
    }
}

/// The length of a payload that nobody has looked at.
struct Length(usize);

impl Incoming for Length {
    #[inline]
    fn count(&self, tally: &mut Tally) -> Outcome {
        tally.note_size(self.0)
    }
}

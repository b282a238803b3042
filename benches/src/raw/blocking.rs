//! The limit without a runtime: blocking sockets, a thread for each.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frames::{READ, Unwritten, split};
use crate::drive::{self, Inlet, Outlet, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

/// How long a read waits before something else is looked at.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct RawBlocking;

impl Library for RawBlocking {
    fn name(&self) -> &'static str {
        "raw-blocking"
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        job.plain()?;
        if job.address.is_none() {
            return Err(Failure::Unsupported);
        }
        let connections = open(job, parent)?;
        block_on(drive::send(job, parent, Together::Threads, connections))
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        job.plain()?;
        let connections = open(job, parent)?;
        block_on(drive::receive(job, parent, Together::Threads, connections))
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(drive::ping(job, parent, one(job, parent)?))
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(drive::echo(job, parent, one(job, parent)?))
    }
}

fn one(job: &Job, parent: &Parent) -> Result<Connection, Failure> {
    let connection = open(job, parent)?.pop();
    connection.ok_or_else(|| Failure::new("there is no connection"))
}

fn open(job: &Job, parent: &Parent) -> Result<Vec<Connection>, Failure> {
    let mut connections = Vec::with_capacity(job.peers);
    let mut add = |stream: TcpStream| {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PAUSE))?;
        connections.push(Connection {
            stream,
            unwritten: Unwritten::new(),
            buffer: BytesMut::new(),
        });
        Ok::<_, Failure>(())
    };
    match &job.address {
        Some(address) => {
            for _ in 0..job.peers {
                add(TcpStream::connect(address)?)?;
            }
        }
        None => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            parent.listening(listener.local_addr()?);
            for _ in 0..job.peers {
                add(listener.accept()?.0)?;
            }
        }
    }
    Ok(connections)
}

struct Connection {
    stream: TcpStream,
    unwritten: Unwritten,
    buffer: BytesMut,
}

impl Outlet for Connection {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        if self.unwritten.push(message) {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome {
        if let Some(block) = self.unwritten.only_block() {
            self.stream.write_all(block)?;
        } else {
            let mut slices = self.unwritten.slices();
            let mut rest = slices.as_mut_slice();
            while !rest.is_empty() {
                let written = self.stream.write_vectored(rest)?;
                if written == 0 {
                    return Err(Failure::new("the connection takes no more"));
                }
                IoSlice::advance_slices(&mut rest, written);
            }
        }
        self.unwritten.clear();
        Ok(())
    }
}

impl Inlet for Connection {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(frame) = split(&mut self.buffer) {
                return Ok(Some(frame));
            }
            match self.fill() {
                Ok(0) => return Err(Failure::new("the connection ended")),
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Connection {
    /// Reads behind what is there.
    fn fill(&mut self) -> std::io::Result<usize> {
        let filled = self.buffer.len();
        // `Read` wants bytes that are written already, so the length is set
        // first and corrected after.
        self.buffer.resize(filled + READ / 2, 0);
        let read = self.stream.read(&mut self.buffer[filled..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(filled + count);
        read
    }
}

//! The limit: the same frames over TCP, by the shortest program that still does
//! what a library must.
//!
//! Frames are copied into writes of 64 KiB (large ones are written from where they
//! are, as much at once), and the receiver hands over each as an owned `Bytes`. There is no
//! queue, no peer, and nothing that is done when a connection ends.

mod blocking;
mod counted;
mod frames;
mod open;
mod publish;
mod tasks;
mod tls;

pub(crate) use blocking::RawBlocking;
pub(crate) use counted::RawCounted;
pub(crate) use tasks::RawTasks;

use tokio::net::{TcpListener, TcpStream};

use crate::drive::{self, Locked, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;
use frames::{Both, Reader, Writer};
use open::open;
use publish::Publisher;

/// What all ratios refer to.
pub(crate) struct Raw;

impl Library for Raw {
    fn name(&self) -> &'static str {
        crate::LIMIT
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            // There is no limit of spreading messages over peers.
            if job.address.is_none() {
                return Err(Failure::Unsupported);
            }
            let streams = open(job, parent).await?;
            match &job.tls {
                None if job.tasks > 1 => {
                    let outlet = only(streams.into_iter().map(Writer::new))?;
                    drive::send_from_tasks(job, parent, Locked::new(outlet)).await
                }
                None => {
                    let outlets = streams.into_iter().map(Writer::new).collect();
                    drive::send(job, parent, Together::Tasks, outlets).await
                }
                Some(certificate) => {
                    let streams = tls::connect(certificate, streams).await?;
                    let outlets = streams.into_iter().map(Writer::new).collect();
                    drive::send(job, parent, Together::Tasks, outlets).await
                }
            }
        })
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let streams = open(job, parent).await?;
            match &job.tls {
                None => {
                    let inlets = streams.into_iter().map(Reader::new).collect();
                    drive::receive(job, parent, Together::Tasks, inlets).await
                }
                Some(certificate) => {
                    let streams = tls::accept(certificate, streams).await?;
                    let inlets = streams.into_iter().map(Reader::new).collect();
                    drive::receive(job, parent, Together::Tasks, inlets).await
                }
            }
        })
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::ping(job, parent, one(job, parent).await?).await })
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::echo(job, parent, one(job, parent).await?).await })
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::pipeline(job, parent, one(job, parent).await?).await })
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        self.echo(job, parent)
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let outlet = Publisher::new(open(job, parent).await?);
            drive::send(job, parent, Together::Tasks, vec![outlet]).await
        })
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        self.receiver(job, parent)
    }

    fn proxy(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let (front, back) = tokio::try_join!(
                TcpListener::bind("127.0.0.1:0"),
                TcpListener::bind("127.0.0.1:0")
            )?;
            let addresses = (front.local_addr()?, back.local_addr()?);
            parent.listening(format_args!("{} {}", addresses.0, addresses.1));
            let ((front, _), (back, _)) = tokio::try_join!(front.accept(), back.accept())?;
            for stream in [&front, &back] {
                stream.set_nodelay(true)?;
            }
            drive::relay(job, parent, Reader::new(front), Writer::new(back)).await
        })
    }
}

async fn one(job: &Job, parent: &Parent) -> Result<Both<TcpStream>, Failure> {
    Ok(Both::new(only(open(job, parent).await?)?))
}

fn only<T>(connections: impl IntoIterator<Item = T>) -> Result<T, Failure> {
    let mut connections = connections.into_iter();
    let first = connections.next();
    first.ok_or_else(|| Failure::new("there is no connection"))
}

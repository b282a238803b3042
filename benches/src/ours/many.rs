//! aiomsg by `send_many` and `recv_many`: for programs that have many messages at
//! once.

use std::collections::VecDeque;

use aiomsg::{Delivery, Outbound, Socket, SocketBuilder};
use bytes::Bytes;

use super::{Aiomsg, End, hop};
use crate::drive::{self, Inlet, Outlet, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

/// How many messages are handed over at once.
const AT_ONCE: usize = 64;

pub(crate) struct AiomsgMany;

impl Library for AiomsgMany {
    fn name(&self) -> &'static str {
        "aiomsg-many"
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        if job.addressed {
            return Err(Failure::Unsupported);
        }
        match job.at_least_once {
            false => send(job, parent, SocketBuilder::build),
            true => send(job, parent, |builder| builder.at_least_once().build()),
        }
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let ends = Aiomsg::Plain
                .open(job, parent, SocketBuilder::build)
                .await?;
            let ends = ends.into_iter().map(Many::from).collect();
            drive::receive(job, parent, Together::Tasks, ends).await
        })
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        send(job, parent, |builder| builder.publish().build())
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        self.receiver(job, parent)
    }

    fn proxy(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let [front, back] = hop(parent).await?.map(Many::from);
            drive::relay(job, parent, front, back).await
        })
    }
}

fn send(
    job: &Job,
    parent: &Parent,
    build: impl Fn(SocketBuilder) -> Result<Socket, aiomsg::Error>,
) -> Outcome {
    block_on(async {
        let ends = Aiomsg::Plain.open(job, parent, build).await?;
        let ends = ends.into_iter().map(Many::from).collect();
        drive::send(job, parent, Together::Tasks, ends).await
    })
}

struct Many {
    socket: Socket,
    outgoing: VecDeque<Outbound>,
    incoming: VecDeque<Delivery>,
}

impl From<End> for Many {
    fn from(End(socket): End) -> Self {
        Self {
            socket,
            outgoing: VecDeque::with_capacity(AT_ONCE),
            incoming: VecDeque::with_capacity(AT_ONCE),
        }
    }
}

impl Outlet for Many {
    async fn prepare(&mut self, peers: usize) -> Outcome {
        Ok(self.socket.wait_for_peers(peers).await?)
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.outgoing.push_back(Outbound::new(message));
        if self.outgoing.len() == AT_ONCE {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome {
        Ok(self.socket.send_many(&mut self.outgoing).await?)
    }

    async fn finish(&mut self) -> Outcome {
        self.flush().await?;
        End(self.socket.clone()).finish().await
    }
}

impl Inlet for Many {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.incoming.is_empty() {
            let mut messages = Vec::from(std::mem::take(&mut self.incoming));
            self.socket.recv_many(&mut messages, AT_ONCE).await?;
            self.incoming = messages.into();
        }
        Ok(self.incoming.pop_front().map(Delivery::into_payload))
    }
}

//! The limit with a task for the connection, to and from which messages go by
//! channels: what that costs alone, before there is anything in it. For a round
//! trip only, where it is what counts.

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::frames::Both;
use super::one;
use crate::drive::{self, Inlet, Outlet, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

/// More than are ever under way.
const ROOM: usize = 16;

pub(crate) struct RawTasks;

impl Library for RawTasks {
    fn name(&self) -> &'static str {
        "raw-tasks"
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::ping(job, parent, Program::new(one(job, parent).await?)).await })
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::echo(job, parent, Program::new(one(job, parent).await?)).await })
    }
}

/// The end that the program has.
struct Program {
    outgoing: mpsc::Sender<Bytes>,
    incoming: mpsc::Receiver<Bytes>,
}

impl Program {
    fn new(connection: Both<TcpStream>) -> Self {
        let (outgoing, to_send) = mpsc::channel(ROOM);
        let (received, incoming) = mpsc::channel(ROOM);
        tokio::spawn(run(connection, to_send, received));
        Self { outgoing, incoming }
    }
}

/// The task of a connection, until either end is gone.
async fn run(
    mut connection: Both<TcpStream>,
    mut to_send: mpsc::Receiver<Bytes>,
    received: mpsc::Sender<Bytes>,
) -> Outcome {
    loop {
        let message = tokio::select! {
            biased;
            message = to_send.recv() => message,
            message = connection.recv() => {
                if let Some(message) = message? {
                    received.send(message).await?;
                }
                continue;
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        connection.send(message).await?;
        connection.flush().await?;
    }
}

impl Inlet for Program {
    type Message = Bytes;

    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.incoming.recv().await {
            Some(message) => Ok(Some(message)),
            None => Err(Failure::new("the connection ended")),
        }
    }
}

impl Outlet for Program {
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.outgoing.send(message).await?)
    }
}

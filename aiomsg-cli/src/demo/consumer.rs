//! The consumers of the demo.

use std::time::Duration;

use aiomsg::{Endpoint, Socket};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::common::failure::{Failure, Outcome};

/// How long each step of the end may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Which consumer did which job.
pub(super) type Done = (u32, Bytes);

pub(super) struct Consumer {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Outcome>,
}

impl Consumer {
    pub(super) fn start(
        number: u32,
        socket: Socket,
        proxy: &Endpoint,
        done: &mpsc::Sender<Done>,
    ) -> Outcome<Self> {
        socket.connect(proxy.clone())?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(work(number, socket, done.clone(), stopped));
        Ok(Self { stop, task })
    }

    /// Ends when it has done what it was sent.
    pub(super) async fn stop(self) -> Outcome {
        // An error means that it has ended already. The next line says why.
        let _ = self.stop.send(());
        self.task.await.map_err(|error| Failure::because(&error))?
    }
}

async fn work(
    number: u32,
    socket: Socket,
    done: mpsc::Sender<Done>,
    mut stopped: oneshot::Receiver<()>,
) -> Outcome {
    loop {
        let job = tokio::select! {
            job = socket.recv() => job?,
            _ = &mut stopped => break,
        };
        // An error says that nobody counts any more.
        let _ = done.send((number, job)).await;
    }
    // No other consumer gets the jobs that were sent to this one. Receiving while the
    // socket closes makes room for those that are still outside.
    let rest = async {
        while let Ok(job) = socket.recv().await {
            let _ = done.send((number, job)).await;
        }
    };
    tokio::join!(rest, socket.close(DEADLINE));
    Ok(())
}

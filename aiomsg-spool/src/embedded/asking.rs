//! The future of messages that are given out.

use std::pin::Pin;
use std::sync::Weak;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::writer::Command;
use crate::SpoolError;
use crate::store::Stored;

/// Waits for messages. Dropped before it is ready, it gives back those that are on their
/// way.
#[derive(Debug)]
pub(super) struct Asking {
    answer: oneshot::Receiver<Result<Vec<Stored>, SpoolError>>,
    /// An ask does not keep the store open.
    commands: Weak<Sender<Command>>,
}

impl Asking {
    pub(super) fn new(
        answer: oneshot::Receiver<Result<Vec<Stored>, SpoolError>>,
        commands: Weak<Sender<Command>>,
    ) -> Self {
        Self { answer, commands }
    }
}

impl Future for Asking {
    type Output = Result<Vec<Stored>, SpoolError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx);
        answer.map(|it| it.unwrap_or(Err(SpoolError::Closed)))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.answer.close();
        if let Ok(Ok(untaken)) = self.answer.try_recv()
            && let Some(commands) = self.commands.upgrade()
        {
            // A thread that has ended leaves them in the store.
            let _ = commands.send(Command::Untaken(untaken));
        }
    }
}

//! The end of a session, in which the peer reads everything that it was sent.
//!
//! ```text
//!  we end:         send all ─▶ (a sign of life) ─▶ end our direction ─▶ read to the peer's end
//!  the peer ends:  send the owed acknowledgements ─▶ end our direction
//!  a write fails:  read the rest, if there is room
//! ```

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aiomsg_core::{Connection, Error, ErrorKind};
use tokio::time::{Sleep, sleep, timeout};

use super::pump::{ReadBatch, Session, StreamState, is_wrong};
use super::{Farewells, Intake};
use crate::heartbeat::Patience;

/// How long an ended session that has sent no message waits for more of a peer that
/// never ends its direction, or has sent something wrong. The bytes of the peer are read
/// to their end, whether or not the intake has room. Otherwise they would be lost, and
/// the system would reset the connection, which can take from the peer the bytes that
/// it has not read yet.
const LINGER: Duration = Duration::from_millis(200);

/// How long it waits for more of a peer that ends its direction: a message that was sent
/// before the peer has seen our end may take a while to come.
const LATE: Duration = Duration::from_secs(2);

/// How long either goes on while more comes: a peer may ignore the end.
const LONGEST_LINGER: Duration = Duration::from_secs(5);

/// The most bytes that are read then. The system holds less for one connection.
const LINGER_BYTES: usize = 32 << 20;

/// How long an ended session waits until the peer has read its messages, and has ended its
/// own direction, if the close has no deadline.
const LONGEST: Duration = Duration::from_secs(60);

/// A peer that never ends its direction has read everything when it is silent for longer
/// than the time between two heartbeats.
const SILENCE: Duration = Duration::from_secs(6);

/// How many batches are read of a connection that can send no more, if there is room.
const LAST_ROUNDS: usize = 128;

/// The time limit for answering the peer's end.
const ANSWER: Duration = Duration::from_millis(500);

/// The most bytes that are read behind a wrong frame, of those that have arrived. A
/// message over the limit by less than this does not cost the ones behind it.
const BEHIND: u64 = 256 << 10;

/// The settings for the end of a connection.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) patience: Patience,
    pub(super) peer_never_ends: bool,
    /// Bounds the connections that are turned away at once.
    pub(super) farewells: Option<Farewells>,
}

impl<C: Connection, I: Intake> Session<C, I> {
    /// Sends the queue, and ends the connection in good order.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        self.left.queue.close();
        let mut longest = pin!(sleep(LONGEST));
        poll_fn(|cx| self.poll_all_sent(cx)).await?;
        if !self.is_anything_at_stake() {
            poll_fn(|cx| self.connection.poll_close(cx)).await?;
            match self.ending.peer_never_ends {
                true => self.linger(LINGER).await,
                // Messages that it sent before it heard of the end may take a while.
                false => self.linger(LATE).await,
            }
            return Ok(());
        }
        if self.ending.peer_never_ends {
            // A stopped or busy program is silent, too.
            let read = self.left.link.read();
            poll_fn(|cx| self.poll_life(cx, read, &mut longest)).await?;
        }
        poll_fn(|cx| self.connection.poll_close(cx)).await?;
        let mut bytes = 0;
        let mut silence = pin!(sleep(SILENCE));
        let mut read = self.left.link.read();
        poll_fn(|cx| {
            while let Poll::Ready(result) = self.poll_rest(cx) {
                match result {
                    _ if self.stream == StreamState::Ended => return Poll::Ready(Ok(())),
                    Ok(more) => bytes += more,
                    Err(error) if is_end(&error) => return Poll::Ready(Ok(())),
                    Err(error) => return Poll::Ready(Err(error)),
                }
                if bytes >= LINGER_BYTES {
                    return Poll::Ready(Err(gone_on()));
                }
            }
            if self.ending.peer_never_ends {
                if std::mem::replace(&mut read, self.left.link.read()) != read {
                    silence.set(sleep(SILENCE));
                }
                if silence.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
            }
            self.poll_longest(cx, &mut longest).map(Err)
        })
        .await?;
        self.left.unconfirmed = 0;
        Ok(())
    }

    /// Whether the peer may lose anything. If the close has a deadline, it has waited for
    /// acknowledgements already; otherwise they come until the end.
    fn is_anything_at_stake(&self) -> bool {
        let requests = !self.ending.patience.is_patient() && self.has_sent();
        self.left.unconfirmed > 0 || requests
    }

    /// Sends all messages, and all owed acknowledgements.
    fn poll_all_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Poll::Ready(error) = self.poll_run(cx) {
            return Poll::Ready(Err(error));
        }
        let queued = !self.left.batch.is_empty() || !self.left.queue.is_empty();
        if !queued && self.acks.is_empty() {
            return self.connection.poll_flush(cx);
        }
        Poll::Pending
    }

    /// Ready when the peer has sent anything since then.
    fn poll_life(
        &mut self,
        cx: &mut Context<'_>,
        read: u64,
        longest: &mut Pin<&mut Sleep>,
    ) -> Poll<Result<(), Error>> {
        if let Poll::Ready(error) = self.poll_run(cx) {
            return Poll::Ready(Err(error));
        }
        match self.left.link.read() == read {
            true => self.poll_longest(cx, longest).map(Err),
            false => Poll::Ready(Ok(())),
        }
    }

    /// Ready when it takes too long, if the close has no deadline.
    fn poll_longest(&self, cx: &mut Context<'_>, longest: &mut Pin<&mut Sleep>) -> Poll<Error> {
        ready!(longest.as_mut().poll(cx));
        match self.ending.patience.is_patient() {
            true => Poll::Pending,
            false => Poll::Ready(
                Error::new(ErrorKind::Timeout)
                    .with_reason("the peer has not read everything before this end closed it"),
            ),
        }
    }

    /// Reads until the peer ends its direction, or is silent for this long.
    async fn linger(&mut self, silence: Duration) {
        let rest = async {
            let mut bytes = 0;
            while bytes < LINGER_BYTES
                && let Ok(Ok(more)) = timeout(silence, poll_fn(|cx| self.poll_rest(cx))).await
            {
                bytes += more;
            }
        };
        let _ = timeout(LONGEST_LINGER, rest).await;
    }

    /// Finishes a connection that has ended with this error.
    pub(super) async fn leave(&mut self, error: &Error) {
        match self.stream {
            StreamState::Open if is_wrong(error) => {
                let place = self.ending.farewells.as_ref().map(Farewells::begin);
                match place {
                    Some(None) => self.settle().await,
                    _place => _ = timeout(LONGEST_LINGER, self.turn_away()).await,
                }
            }
            // The peer has said goodbye, reads the rest, and waits for our end, which says
            // that we have read everything.
            StreamState::Ended => {
                self.left.unconfirmed = 0;
                let _ = timeout(ANSWER, self.say_end()).await;
            }
            // The system takes no more bytes, and may have some for us.
            StreamState::Open if error.is_disconnected() => {
                let mut rounds = 0;
                poll_fn(|cx| {
                    rounds += 1;
                    if rounds <= LAST_ROUNDS && self.poll_receive(cx).is_ok_and(|more| more) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                })
                .await;
            }
            _ => self.settle().await,
        }
    }

    /// Writes the owed acknowledgements, as far as the connection takes them at once, just
    /// before it is dropped.
    ///
    /// # Cancel safety
    ///
    /// It does not wait, so it is not cancelled.
    pub async fn settle(&mut self) {
        poll_fn(|cx| {
            if let Poll::Ready(Ok(())) = self.poll_send_first(cx) {
                let _ = self.connection.poll_flush(cx);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Ends the connection of a peer that has sent something unacceptable. Everything else
    /// that has arrived is read and acknowledged, and the connection ends in good order.
    async fn turn_away(&mut self) {
        let begin = self.left.link.read();
        poll_fn(|cx| {
            // A large message is read with a pause after each block.
            let mut pauses = 0;
            loop {
                let before = self.left.link.read();
                match self.poll_rest(cx) {
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) if is_wrong(&error) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending if self.left.link.read() > before => pauses = 0,
                    Poll::Pending if self.left.link.is_passing() && pauses == 0 => pauses = 1,
                    Poll::Pending => return Poll::Ready(()),
                }
                if self.left.link.read() - begin >= BEHIND {
                    return Poll::Ready(());
                }
            }
        })
        .await;
        if self.work().await.is_err() || self.say_end().await.is_err() {
            return;
        }
        match self.left.link.is_passing() {
            // The peer is in the middle of a large message, and should stop there.
            true => sleep(LINGER).await,
            false => self.linger(LINGER).await,
        }
    }

    /// Waits until the layers have handled the messages that were read, and acknowledges
    /// them. Otherwise they would be sent again, together with the unacceptable one.
    async fn work(&mut self) -> Result<(), Error> {
        poll_fn(|cx| {
            self.intake.poll_work(cx, &mut self.acks)?;
            if self.poll_send_first(cx)?.is_ready() {
                ready!(self.connection.poll_flush(cx))?;
            }
            match self.intake.is_idle() && self.acks.is_empty() {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Ends our direction, behind the owed acknowledgements.
    async fn say_end(&mut self) -> Result<(), Error> {
        poll_fn(|cx| {
            ready!(self.poll_send_first(cx))?;
            self.connection.poll_close(cx)
        })
        .await
    }

    /// Reads the peer's bytes, even without room, and returns how many.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        self.intake.poll_work(cx, &mut self.acks)?;
        let room = ready!(self.intake.poll_last(cx))?;
        let ReadBatch { bytes, ended, .. } = self.read_batch(cx, room);
        if bytes > 0 {
            self.intake.take(&mut self.arrived)?;
            return Poll::Ready(Ok(bytes));
        }
        ended.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

/// Whether the peer has ended the connection without TLS's goodbye, as Python does once it
/// has read our end. That is no reset, which would have cut off unread bytes.
fn is_end(error: &Error) -> bool {
    let io = error.io();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
}

fn gone_on() -> Error {
    Error::new(ErrorKind::Limit).with_reason(
        "the peer goes on sending, and does not notice that this end has ended the connection",
    )
}

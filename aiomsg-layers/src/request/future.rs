use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aiomsg_core::{BoxError, Error, ErrorKind, Identity, Outbound};
use bytes::Bytes;
use pin_project::pin_project;
use tokio::time::{Sleep, sleep};

use super::ids;
use super::names::DEADLINE;
use super::pending::{Failed, Outcome, Ticket};

/// The future of [`Request`](super::Request): ready when the answer is there.
///
/// # Cancel safety
///
/// Dropping the future frees the request's place among the pending ones. An answer that
/// comes later is counted as late. The request may have been sent.
#[derive(Debug)]
#[pin_project]
pub struct RequestFuture<F> {
    #[pin]
    stage: Stage<F>,
    #[pin]
    sleep: Sleep,
    timeout: Duration,
    peer: Option<Identity>,
    ticket: Ticket,
}

#[derive(Debug)]
#[pin_project(project = StageProject)]
enum Stage<F> {
    /// With the message, to return it if sending fails.
    Sending(#[pin] F, Outbound),
    Waiting,
}

impl<F> RequestFuture<F> {
    pub(super) fn new(sending: F, message: Outbound, ticket: Ticket, timeout: Duration) -> Self {
        Self {
            peer: message.peer().cloned(),
            stage: Stage::Sending(sending, message),
            sleep: sleep(timeout),
            timeout,
            ticket,
        }
    }
}

impl<F, T, E> Future for RequestFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Bytes, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StageProject::Sending(sending, message) = this.stage.as_mut().project() {
            match sending.poll(cx) {
                Poll::Ready(Ok(_)) => this.stage.set(Stage::Waiting),
                Poll::Ready(Err(error)) => {
                    let message = without_header(message);
                    this.stage.set(Stage::Waiting);
                    this.ticket.free();
                    let error = Error::from_boxed(error.into()).with_message(message);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    ready!(this.sleep.poll(cx));
                    let message = without_header(message);
                    this.stage.set(Stage::Waiting);
                    this.ticket.free();
                    let reason = format!("the request was not sent within {:?}", this.timeout);
                    let error = timed_out(reason, this.peer.take()).with_message(message);
                    return Poll::Ready(Err(error));
                }
            }
        }
        // The answer first, so that it is not lost to the clock.
        if let Poll::Ready(outcome) = this.ticket.poll_outcome(cx) {
            return Poll::Ready(outcome.into_answer(this.peer.take(), *this.timeout));
        }
        ready!(this.sleep.poll(cx));
        if let Some(outcome) = this.ticket.free() {
            return Poll::Ready(outcome.into_answer(this.peer.take(), *this.timeout));
        }
        let reason = format!("there was no answer within {:?}", this.timeout);
        Poll::Ready(Err(timed_out(reason, this.peer.take())))
    }
}

/// The request as the caller made it.
fn without_header(message: &Outbound) -> Outbound {
    let payload = message.payload().slice(ids::LEN + 1..);
    let mut message = message.clone().with_payload(payload);
    let mut headers = message.headers().clone();
    if headers.remove(DEADLINE) {
        message.set_headers(headers);
    }
    message
}

impl Outcome {
    fn into_answer(self, asked: Option<Identity>, timeout: Duration) -> Result<Bytes, Error> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Failed(failed) => Err(failed.into()),
            Self::OutOfTime(failed) => {
                let reason = format!("there was no answer within {timeout:?}, and a try failed");
                Err(timed_out(reason, asked).with_source(Error::from(failed)))
            }
            Self::Unheard => {
                let reason = "answers are not heard any more, and the request may have been sent";
                Err(about(ErrorKind::Closed, reason, asked))
            }
        }
    }
}

impl From<Failed> for Error {
    fn from(Failed { by, reason }: Failed) -> Self {
        about(ErrorKind::Unhandled, reason, Some(by))
    }
}

fn timed_out(reason: String, peer: Option<Identity>) -> Error {
    about(ErrorKind::Timeout, reason, peer)
}

fn about(kind: ErrorKind, reason: impl Into<String>, peer: Option<Identity>) -> Error {
    let error = Error::new(kind).with_reason(reason.into());
    match peer {
        Some(peer) => error.with_peer(peer),
        None => error,
    }
}

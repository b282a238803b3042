//! Requests that were not handled, as answers.

use aiomsg_core::{Delivery, Headers, Outbound};

use super::id::{RequestId, end_of_id};
use super::names::{DEADLINE, ERROR, STATUS, STATUS_ERROR, STATUS_RETRY};

/// The most bytes of a reason: 1 KiB.
const MOST: usize = 1 << 10;

/// The answer to a request that was not handled: it has no payload, and headers that say
/// so. The asking end makes an error of it: see
/// [`Error::is_unhandled`](aiomsg_core::Error::is_unhandled).
///
/// The reason is cut at 1 KiB, and its control characters become spaces.
///
/// Returns `None` if the message is no request, and if its sender has not shown, by the
/// header of its [deadline](super::names::DEADLINE), that it knows these headers: it would
/// take the answer for an empty one.
///
/// The failure is final: the asking end stops waiting. See [`failure_for_now`] for a request
/// that comes again.
///
/// ```
/// use aiomsg_core::{Delivery, Headers, Identity};
/// use aiomsg_layers::request::{failure, names};
///
/// let mut headers = Headers::new();
/// headers.insert(names::DEADLINE, "30000")?;
/// let request = Delivery::new(Identity::random(), "7\0divide by zero");
/// assert_eq!(failure(&request, "it cannot be done"), None);
///
/// let request = request.with_headers(headers);
/// let answer = failure(&request, "it cannot be done").unwrap();
/// assert_eq!(answer.payload(), "7\0");
/// assert_eq!(answer.headers().get(names::STATUS), Some("error"));
/// assert_eq!(answer.headers().get(names::ERROR), Some("it cannot be done"));
/// # Ok::<(), aiomsg_core::Error>(())
/// ```
pub fn failure(request: &Delivery, reason: &str) -> Option<Outbound> {
    answer(request, STATUS_ERROR, reason)
}

/// The same, for a request that asks for an acknowledgement and has got none: it comes again.
/// So the asking end goes on waiting, and has the reason if there is no answer in time.
///
/// Where the message was acknowledged before, as it is by default when it is in the inbox, or
/// asks for no acknowledgement, its failure is final: see [`failure`].
pub fn failure_for_now(request: &Delivery, reason: &str) -> Option<Outbound> {
    answer(request, STATUS_RETRY, reason)
}

fn answer(request: &Delivery, status: &str, reason: &str) -> Option<Outbound> {
    if !wants_failures(request) {
        return None;
    }
    let (id, request) = RequestId::split(request.clone()).ok()?;
    let answer = Outbound::new(id.answer(b""))
        .to(request.from().clone())
        .header(STATUS, status)
        .header(ERROR, &bounded(reason));
    Some(answer)
}

/// Whether [`failure`] makes an answer for this message.
pub fn wants_failures(message: &Delivery) -> bool {
    let headers = message.headers();
    !headers.is_empty() && headers.get(DEADLINE).is_some() && end_of_id(message.payload()).is_some()
}

/// A reason that may come from anybody, as text of a bounded length.
fn bounded(reason: &str) -> String {
    let mut text = String::new();
    for char in reason.chars() {
        if text.len() + char.len_utf8() > MOST {
            break;
        }
        text.push(if char.is_control() { ' ' } else { char });
    }
    text
}

/// What the headers of an answer say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// The payload is the answer.
    Ok,
    /// It was not handled.
    Failed(Box<str>),
    /// It was not handled so far.
    Retried(Box<str>),
}

impl Status {
    #[inline]
    pub(super) fn of(headers: &Headers) -> Self {
        match headers.is_empty() {
            true => Self::Ok,
            false => Self::read(headers),
        }
    }

    #[cold]
    fn read(headers: &Headers) -> Self {
        let Some(status) = headers.get(STATUS) else {
            return Self::Ok;
        };
        let reason = match headers.get(ERROR) {
            Some(reason) => bounded(reason),
            None => bounded(&format!("the peer says {status:?}, without a reason")),
        };
        match status {
            STATUS_RETRY => Self::Retried(reason.into()),
            // Another one is no success.
            _ => Self::Failed(reason.into()),
        }
    }
}

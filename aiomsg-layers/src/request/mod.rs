//! Request and reply: a message that is answered by a message.
//!
//! - A request is an id, a zero byte and the payload. The answer is the same id, a zero
//!   byte and the answer's payload, sent to the peer that asked. So any peer can ask
//!   and answer.
//! - [`Request`] gives each request its id and waits for the answer, for
//!   [`timeout`](Requests::timeout) at most. Any number of requests may be
//!   pending, up to [`limit`](Requests::limit), and their answers may come in
//!   any order.
//! - [`Answers`] takes the answers out of the received messages, and gives each to the
//!   request with its id. An answer without a request is counted: see
//!   [`Requests::late`] and [`Requests::unknown`].
//! - A request to one peer is answered by this peer and by no other.
//! - [`Reply`] is the other side: it takes the id off a request, calls a service with
//!   the payload, and puts the id before the answer.
//!
//! ```text
//!            asking                                        answering
//!
//!  payload ─▶ Request ─▶ send path ─── id 00 payload ───▶ Reply ─▶ service
//!                │ pending                                  │         │
//!  answer  ◀── Answers ◀─────────────── id 00 answer ───────┴◀────────┘
//!                └─▶ all other messages, to recv
//! ```
//!
//! [`Request`] and [`Answers`] share a table, [`Requests`], and their layers come from it:
//! [`Requests::layer`] goes around a service that sends, and [`Requests::answers`] around
//! the receive path.
//!
//! [`Request`] is a plain service from [`Bytes`](bytes::Bytes) to
//! [`Bytes`](bytes::Bytes): tower's `Timeout`, `Retry`, `ConcurrencyLimit` and
//! the rest go around it, and [`Request::to`] makes the services of single
//! peers that `Balance` chooses from.
//!
//! A request says in a header how long it waits ([`names::DEADLINE`]). So a peer whose
//! handler fails can answer with an error, by headers of the answer, and a peer that is late
//! need not begin. The error is of the kind
//! [`Unhandled`](aiomsg_core::ErrorKind::Unhandled), with the text of the peer.
//! [`failure`] makes such an answer; a socket that serves does so by itself. A request that
//! asks for an acknowledgement is sent again when it fails, so it goes on waiting.
//! [`Requests::deadlines`] turns all of this off.
//!
//! A request does not hear that its peer is gone: it waits until its time is up. A
//! request that waits when its socket ends fails at once: no answer can arrive when the
//! last [`Answers`] of its table is dropped, and a socket drops those of its receive path
//! when it is closed or its runtime has ended. Under at-least-once, a request may arrive
//! twice, and be answered twice; the second answer is a late one.

mod answers;
mod deadline;
mod failure;
mod future;
mod id;
mod ids;
mod layer;
pub mod names;
mod pending;
mod reply;
mod requests;
mod service;

pub use answers::{Answers, AnswersFuture, AnswersLayer};
pub use deadline::is_over;
pub(crate) use deadline::of_arriving;
pub use failure::{failure, failure_for_now, wants_failures};
pub use future::RequestFuture;
pub use id::RequestId;
pub use layer::RequestLayer;
pub use reply::{Reply, ReplyFuture, ReplyLayer};
pub use requests::Requests;
pub use service::Request;

#[cfg(test)]
mod tests;

//! The names of the headers of requests and answers.
//!
//! They are a convention: `docs/protocol.md` has its rules. A peer of the 2019 dialect has
//! no headers, and requests work without them.

/// Of a request: the name of what it asks for, which chooses its handler.
pub const ROUTE: &str = "aiomsg-route";

/// Of a request: how long its sender waits for the answer, in whole milliseconds. A sender
/// that writes it knows the other headers here, and is answered with errors.
pub const DEADLINE: &str = "aiomsg-deadline";

/// Of an answer: [`STATUS_ERROR`] or [`STATUS_RETRY`]. Without it, the answer is one of
/// success.
pub const STATUS: &str = "aiomsg-status";

/// The [`STATUS`] of a request that was not handled.
pub const STATUS_ERROR: &str = "error";

/// The [`STATUS`] of a request that was not handled and not acknowledged: its sender sends
/// it again.
pub const STATUS_RETRY: &str = "retry";

/// Of an answer with a [`STATUS`]: the reason, up to 1 KiB.
pub const ERROR: &str = "aiomsg-error";

//! Who gets a message, how surely, and when it is acknowledged.

/// Who gets a message that is not addressed to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SendMode {
    /// One peer after the other. The default.
    #[default]
    RoundRobin,
    /// Every peer that is connected.
    Publish,
}

/// How surely a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DeliveryGuarantee {
    /// Never twice. What was handed to the system's network and not yet read
    /// by the peer is lost if the connection dies. The default.
    #[default]
    AtMostOnce,
    /// Resent until it is acknowledged, so perhaps twice, and perhaps out of
    /// order. Not for publish.
    AtLeastOnce,
}

/// When a message that asks for it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AckMode {
    /// When it has arrived: when it is in the inbox, after the layers of the
    /// receive path. What is in the inbox when the process ends is lost. The
    /// default.
    #[default]
    Received,
    /// When it is handled: with [`Socket::serve`](crate::Socket::serve) when
    /// the handler has returned `Ok`; with
    /// [`recv_message`](crate::Socket::recv_message) when
    /// [`acknowledge`](crate::Socket::acknowledge) is called; with the other
    /// ways to receive, which do not say what the message was, when they
    /// return it.
    Handled,
}

/// What the type of a builder knows of who gets a message, and how surely.
///
/// [`publish`](crate::SocketBuilder::publish) and
/// [`at_least_once`](crate::SocketBuilder::at_least_once) contradict each other,
/// and a builder on which both were called does not build.
#[diagnostic::on_unimplemented(
    message = "a socket that publishes cannot send at-least-once",
    label = "`.publish()` and `.at_least_once()` were both called",
    note = "a published message has as many acknowledgements as there are peers, and nobody knows \
            how many those are: leave one of the two out"
)]
pub trait Deliverable {}

/// Not chosen in the type.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unset;

/// [`publish`](crate::SocketBuilder::publish) was called.
#[derive(Debug)]
#[non_exhaustive]
pub struct Publishes;

/// [`at_least_once`](crate::SocketBuilder::at_least_once) was called.
#[derive(Debug)]
#[non_exhaustive]
pub struct Acknowledged;

impl Deliverable for (Unset, Unset) {}
impl Deliverable for (Publishes, Unset) {}
impl Deliverable for (Unset, Acknowledged) {}

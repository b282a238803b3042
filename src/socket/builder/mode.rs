//! Distribution, delivery guarantee and acknowledgement of messages.

/// How a socket distributes messages that are not addressed to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SendMode {
    /// To each peer in turn. The default.
    #[default]
    RoundRobin,
    /// To every connected peer.
    Publish,
}

/// The delivery guarantee of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DeliveryGuarantee {
    /// A message never arrives twice. Messages that the system has taken and the peer
    /// has not read are lost if the connection dies. The default.
    #[default]
    AtMostOnce,
    /// A message is resent until it is acknowledged, so it may arrive twice, and out of
    /// order. Excludes publish.
    AtLeastOnce,
}

/// When a socket acknowledges a message that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AckMode {
    /// When the message is in the inbox, behind the layers of the receive path.
    /// Messages in the inbox are lost when the process ends. The default.
    #[default]
    Received,
    /// When the message is handled. With [`Socket::serve`](crate::Socket::serve), that
    /// is when the handler has returned `Ok`. With
    /// [`recv_message`](crate::Socket::recv_message),
    /// [`recv_many`](crate::Socket::recv_many) and
    /// [`deliveries`](crate::Socket::deliveries), it is the call of
    /// [`Delivery::ack`](crate::Delivery::ack). The other ways to receive, which
    /// return no [`Delivery`](crate::Delivery), acknowledge when they return.
    Handled,
}

/// Distribution and delivery guarantee in the type of a builder.
///
/// [`publish`](crate::SocketBuilder::publish) and
/// [`at_least_once`](crate::SocketBuilder::at_least_once) exclude each other: a builder
/// with both calls does not build.
#[diagnostic::on_unimplemented(
    message = "a socket that publishes cannot send at-least-once",
    label = "`.publish()` and `.at_least_once()` were both called",
    note = "a published message has as many acknowledgements as there are peers, and nobody knows \
            how many those are: leave one of the two out"
)]
pub trait Deliverable {}

/// The type says nothing about it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unset;

/// [`publish`](crate::SocketBuilder::publish) was called on the builder.
#[derive(Debug)]
#[non_exhaustive]
pub struct Publishes;

/// [`at_least_once`](crate::SocketBuilder::at_least_once) was called on the builder.
#[derive(Debug)]
#[non_exhaustive]
pub struct Acknowledged;

impl Deliverable for (Unset, Unset) {}
impl Deliverable for (Publishes, Unset) {}
impl Deliverable for (Unset, Acknowledged) {}

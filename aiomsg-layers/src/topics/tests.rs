//! With connections in memory.

mod cost;
mod policy;
mod publisher;
mod readiness;
mod subscriber;
mod table;

use std::task::{Context, Waker};

use aiomsg_core::connection::{FrameStream, OneByOne};
use aiomsg_core::{Identity, MessageId};
use futures::{FutureExt, StreamExt};
use tower::Layer;

use super::*;
use crate::test_wakes::counted;

mod wire_in_memory {
    include!("wire_in_memory.rs");
}
use wire_in_memory::Wire;

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn name(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

fn limits(prefixes: usize, prefix_len: usize) -> TopicLimits {
    TopicLimits {
        prefixes,
        prefix_len,
    }
}

// Read and written frame by frame.
type TopicsStream = FrameStream<TopicsConnection<OneByOne<Wire>>>;
type SubscribeStream = FrameStream<SubscribeConnection<OneByOne<Wire>>>;

/// The peer's end, and our connection with the layer around it.
fn joined(topics: &Topics, peer: &str) -> (Wire, TopicsStream) {
    let (ours, theirs) = Wire::pair(peer);
    (
        theirs,
        FrameStream::new(topics.layer().layer(OneByOne::new(ours))),
    )
}

/// Lets the layer see the frames of the peer, none of which is for us.
fn swallow(connection: &mut TopicsStream) {
    assert!(connection.next().now_or_never().is_none());
}

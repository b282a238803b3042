//! What subscribers say to a publisher.

use std::collections::BTreeSet;

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{Frame, MessageId};
use aiomsg_layers::topics::{TopicLimits, Topics, TopicsConnection};
use aiomsg_test::connection::{self, ConnectionHandle, MockConnection};
use arbitrary::Unstructured;
use futures::{FutureExt, SinkExt, StreamExt};
use tower::Layer;

const PREFIXES: usize = 8;
const PREFIX_LEN: usize = 16;

/// What is wanted is what was subscribed to and no more; what is no
/// subscription passes as it is; a peer that asks for too much is told so.
///
/// The input, over and over: a byte of which 1 chooses the connection and 2 a
/// request, a byte n, and n bytes of payload. With 4 the connection ends
/// instead, and another takes its place.
pub fn topics(input: &[u8]) {
    let mut limits = TopicLimits::default();
    limits.prefixes = PREFIXES;
    limits.prefix_len = PREFIX_LEN;
    let topics = Topics::with_limits(limits);
    let mut peers = [Peer::new(&topics), Peer::new(&topics)];
    let mut input = Unstructured::new(input);
    while !input.is_empty() {
        let [flags, len]: [u8; 2] = input.arbitrary().unwrap();
        let payload = input.bytes(input.len().min(len.into())).unwrap();
        let peer = &mut peers[usize::from(flags & 1)];
        if flags & 4 != 0 {
            *peer = Peer::new(&topics);
        } else {
            let id = MessageId::from_bytes([flags; 16]);
            let frame = match flags & 2 {
                0 => Frame::data(payload.to_vec()),
                _ => Frame::request(id, payload.to_vec()),
            };
            if !peer.hears(&frame, payload) {
                *peer = Peer::new(&topics);
            }
        }
        for wanted in [payload, payload.get(1..).unwrap_or_default(), b""] {
            let by_any = peers.iter().any(|peer| peer.wants(wanted));
            assert_eq!(topics.is_wanted(wanted), by_any, "{wanted:?}");
        }
    }
    drop(peers);
    assert!(!topics.is_wanted(b""), "nobody is left");
}

struct Peer {
    connection: FrameStream<TopicsConnection<MockConnection>>,
    handle: ConnectionHandle,
    prefixes: BTreeSet<Vec<u8>>,
}

impl Peer {
    fn new(topics: &Topics) -> Self {
        let (connection, handle) = connection::pair();
        Self {
            connection: FrameStream::new(topics.layer().layer(connection)),
            handle,
            prefixes: BTreeSet::new(),
        }
    }

    /// `false`: the connection is to be closed.
    fn hears(&mut self, frame: &Frame, payload: &[u8]) -> bool {
        self.handle.receive(frame.clone());
        let passed = self.connection.next().now_or_never().flatten();
        match payload.split_first() {
            Some((&command @ (0 | 1), prefix)) => {
                let subscribes = command == 1;
                let new = subscribes && !self.prefixes.contains(prefix);
                if new && (prefix.len() > PREFIX_LEN || self.prefixes.len() >= PREFIXES) {
                    assert!(passed.unwrap().unwrap_err().is_limit());
                    return false;
                }
                assert!(passed.is_none(), "a subscription is for the layer alone");
                match subscribes {
                    true => self.prefixes.insert(prefix.to_vec()),
                    false => self.prefixes.remove(prefix),
                };
                self.connection.flush().now_or_never().unwrap().unwrap();
                let acks: Vec<_> = match frame {
                    Frame::Request { id, .. } => vec![Frame::ack(*id)],
                    _ => Vec::new(),
                };
                assert_eq!(self.handle.take_sent(), acks);
            }
            _ => assert_eq!(&passed.unwrap().unwrap(), frame),
        }
        true
    }

    fn wants(&self, message: &[u8]) -> bool {
        let mut prefixes = self.prefixes.iter();
        prefixes.any(|prefix| message.starts_with(prefix))
    }
}

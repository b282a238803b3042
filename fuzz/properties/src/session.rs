//! A whole socket, and a peer that sends anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aiomsg::{Limits, Socket};
use aiomsg_core::{Dialect, Endpoint, Frame, Headers, MessageId, Outbound, Target};
use aiomsg_transport::codec::{FrameCodec, hello};
use aiomsg_transport::{Connector, Io};
use arbitrary::Unstructured;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{Decoder, Encoder};
use tower::ServiceExt;

use crate::bytes_in_pieces::Cuts;
use crate::{memory, run};

/// What a socket, its runtime and an in-memory connection take by themselves.
const FIXED: usize = 2 << 20;

/// A frame of few bytes costs some hundred in each of the places that it goes
/// through.
const PER_BYTE: usize = 512;

/// A peer may be silent for longer than it takes to be called dead, but not
/// here.
const MOST_SILENCE: Duration = Duration::from_secs(10);

const SETTLED: Duration = Duration::from_secs(1);

const THEIRS: [u8; 16] = *b"they-are-sixteen";

/// Whatever a peer sends, the program receives the messages in it, in order, up
/// to the first frame that is broken, and perhaps some behind it; each request is acknowledged; what the
/// program sends arrives; closing ends in time, and with it all tasks.
///
/// The input: a byte of flags (1: the 2019 dialect; 2: the socket sends
/// at-least-once; 4: its inbox holds two messages; 8: the peer reads nothing),
/// [cuts](Cuts), and what happens, each a byte of which the lower four bits
/// count, with what follows it: 0 a heartbeat; 1 data, a byte n and n bytes; 2
/// a request, a byte of its id, a byte n and n bytes; 3 an acknowledgement, a
/// byte of its id; 4 a byte n and n bytes, sent as they are; 5 a pause, a byte
/// of hundredths of a second; 6 the program sends, a byte n and n bytes; 7 the
/// peer ends the connection; 8 data with a header, a byte n and n bytes of payload, and the
/// same of the header's value; 9 a request with a header, a byte of its id and the same as for
/// 8; 10 the program sends with a header, the same as for 8.
pub fn session(input: &[u8]) {
    let Some(script) = Script::read(input) else {
        return;
    };
    memory::bounded(FIXED + PER_BYTE * input.len(), || run(script.play()));
}

struct Script {
    dialect: Dialect,
    at_least_once: bool,
    small_inbox: bool,
    deaf: bool,
    cuts: Cuts,
    steps: Vec<Step>,
}

enum Step {
    /// The peer sends.
    Bytes(Vec<u8>),
    Pause(Duration),
    /// The program sends.
    Send(Outbound),
}

/// A message, as either end sees it.
type Seen = (Bytes, Headers);

impl Script {
    fn read(input: &[u8]) -> Option<Self> {
        let (&flags, rest) = input.split_first()?;
        let dialect = match flags & 1 {
            0 => Dialect::V1,
            _ => Dialect::V2019,
        };
        let (cuts, rest) = Cuts::take(rest);
        let mut input = Unstructured::new(rest);
        let mut codec = FrameCodec::new(dialect);
        let (mut steps, mut silence) = (Vec::new(), Duration::ZERO);
        while !input.is_empty() {
            let tag: u8 = input.arbitrary().ok()?;
            let bytes = |input: &mut Unstructured<'_>| {
                let len = input.arbitrary::<u8>().unwrap_or_default().into();
                input
                    .bytes(input.len().min(len))
                    .unwrap_or_default()
                    .to_vec()
            };
            let id = |input: &mut Unstructured<'_>| {
                MessageId::from_bytes([input.arbitrary().unwrap_or_default(); 16])
            };
            let frame = match tag & 0x0f {
                0 => Frame::Heartbeat,
                1 => Frame::data(bytes(&mut input)),
                2 => Frame::request(id(&mut input), bytes(&mut input)),
                3 => Frame::ack(id(&mut input)),
                4 => {
                    steps.push(Step::Bytes(bytes(&mut input)));
                    continue;
                }
                5 => {
                    let hundredths: u8 = input.arbitrary().unwrap_or_default();
                    let pause = Duration::from_millis(10) * hundredths.into();
                    silence += pause;
                    if silence <= MOST_SILENCE {
                        steps.push(Step::Pause(pause));
                    }
                    continue;
                }
                6 => {
                    steps.push(Step::Send(bytes(&mut input).into()));
                    continue;
                }
                7 => break,
                8 | 9 => {
                    let id = (tag & 0x0f == 9).then(|| id(&mut input));
                    let payload = bytes(&mut input).into();
                    let headers = header(&bytes(&mut input));
                    Frame::message(id, Target::Any, headers, payload)
                }
                10 => {
                    let message = Outbound::new(bytes(&mut input));
                    let headers = header(&bytes(&mut input));
                    steps.push(Step::Send(message.with_headers(headers)));
                    continue;
                }
                _ => continue,
            };
            let mut wire = BytesMut::new();
            codec.encode(frame, &mut wire).ok()?;
            steps.push(Step::Bytes(wire.to_vec()));
        }
        Some(Self {
            dialect,
            at_least_once: flags & 2 != 0,
            small_inbox: flags & 4 != 0,
            deaf: flags & 8 != 0,
            cuts,
            steps,
        })
    }

    /// The frames that the peer sends, and how many of them come before a broken one.
    fn frames(&self) -> (Vec<Frame>, Option<usize>) {
        let mut wire = BytesMut::new();
        for step in &self.steps {
            if let Step::Bytes(bytes) = step {
                wire.extend_from_slice(bytes);
            }
        }
        decode(self.dialect, &mut wire)
    }

    /// What the peer sees of what the program sends.
    fn sent(&self) -> Vec<Seen> {
        let sent = self.steps.iter().filter_map(|step| match step {
            Step::Send(message) => {
                let headers = match self.dialect {
                    Dialect::V2019 => Headers::new(),
                    _ => message.headers().clone(),
                };
                Some((message.payload().clone(), headers))
            }
            _ => None,
        });
        sent.collect()
    }

    async fn play(&self) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("session-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut builder = Socket::builder().heartbeat_timeout(MOST_SILENCE * 3);
        if self.small_inbox {
            builder = builder.receive_limits(Limits {
                items: 2,
                bytes: 1 << 20,
            });
        }
        let socket = match self.at_least_once {
            true => builder.at_least_once().build().unwrap(),
            false => builder.build().unwrap(),
        };
        let endpoint = Endpoint::Mem { name };
        socket.bind(endpoint.clone()).await.unwrap();
        let io = Connector::new().oneshot(endpoint).await.unwrap();

        let (received, heard) = tokio::join!(receive(&socket), self.live(&socket, io));
        self.received_is_sent(&received);
        self.heard_is_owed(&heard);

        drop(socket);
        sleep(SETTLED).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }

    /// The life of the connection, and of the socket. What the peer has heard.
    async fn live(&self, socket: &Socket, io: Io) -> Vec<Frame> {
        let (mut reader, mut writer) = split(io);
        let mut wire = BytesMut::new();
        let speak = async {
            let mut first = BytesMut::new();
            hello::encode(self.dialect, &THEIRS.into(), &mut first).unwrap();
            writer.write_all(&first).await.unwrap();
            let there = timeout(SETTLED, socket.wait_for_peers(1)).await;
            there.expect("the handshake is done").unwrap();
            for step in &self.steps {
                match step {
                    Step::Bytes(bytes) => {
                        for piece in self.cuts.of(bytes) {
                            // It may have been refused.
                            let _ = writer.write_all(piece).await;
                            tokio::task::yield_now().await;
                        }
                    }
                    Step::Pause(pause) => sleep(*pause).await,
                    Step::Send(message) => socket.send_message(message.clone()).await.unwrap(),
                }
            }
            sleep(SETTLED).await;
            let _ = writer.shutdown().await;
            sleep(SETTLED).await;
            assert!(socket.peers().is_empty(), "the end is seen");
            let start = Instant::now();
            socket.close(SETTLED).await;
            let took = start.elapsed();
            assert!(took <= SETTLED * 2, "closing took {took:?}");
        };
        let listen = async {
            if !self.deaf {
                while reader.read_buf(&mut wire).await.is_ok_and(|read| read > 0) {}
            }
        };
        tokio::join!(speak, listen);
        if self.deaf {
            return Vec::new();
        }
        let ours = hello::decode(self.dialect, &mut wire).unwrap();
        assert!(ours.is_some(), "it said who it is");
        let (frames, broken) = decode(self.dialect, &mut wire);
        assert_eq!(broken, None);
        frames
    }

    fn received_is_sent(&self, received: &[Seen]) {
        let (frames, broken) = self.frames();
        let messages: Vec<_> = frames.iter().filter_map(seen).collect();
        let Some(broken) = broken else {
            assert_eq!(received, messages);
            return;
        };
        // A session that ends because of a frame reads what has come behind it.
        let before = frames[..broken].iter().filter_map(Frame::payload).count();
        assert!(received.len() >= before, "{received:?} of {messages:?}");
        assert!(
            messages.starts_with(received),
            "{received:?} of {messages:?}"
        );
    }

    fn heard_is_owed(&self, heard: &[Frame]) {
        if self.deaf {
            return;
        }
        let (frames, broken) = self.frames();
        let owed: Vec<_> = frames.iter().filter_map(Frame::request_id).collect();
        let acks = heard.iter().filter_map(|frame| match frame {
            Frame::Ack { id } => Some(*id),
            _ => None,
        });
        let acks: Vec<_> = acks.collect();
        let payloads: Vec<_> = heard.iter().filter_map(seen).collect();
        let mut sent = self.sent();
        if broken.is_some() {
            // It was closed at once, with what waited.
            assert!(owed.starts_with(&acks));
            assert!(payloads.iter().all(|payload| sent.contains(payload)));
            return;
        }
        assert_eq!(acks, owed);
        if !self.at_least_once {
            assert_eq!(payloads, sent);
            return;
        }
        // Nobody acknowledges, but by chance: so they come again.
        sent.dedup();
        assert!(payloads.iter().all(|payload| sent.contains(payload)));
        assert!(sent.iter().all(|payload| payloads.contains(payload)));
    }
}

async fn receive(socket: &Socket) -> Vec<Seen> {
    let mut received = Vec::new();
    while let Ok(message) = socket.recv_message().await {
        let headers = message.headers().clone();
        received.push((message.into_payload(), headers));
    }
    received
}

/// The message in a frame.
fn seen(frame: &Frame) -> Option<Seen> {
    let headers = match frame {
        Frame::WithHeaders(message) => message.headers.clone(),
        _ => Headers::new(),
    };
    Some((frame.payload()?.clone(), headers))
}

/// A header with a value of these bytes, where they may be one.
fn header(value: &[u8]) -> Headers {
    let mut headers = Headers::new();
    let value: String = value.iter().map(|&it| char::from(it)).collect();
    let _ = headers.insert("fuzzed", &value);
    headers
}

/// All frames that are whole, and how many of them come before a broken one.
fn decode(dialect: Dialect, wire: &mut BytesMut) -> (Vec<Frame>, Option<usize>) {
    let mut codec = FrameCodec::new(dialect);
    let (mut frames, mut broken) = (Vec::new(), None);
    loop {
        match codec.decode(wire) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, broken),
            Err(_) => _ = broken.get_or_insert(frames.len()),
        }
    }
}

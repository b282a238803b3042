//! Handshakes with a peer that says anything at any time.

use std::time::Duration;

use aiomsg_core::{Dialect, Identity};
use aiomsg_transport::codec::hello::{self, Opening};
use aiomsg_transport::handshake::{Dialects, Handshake};
use arbitrary::Unstructured;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::time::{Instant, sleep, timeout};

use crate::{memory, run};

/// What a socket gives a handshake.
const DEADLINE: Duration = Duration::from_secs(10);

/// Two handshakes of the longest kind, two buffers for them, and a runtime.
const MEMORY: usize = 256 << 10;

const OURS: [u8; 16] = *b"we-are-sixteen-b";

/// A handshake ends in its time, says only what belongs to one, and loses no
/// byte behind it. If the peer speaks a dialect of ours and in time, it
/// succeeds, however the bytes are cut.
///
/// The input: one byte of flags (1: we connect; 2 and 4: which dialects; 8: the
/// peer reads nothing; 16: it closes its end when it is done), one byte of
/// patience in tenths of a second, one byte of what is under way at most, less
/// one, and a script: a byte n below 128 and n bytes are said; a byte of 128 or
/// more is a pause of so many twentieths of a second above that.
pub fn handshake(input: &[u8]) {
    let Ok(script) = Script::read(&mut Unstructured::new(input)) else {
        return;
    };
    memory::bounded(MEMORY + 16 * input.len(), || run(script.play()));
}

struct Script {
    connecting: bool,
    dialects: Dialects,
    deaf: bool,
    closes: bool,
    patience: Duration,
    under_way: usize,
    steps: Vec<Step>,
}

enum Step {
    Say(Vec<u8>),
    Pause(Duration),
}

impl Script {
    fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let [flags, patience, under_way]: [u8; 3] = input.arbitrary()?;
        let dialects = match flags >> 1 & 3 {
            0 => Dialects::Prefer(Dialect::V1),
            1 => Dialects::Prefer(Dialect::V2019),
            2 => Dialects::Only(Dialect::V1),
            _ => Dialects::Only(Dialect::V2019),
        };
        let mut steps = Vec::new();
        while !input.is_empty() {
            let tag = input.arbitrary::<u8>()?;
            steps.push(match tag.checked_sub(128) {
                None => Step::Say(input.bytes(input.len().min(tag.into()))?.to_vec()),
                Some(twentieths) => Step::Pause(Duration::from_millis(50) * twentieths.into()),
            });
        }
        Ok(Self {
            connecting: flags & 1 != 0,
            dialects,
            deaf: flags & 8 != 0,
            closes: flags & 16 != 0,
            patience: Duration::from_millis(100) * patience.into(),
            under_way: usize::from(under_way) + 1,
            steps,
        })
    }

    /// All that the peer says.
    fn bytes(&self) -> Vec<u8> {
        let said = self.steps.iter().filter_map(|step| match step {
            Step::Say(bytes) => Some(&bytes[..]),
            Step::Pause(_) => None,
        });
        said.flatten().copied().collect()
    }

    /// When the peer has said its first `count` bytes, if it ever has.
    fn said_by(&self, count: usize) -> Option<Duration> {
        let (mut said, mut time) = (0, Duration::ZERO);
        for step in &self.steps {
            match step {
                Step::Say(bytes) => said += bytes.len(),
                Step::Pause(pause) => time += *pause,
            }
            if said >= count {
                return Some(time);
            }
        }
        None
    }

    fn pauses(&self) -> Duration {
        let pauses = self.steps.iter().map(|step| match step {
            Step::Say(_) => Duration::ZERO,
            Step::Pause(pause) => *pause,
        });
        pauses.sum()
    }

    /// What must come of it, where that is certain.
    fn must_establish(&self) -> Option<(Dialect, Identity)> {
        let mut bytes = BytesMut::from(&self.bytes()[..]);
        let Ok(Opening::Speaks(dialect)) = hello::detect(&bytes) else {
            return None;
        };
        let peer = hello::decode(dialect, &mut bytes).ok().flatten()?;
        let in_all = self.bytes().len() - bytes.len();
        let heard = match self.dialects {
            Dialects::Only(only) => only == dialect,
            // Its first length shows the dialect. Until then it may be taken
            // for a peer that waits for us.
            _ => {
                let first = self.steps.iter().find_map(|step| match step {
                    Step::Say(bytes) if !bytes.is_empty() => Some(bytes.len()),
                    _ => None,
                });
                let at_once = first.is_some_and(|first| first.min(self.under_way) >= 4);
                self.said_by(4)? < self.patience && (at_once || self.connecting)
            }
        };
        let in_time = self.said_by(in_all)? < DEADLINE;
        (heard && in_time && !self.deaf).then_some((dialect, peer))
    }

    async fn play(&self) {
        let (ours, theirs) = duplex(self.under_way);
        let (outcome, said) = tokio::join!(self.shake(ours), self.peer(theirs));

        assert!(outcome.took <= DEADLINE, "it took {:?}", outcome.took);
        let all = [Dialect::V1, Dialect::V2019].map(|dialect| {
            let mut bytes = BytesMut::new();
            hello::encode(dialect, &OURS.into(), &mut bytes).unwrap();
            (dialect, bytes)
        });
        let belongs = all.iter().any(|(_, bytes)| bytes.starts_with(&said));
        assert!(belongs, "said {}", said.escape_ascii());

        let must = self.must_establish();
        match outcome.established {
            Some((dialect, peer, rest)) => {
                let mut bytes = BytesMut::from(&self.bytes()[..]);
                assert_eq!(hello::detect(&bytes).unwrap(), Opening::Speaks(dialect));
                let decoded = hello::decode(dialect, &mut bytes).unwrap();
                assert_eq!(decoded, Some(peer));
                assert_eq!(rest, bytes, "what is behind the handshake");
                let (_, ours) = all.iter().find(|(one, _)| *one == dialect).unwrap();
                assert!(self.deaf || said == *ours, "said {}", said.escape_ascii());
            }
            None => assert_eq!(must, None),
        }
    }

    async fn shake(&self, mut io: DuplexStream) -> Outcome {
        let handshake = Handshake::new(OURS.into())
            .dialects(self.dialects)
            .patience(self.patience);
        let start = Instant::now();
        let shaken = timeout(DEADLINE, async {
            match self.connecting {
                true => handshake.connect(&mut io).await,
                false => handshake.accept(&mut io).await,
            }
        });
        let shaken = shaken.await;
        let took = start.elapsed();
        let established = match shaken {
            Ok(Ok(established)) => {
                let mut rest = established.received.to_vec();
                io.read_to_end(&mut rest).await.unwrap();
                Some((established.dialect, established.peer, rest))
            }
            Ok(Err(error)) => {
                let expected = error.is_protocol()
                    || error.is_too_large()
                    || error.is_version()
                    || error.is_disconnected()
                    || error.is_io();
                assert!(expected, "{error}");
                None
            }
            Err(_) => {
                let ends = self.closes && !self.deaf && self.pauses() < DEADLINE;
                assert!(!ends, "it did not see that the peer had gone");
                None
            }
        };
        Outcome { took, established }
    }

    /// Plays the script, and says what it was told.
    async fn peer(&self, io: DuplexStream) -> Vec<u8> {
        let (mut reader, mut writer) = split(io);
        let mut said = Vec::new();
        let speak = async {
            for step in &self.steps {
                match step {
                    // The other end may have closed.
                    Step::Say(bytes) => drop(writer.write_all(bytes).await),
                    Step::Pause(pause) => sleep(*pause).await,
                }
            }
            if !self.closes {
                sleep(DEADLINE * 2).await;
            }
            let _ = writer.shutdown().await;
        };
        let listen = async {
            if !self.deaf {
                reader.read_to_end(&mut said).await.unwrap();
            }
        };
        tokio::join!(speak, listen);
        said
    }
}

struct Outcome {
    took: Duration,
    established: Option<(Dialect, Identity, Vec<u8>)>,
}

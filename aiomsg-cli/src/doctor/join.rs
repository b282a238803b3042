//! Becoming a peer, for as long as it takes to see a sign of life.

use std::time::Duration;

use aiomsg::Identity;
use aiomsg::builder::Dialect;
use aiomsg::builder::Dialects;
use aiomsg::layer::Frame;
use aiomsg::parts::transport::codec::FrameCodec;
use aiomsg::parts::transport::framed::Framed;
use aiomsg::parts::transport::handshake::Handshake;
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::time::{Instant, interval, timeout};

use super::look::Look;
use crate::common::advice::with_advice;
use crate::common::failure::{Failure, Outcome};

/// A socket that has another connection of the same identity answers when it has
/// decided between the two, which takes 6 s at most.
const DECIDES: Duration = Duration::from_secs(8);

/// How often we say that we live.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The bytes that came, and the time of the first.
#[derive(Debug, Default, Serialize)]
pub(super) struct Joined {
    pub(super) heartbeat_seconds: f64,
    /// Messages that came here, and are lost.
    pub(super) lost: u64,
    /// Messages that came here, and that their sender will send again.
    pub(super) unacknowledged: u64,
}

pub(super) async fn join(
    look: &Look,
    identity: Option<&Identity>,
    dialect: Dialect,
    patience: Duration,
) -> Outcome<Joined> {
    let identity = identity.cloned().unwrap_or_else(Identity::random);
    if dialect == Dialect::V1 && identity.len() != 16 {
        return Err(Failure::usage(format!(
            "--identity: dialect v1 is spoken there, and its identities have 16 bytes, not {}",
            identity.len()
        )));
    }
    let mut io = look.connect().await.map_err(|error| with_advice(&error))?;
    let handshake = Handshake::new(identity).dialects(Dialects::Only(dialect));
    let answers = look.patience.max(DECIDES);
    let established = match timeout(answers, handshake.connect(&mut io)).await {
        Ok(established) => established.map_err(|error| with_advice(&error))?,
        Err(_) => return Err(failed(look, "does not complete the handshake in time")),
    };
    let codec = FrameCodec::new(established.dialect);
    let mut framed = Framed::with_received(io, codec, established.received);

    let started = Instant::now();
    let mut joined = Joined::default();
    let mut heartbeats = interval(HEARTBEAT);
    let listening = async {
        loop {
            let frame = tokio::select! {
                frame = framed.next() => frame,
                _ = heartbeats.tick() => {
                    framed.send(Frame::Heartbeat).await?;
                    continue;
                }
            };
            let Some(frame) = frame else {
                return Ok(false);
            };
            joined.note(&frame?);
            return Ok::<_, aiomsg::Error>(true);
        }
    };
    let heard = timeout(patience, listening).await;
    let time = started.elapsed();
    joined.heartbeat_seconds = time.as_secs_f64();
    let result = match heard {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false) | Err(_)) => Err(failed(
            look,
            &format!(
                "ends the connection of a new peer after {time:.1?}: its identity may be in use \
                 there, or a limit is reached; see its log, and try another --identity"
            ),
        )),
        Err(_) => Err(failed(
            look,
            &format!(
                "sends no heartbeat and no message in {patience:.1?}: it hangs, or has other settings"
            ),
        )),
    };
    // The end of our side; the other one sees a peer that has left. What it had sent
    // until then came here, too.
    let _ = timeout(look.patience, async {
        framed.close().await?;
        while let Some(Ok(frame)) = framed.next().await {
            joined.note(&frame);
        }
        Ok::<_, aiomsg::Error>(())
    })
    .await;
    result.map(|()| joined)
}

impl Joined {
    fn note(&mut self, frame: &Frame) {
        if frame.request_id().is_some() {
            self.unacknowledged += 1;
        } else if frame.payload().is_some() {
            self.lost += 1;
        }
    }
}

fn failed(look: &Look, what: &str) -> Failure {
    Failure::failed(format!(
        "{}: an aiomsg socket answers, but {what}",
        look.endpoint
    ))
}

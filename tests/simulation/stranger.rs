//! Somebody who is none of the hosts, and connects to one of them: under an identity of
//! its own, or under that of another host.
//!
//! It knows every id that was ever sent, and acknowledges and answers what was sent to
//! others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aiomsg::Error;
use aiomsg::parts::transport::Connector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::network::{Party, lock};
use crate::plan::Plan;
use crate::talk;
use crate::wire;
use crate::world::World;

/// What a stranger does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) to: usize,
    /// Whose identity it claims, if it is not its own.
    pub(crate) claims: Option<usize>,
    pub(crate) is_v1: bool,
    /// Sends messages.
    pub(crate) speaks: bool,
    /// Acknowledges and answers what was sent to others.
    pub(crate) forges: bool,
    pub(crate) stays: Duration,
}

/// What strangers say.
pub(crate) const WORDS: &[u8] = b"the words of a stranger";

/// The number of the first stranger, among those of hosts.
const FIRST: usize = 1000;

/// How often it does what it does.
const PAUSE: Duration = Duration::from_millis(150);

/// So many ids are acknowledged at once, at most.
const AT_ONCE: usize = 200;

/// Whether it is a stranger that has this number.
pub(crate) fn is_one(host: usize) -> bool {
    host >= FIRST
}

/// Whether it is one that acknowledges what it has not been sent, and perhaps what it
/// has: that is its right where it has the place of a host.
pub(crate) fn forges(plan: &Plan, host: usize) -> bool {
    let mut visits = plan.visits();
    is_one(host) && visits.nth(host - FIRST).is_some_and(|visit| visit.forges)
}

pub(crate) async fn visit(world: Arc<World>, number: usize, visit: Visit) {
    // The host may not be there, or not want it, and end the connection.
    let stayed = timeout(visit.stays, stay(&world, number, visit)).await;
    let by_itself = stayed.is_err();
    world.note(format_args!(
        "stranger {number} has left: by itself {by_itself}"
    ));
}

async fn stay(world: &World, number: usize, visit: Visit) -> Result<(), Error> {
    let endpoint = world.endpoint(visit.to).parse()?;
    let mut announcing = Connector::new().oneshot(endpoint).await?;
    let party = Party {
        host: FIRST + number,
        life: 0,
    };
    // It is gone without a word, as those are that are killed.
    world.ledger.killed(party);
    let (mut io, link) = world.network.dial(party, visit.to);
    announcing.write_u64(link).await?;
    io.write_all(&hello(world, number, visit)).await?;
    io.flush().await?;
    let (mut acknowledged, mut answered) = (BTreeSet::new(), BTreeSet::new());
    let mut buffer = [0; 4096];
    loop {
        if visit.speaks {
            io.write_all(&frame(visit.is_v1, 3, &[], WORDS)).await?;
        }
        if visit.forges {
            let ids = ids(world, visit.to);
            let new = ids.into_iter().filter(|id| acknowledged.insert(*id));
            for id in new.take(AT_ONCE) {
                let forged = match visit.is_v1 {
                    true => frame(true, 5, &id, b""),
                    false => frame(false, 5, &id, b"\0REP\0"),
                };
                io.write_all(&forged).await?;
            }
            for answer in answers(world, visit.to) {
                if answered.insert(answer.clone()) {
                    io.write_all(&frame(visit.is_v1, 3, &[], &answer)).await?;
                }
            }
        }
        io.flush().await?;
        // What it is sent is lost.
        let reading = async {
            while io.read(&mut buffer).await? > 0 {}
            Ok::<_, Error>(())
        };
        if let Ok(ended) = timeout(PAUSE, reading).await {
            ended?;
            // It would be back at once otherwise.
            sleep(PAUSE).await;
            return Ok(());
        }
    }
}

fn hello(world: &World, number: usize, visit: Visit) -> Vec<u8> {
    let own = format!("stranger-{number:07}");
    let identity = match visit.claims {
        Some(host) => &world.plan().hosts[host].identity,
        None => own.as_bytes(),
    };
    match visit.is_v1 {
        true => [&b"\0\0\0\x12\x01\x01"[..], identity].concat(),
        false => [&(identity.len() as u32).to_be_bytes()[..], identity].concat(),
    }
}

fn frame(is_v1: bool, kind: u8, id: &[u8], rest: &[u8]) -> Vec<u8> {
    let kind = if is_v1 { &[kind][..] } else { &[] };
    let body = [kind, id, rest].concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

/// The ids of all that a host has sent to others.
fn ids(world: &World, host: usize) -> Vec<[u8; 16]> {
    sent_by(world, host, |bytes, ids| ids.extend(wire::ids(bytes)))
}

/// Answers to all that a host has asked others.
fn answers(world: &World, host: usize) -> Vec<Vec<u8>> {
    sent_by(world, host, |bytes, answers| {
        let messages = wire::messages(bytes);
        answers.extend(messages.iter().filter_map(|it| talk::forged(it.payload)));
    })
}

/// What `collect` finds in the bytes that a host has sent to others.
fn sent_by<T>(world: &World, host: usize, collect: impl Fn(&[u8], &mut Vec<T>)) -> Vec<T> {
    let mut found = Vec::new();
    for link in world.network.links() {
        let link = lock(&link);
        for (side, pipe) in link.pipes.iter().enumerate() {
            if link.parties[side].host == host && !is_one(link.parties[1 - side].host) {
                collect(&pipe.taken, &mut found);
            }
        }
    }
    found
}

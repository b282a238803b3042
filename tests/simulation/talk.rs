//! Questions and their answers. A question that gets none is none of the checker's
//! business; one that gets another answer is.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiomsg::layer::Requests;
use aiomsg::parts::layers::request::Answers;
use aiomsg::{Delivery, Error, Outbound, Socket};
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::network::{Party, lock};
use crate::world::World;

/// Who is asked, how often, and with how long a pause in between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) of: usize,
    pub(crate) count: usize,
    pub(crate) pause: Duration,
}

/// What a host has asked. Its answers are picked out of what it receives: others may have
/// a zero byte, too.
#[derive(Clone)]
pub(crate) struct Talk {
    requests: Requests,
    answers: Arc<Mutex<Answers<Nobody>>>,
}

type Nobody = tower::util::ServiceFn<fn(Delivery) -> Ready<Result<(), Error>>>;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long whoever answers waits for room.
const ROOM: Duration = Duration::from_millis(500);

/// What questions begin with, and answers behind their first byte.
const QUESTION: &[u8] = b"the question of ";

/// What strangers answer.
const FORGED: &[u8] = b"!the question of nobody";

/// So many bytes before the first zero byte are an id, at most.
const ID: usize = 64;

impl Talk {
    pub(crate) fn new() -> Self {
        let requests = Requests::new().timeout(PATIENCE);
        let nobody: fn(Delivery) -> _ = |_| ready(Ok(()));
        let answers = requests.answers().layer(service_fn(nobody));
        Self {
            requests,
            answers: Arc::new(Mutex::new(answers)),
        }
    }
}

pub(crate) async fn ask(
    world: Arc<World>,
    talk: Talk,
    socket: Socket,
    party: Party,
    asking: Asking,
) {
    let of = world.identity(asking.of);
    let service = talk.requests.layer().layer(socket).to(of);
    for number in 0..asking.count {
        sleep(asking.pause).await;
        let question = [&b"?"[..], QUESTION, format!("{party}, {number}").as_bytes()].concat();
        let asked = service.clone().oneshot(Bytes::from(question.clone()));
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(error) if error.is_closed() => return,
            Err(_) => continue,
        };
        let right = answer[..1] == b"!"[..] && answer[1..] == question[1..];
        world.note(format_args!("{party} is answered, and right: {right}"));
        // Who has the place of a host answers for it.
        let mut visits = world.plan().visits();
        let replaced = visits
            .any(|visit| (visit.to, visit.claims) == (party.host, Some(asking.of)) && visit.forges);
        let excused = answer == FORGED && replaced;
        if !right && !excused {
            world.fault(format_args!(
                "{party}: question {number} is answered {answer:?}"
            ));
        }
    }
}

/// Answers a question, or hears an answer. Says whether the message is one of these.
pub(crate) async fn heard(world: &World, party: Party, message: &Delivery) -> bool {
    let Some((id, what)) = split(message.payload()) else {
        return false;
    };
    let talk = lock(&world.talks)[party.host].clone();
    let socket = lock(&world.sockets)[party.host].clone();
    match (what[0], talk, socket) {
        (b'?', _, Some(socket)) => {
            let answer = [id, b"\0!", &what[1..]].concat();
            let answer = Outbound::new(answer).to(message.from().clone());
            // It has no room, or is closed: there is no answer then.
            let _ = timeout(ROOM, socket.send_message(answer)).await;
        }
        (b'!', Some(talk), _) => {
            // It is taken as the service is called.
            drop(lock(&talk.answers).call(message.clone()));
        }
        _ => {}
    }
    true
}

/// Whether a payload is a question or an answer.
pub(crate) fn is_talk(payload: &[u8]) -> bool {
    split(payload).is_some()
}

/// What a stranger says to whoever asked this.
pub(crate) fn forged(payload: &[u8]) -> Option<Vec<u8>> {
    forged_of(payload, b'?')
}

/// Another answer with the same id as this one.
pub(crate) fn replaced(payload: &[u8]) -> Option<Vec<u8>> {
    forged_of(payload, b'!')
}

fn forged_of(payload: &[u8], mark: u8) -> Option<Vec<u8>> {
    let (id, what) = split(payload)?;
    (what[0] == mark).then(|| [id, b"\0", FORGED].concat())
}

fn split(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = payload.iter().take(ID).position(|byte| *byte == 0)?;
    let (id, what) = (&payload[..at], &payload[at + 1..]);
    let text = what
        .strip_prefix(b"?")
        .or_else(|| what.strip_prefix(b"!"))?;
    text.starts_with(QUESTION).then_some((id, what))
}

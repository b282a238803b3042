//! A process of the simulation: a socket, who sends by it, who receives, and who
//! listens to its events.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg::close::CloseReport;
use aiomsg::layer::DedupLayer;
use aiomsg::{AckMode, Delivery, DeliveryGuarantee, Error, ErrorKind, Event, Outbound, Socket};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, ServiceBuilder, service_fn};

use crate::ledger::{Outcome, Sent};
use crate::network::{Party, lock};
use crate::payload::payload;
use crate::plan::{Closing, HostPlan, Receives, StreamPlan};
use crate::sabotage::Sabotage;
use crate::stranger;
use crate::talk::{self, Talk};
use crate::world::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, World};

pub(crate) struct Host {
    party: Party,
    socket: Socket,
    streams: JoinSet<()>,
    receiver: JoinHandle<()>,
    listener: JoinHandle<()>,
}

/// Tasks of a host that are asked to end do so within this.
const SOON: Duration = Duration::from_secs(30);

impl Host {
    pub(crate) async fn start(world: &Arc<World>, party: Party) -> Self {
        let plan = &world.plan().hosts[party.host];
        let socket = build(world, party, plan).expect("the settings are good");
        let mut events = socket.events();
        let listener = tokio::spawn({
            let world = Arc::clone(world);
            async move {
                while let Some(event) = events.next().await {
                    note(&world, party, event);
                }
            }
        });
        if plan.binds {
            bind(world, &socket, party).await;
        }
        for &other in &plan.dials {
            socket
                .connect(world.endpoint(other))
                .expect("a good endpoint");
        }
        let mut streams = JoinSet::new();
        for (number, stream) in plan.streams.iter().enumerate() {
            let (world, socket, stream) = (Arc::clone(world), socket.clone(), stream.clone());
            streams.spawn(async move { send(&world, &socket, party, number, &stream).await });
        }
        if let Some(asking) = plan.asks {
            let (world, socket, talk) = (Arc::clone(world), socket.clone(), Talk::new());
            lock(&world.talks)[party.host] = Some(talk.clone());
            streams.spawn(talk::ask(world, talk, socket, party, asking));
        }
        let receiver = tokio::spawn(receive(Arc::clone(world), socket.clone(), party));
        world.note(format_args!("host {party} is up"));
        lock(&world.sockets)[party.host] = Some(socket.clone());
        Self {
            party,
            socket,
            streams,
            receiver,
            listener,
        }
    }

    pub(crate) fn party(&self) -> Party {
        self.party
    }

    /// Whether nothing is left to be sent or received.
    pub(crate) fn is_quiet(&mut self) -> bool {
        while self.streams.try_join_next().is_some() {}
        let stats = self.socket.stats();
        self.streams.is_empty()
            && stats.buffered_messages == 0
            && stats.unacknowledged_messages == 0
            && stats.unreceived_messages == 0
    }

    /// Ends without a word.
    pub(crate) async fn kill(self, world: &World) {
        let Self {
            party,
            socket,
            mut streams,
            receiver,
            listener,
        } = self;
        world.note(format_args!("host {party} is killed"));
        world.ledger.killed(party);
        lock(&world.sockets)[party.host] = None;
        lock(&world.talks)[party.host] = None;
        streams.shutdown().await;
        receiver.abort();
        let _ = receiver.await;
        drop(socket);
        world.network.host_went(party.host);
        ends(world, party, "the events", listener).await;
    }

    /// Closes the socket. Says whether nothing was left over.
    pub(crate) async fn close(self, world: &World, how: Closing) -> bool {
        let deadline = how.deadline;
        let Self {
            party,
            socket,
            mut streams,
            receiver,
            listener,
        } = self;
        world.note(format_args!("host {party} closes within {deadline:?}"));
        // A socket that is being closed takes what comes, room or not.
        lock(&world.sockets)[party.host] = None;
        lock(&world.talks)[party.host] = None;
        let mut reports = Vec::new();
        if let Some(patience) = how.given_up {
            let given_up = timeout(patience, socket.close(deadline)).await;
            world.note(format_args!("host {party} gave up: {}", given_up.is_err()));
            reports.extend(given_up);
        }
        let began = Instant::now();
        let other = socket.clone();
        let both = async {
            match how.twice {
                true => {
                    let (one, two) = tokio::join!(socket.close(deadline), other.close(deadline));
                    vec![one, two]
                }
                false => vec![socket.close(deadline).await],
            }
        };
        let Ok(last) = timeout(deadline + SOON, both).await else {
            world.fault(format_args!("{party}: closing has no end"));
            return false;
        };
        drop(other);
        let took = began.elapsed();
        reports.extend(last);
        // The clock counts whole milliseconds.
        if took > deadline + Duration::from_millis(2) {
            world.fault(format_args!(
                "{party}: closing within {deadline:?} took {took:?}"
            ));
        }
        let is_lost =
            how.given_up.is_some() && matches!(world.sabotage, Some(Sabotage::LosesReports));
        if is_lost {
            reports.clear();
        }
        let mut clean = true;
        for report in &reports {
            clean &= is_clean(world, party, report);
        }
        drop(reports);
        world.network.host_went(party.host);
        let sends = async { while streams.join_next().await.is_some() {} };
        if timeout(SOON, sends).await.is_err() {
            world.fault(format_args!("{party}: a send outlived its socket"));
        }
        ends(world, party, "the events", listener).await;
        ends(world, party, "receiving", receiver).await;
        clean
    }
}

/// Notes what a report says, and whether nothing was left over.
fn is_clean(world: &World, party: Party, report: &CloseReport) -> bool {
    let unsent = report.unsent.len();
    let unacknowledged = report.unacknowledged.len();
    world.note(format_args!(
        "host {party} is closed: {unsent} unsent, {unacknowledged} unacknowledged"
    ));
    for message in &report.unsent {
        world.ledger.unsent(party, message);
    }
    for message in &report.unacknowledged {
        world.ledger.unacknowledged(party, message);
    }
    // What its sender has given up may wait, at the end, for who is absent.
    let given_up = |message: &Outbound| {
        let payload = message.payload();
        talk::is_talk(payload) || world.ledger.is_given_up(party.host, payload)
    };
    let mut left = report.unsent.iter().chain(&report.unacknowledged);
    left.all(given_up)
}

async fn ends(world: &World, party: Party, what: &str, task: JoinHandle<()>) {
    match timeout(SOON, task).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_panic() => world.fault(format_args!("{party}: {what}: {error}")),
        Ok(Err(_)) => {}
        Err(_) => world.fault(format_args!("{party}: {what} outlived the socket")),
    }
}

fn build(world: &World, party: Party, plan: &HostPlan) -> Result<Socket, Error> {
    let gate = world.network.gate(party);
    let identity = aiomsg::Identity::new(&plan.identity).map_err(|_| ErrorKind::Config)?;
    let guarantee = match plan.at_least_once {
        true => DeliveryGuarantee::AtLeastOnce,
        false => DeliveryGuarantee::AtMostOnce,
    };
    let ack_mode = match plan.receives {
        Receives::Plainly | Receives::Once => AckMode::Received,
        Receives::Acknowledging | Receives::Serving { .. } => AckMode::Handled,
    };
    let timeout = match world.sabotage {
        Some(Sabotage::Impatient) => Duration::from_secs(1),
        _ => HEARTBEAT_TIMEOUT,
    };
    let builder = Socket::builder()
        .identity(identity)
        .send_mode(plan.mode)
        .delivery_guarantee(guarantee)
        .max_resends(plan.max_resends)
        .dialects(plan.dialects)
        .overflow(plan.overflow)
        .peer_limits(plan.peer_limits)
        .buffer_limits(plan.buffer_limits)
        .absent_limits(plan.absent_limits)
        .unacknowledged_limits(plan.unacknowledged_limits)
        .receive_limits(plan.receive_limits)
        .ack_mode(ack_mode)
        .event_capacity(4096)
        .heartbeat_timeout(timeout)
        .heartbeat_interval(timeout.mul_f64(0.9).min(HEARTBEAT_INTERVAL))
        .dial_layer(gate.clone())
        .accept_layer(gate);
    match (&world.sabotage, plan.receives) {
        (Some(Sabotage::Frames(frames)), _) => builder.connection_layer(frames.clone()).build(),
        (_, Receives::Once) => builder.receive_layer(DedupLayer::new()).build(),
        _ => builder.build(),
    }
}

/// The name may be held for a moment by the life before.
async fn bind(world: &World, socket: &Socket, party: Party) {
    let mut left = 100;
    while let Err(error) = socket.bind(world.endpoint(party.host)).await {
        left -= 1;
        if left == 0 {
            world.fault(format_args!("{party} could not bind: {error}"));
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

// ===== sending =====

async fn send(world: &World, socket: &Socket, party: Party, number: usize, stream: &StreamPlan) {
    loop {
        let next = world.progress[party.host][number].fetch_add(1, Ordering::Relaxed);
        if next >= stream.count {
            return;
        }
        let (bytes, pause) = {
            let mut rng = lock(&world.rng);
            let bytes = payload(stream.sizes, (party.host, number, next), &mut rng);
            let pause = (rng.u32(0..8) == 0).then(|| stream.pause.mul_f64(rng.f64()));
            (bytes, pause)
        };
        if let Some(pause) = pause {
            sleep(pause).await;
        }
        let mut message = Outbound::new(world.ledger.counted(party.host, &bytes));
        if let Some(to) = stream.to {
            message = message.to(world.identity(to));
        }
        if stream.acked {
            message = message.until_acked();
        }
        let which = world.ledger.sending(
            &bytes,
            Sent {
                by: party,
                to: stream.to,
                acked: stream.acked,
                outcome: None,
            },
        );
        let sending = socket.send_message(message);
        let result = match stream.patience {
            None => Some(sending.await),
            Some(patience) => timeout(patience, sending).await.ok(),
        };
        let mut closed = false;
        let outcome = match result {
            None => Outcome::GivenUp,
            Some(Ok(())) if stream.acked => Outcome::Acknowledged,
            Some(Ok(())) => Outcome::Accepted,
            Some(Err(mut error)) => {
                closed = error.is_closed();
                match error.take_message() {
                    Some(message) if message.payload()[..] == bytes[..] => Outcome::Refused,
                    Some(_) => {
                        world.fault(format_args!("{party}: another message came back: {error}"));
                        Outcome::Refused
                    }
                    None => {
                        if !(closed && stream.acked) {
                            world.fault(format_args!("{party}: no message came back: {error}"));
                        }
                        Outcome::Unreturned
                    }
                }
            }
        };
        world.ledger.outcome(party, &bytes, which, outcome);
        if closed {
            return;
        }
        world.check_bounds(party.host);
    }
}

// ===== receiving =====

async fn receive(world: Arc<World>, socket: Socket, party: Party) {
    let Receives::Serving { concurrency, once } = world.plan().hosts[party.host].receives else {
        while let Ok(message) = socket.recv_message().await {
            if handle(&world, party, &message).await.is_ok() {
                socket.acknowledge(&message);
            }
        }
        return;
    };
    let handler = service_fn({
        let world = Arc::clone(&world);
        move |message: Delivery| {
            let world = Arc::clone(&world);
            async move { handle(&world, party, &message).await }
        }
    });
    let served = match once {
        true => {
            let handler = ServiceBuilder::new()
                .layer(DedupLayer::new())
                .service(handler);
            let serve = socket.serve(handler).concurrency(concurrency);
            drop(socket);
            serve.into_future().await
        }
        false => {
            let serve = socket.serve(handler).concurrency(concurrency);
            drop(socket);
            serve.into_future().await
        }
    };
    if let Err(error) = served {
        world.fault(format_args!("{party}: serving failed: {error}"));
    }
}

/// What the application does with a message. It fails now and then on one that
/// will come again.
async fn handle(world: &World, party: Party, message: &Delivery) -> Result<(), BoxError> {
    let (plan, payload) = (&world.plan().hosts, message.payload());
    if talk::heard(world, party, message).await {
        return Ok(());
    }
    if payload == stranger::WORDS {
        world.heard_stranger(party, message.from());
        return Ok(());
    }
    let Some(from) = world.host_of(message.from()) else {
        world.fault(format_args!("{party}: a message of a stranger"));
        return Ok(());
    };
    world.ledger.received(party, from, payload);
    while world.stopped[party.host].load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20)).await;
    }
    if !plan[party.host].handling.is_zero() {
        sleep(plan[party.host].handling).await;
    }
    let defers = matches!(
        plan[party.host].receives,
        Receives::Acknowledging | Receives::Serving { .. }
    );
    if defers && plan[from].at_least_once && lock(&world.rng).u32(0..10) == 0 {
        return Err("not this time".into());
    }
    world.ledger.handled(party, from, payload);
    Ok::<_, Infallible>(()).map_err(Into::into)
}

// ===== events =====

/// One that is not let in may be at the other end, and is read to its end then.
fn half_open(world: &World, party: Party, error: &Error) {
    if error.is_identity_in_use() {
        world.gave_way(party.host);
    }
}

fn note(world: &World, party: Party, event: Event) {
    let name = |identity| world.host_of(identity).unwrap_or(usize::MAX);
    match event {
        Event::PeerUp { peer } => world.note(format_args!(
            "{party}: {} is up, {}",
            name(&peer.identity),
            peer.dialect
        )),
        Event::PeerDown { peer, reason } => {
            if reason.to_string().contains("took its place") {
                world.gave_way(party.host);
            }
            if reason.is_timeout() {
                world.is_dead(party, name(&peer.identity), &reason);
            }
            world.note(format_args!(
                "{party}: {} is down: {:?}",
                name(&peer.identity),
                reason.kind()
            ));
        }
        Event::DialFailed {
            error, retry_in, ..
        } => {
            half_open(world, party, &error);
            world.note(format_args!(
                "{party}: dialling failed: {:?}, again in {retry_in:?}",
                error.kind()
            ));
        }
        Event::AcceptFailed { error, .. } => {
            half_open(world, party, &error);
            world.note(format_args!(
                "{party}: accepting failed: {:?}",
                error.kind()
            ));
        }
        Event::Dropped { message, reason } => world.ledger.dropped(party, &message, reason),
        Event::QueueHigh { peer } => world.note(format_args!("{party}: {} is slow", name(&peer))),
        Event::QueueLow { peer } => world.note(format_args!("{party}: {} is quick", name(&peer))),
        Event::Missed { count } => world.fault(format_args!("{party}: {count} events are missing")),
        _ => {}
    }
}

//! One process of a round: a socket, who sends by it, who receives, and who listens to
//! its events.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg::close::CloseReport;
use aiomsg::layer::DedupLayer;
use aiomsg::{AckMode, DeliveryGuarantee, Error, Event, Socket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ledger::Party;
use crate::plan::{Closing, HostPlan, Receives};
use crate::timeline::{Down, End};
use crate::world::{Sabotage, World};
use crate::{receiving, sending};

pub(crate) struct Host {
    pub(crate) party: Party,
    pub(crate) socket: Socket,
    pub(crate) streams: JoinSet<()>,
    receivers: JoinSet<()>,
    listener: JoinSet<()>,
}

/// Tasks of a socket that is closed end within this, and so does `close` beyond its
/// deadline, whatever else the machine does.
const SOON: Duration = Duration::from_secs(20);

impl Host {
    pub(crate) async fn start(world: &Arc<World>, party: Party) -> Self {
        let socket = build(world, party).expect("the settings are good");
        let mut listener = JoinSet::new();
        let mut events = socket.events();
        listener.spawn({
            let world = Arc::clone(world);
            async move {
                while let Some(event) = events.next().await {
                    note(&world, party, event);
                }
            }
        });
        bind(world, &socket, party).await;
        for (edge, proxy) in world.plan.edges.iter().zip(&world.proxies) {
            if edge.dialler == party.host {
                let endpoint = format!("{}://{}", world.scheme(), proxy.address());
                socket.connect(endpoint).expect("a good endpoint");
            }
        }
        let mut host = Self {
            party,
            streams: JoinSet::new(),
            receivers: receiving::spawn(world, &socket, party),
            listener,
            socket,
        };
        host.send(world, false);
        host
    }

    fn plan<'a>(&self, world: &'a World) -> &'a HostPlan {
        &world.plan.hosts[self.party.host]
    }

    /// Sends what there is to send in trouble, or afterwards.
    pub(crate) fn send(&mut self, world: &Arc<World>, late: bool) {
        for (number, stream) in self.plan(world).streams.iter().enumerate() {
            for task in 0..stream.tasks {
                let stream = sending::Stream {
                    world: Arc::clone(world),
                    socket: self.socket.clone(),
                    party: self.party,
                    number,
                    task,
                    late,
                };
                self.streams.spawn(stream.run());
            }
        }
    }

    /// Ends without a word.
    pub(crate) async fn kill(mut self, world: &World) {
        let began = Instant::now();
        world.note(format_args!("{} is killed", self.party));
        self.streams.shutdown().await;
        self.receivers.shutdown().await;
        drop(self.socket);
        finish(world, self.party, "the events", &mut self.listener).await;
        world.timeline.ended(End {
            party: self.party,
            began,
            over: Instant::now(),
            killed: true,
            abrupt: true,
        });
    }

    /// Closes the socket. Says whether everything was sent and read.
    pub(crate) async fn close(mut self, world: &World, closing: Closing) -> bool {
        let party = self.party;
        sleep(closing.after).await;
        // Nobody takes what is left, while its host does not read.
        world.stopped[party.host].store(false, Ordering::Relaxed);
        let began = Instant::now();
        world.note(format_args!("{party} closes within {:?}", closing.deadline));
        if let Some(patience) = closing.cancelled
            && let Ok(report) = timeout(patience, self.socket.close(closing.deadline)).await
        {
            world.report(party, &report);
        }
        let deadline = closing.deadline;
        let calls = 1 + usize::from(closing.twice);
        let calls: Vec<_> = (0..calls).map(|_| self.socket.clone()).collect();
        let mut clean = true;
        for report in futures::future::join_all(calls.iter().map(|it| close(it, deadline))).await {
            match report {
                Some(report) => {
                    clean &= report.is_clean();
                    world.report(party, &report);
                }
                None => world.fault(format_args!("{party}: closing has no end")),
            }
        }
        let over = Instant::now();
        world.note(format_args!("{party} is closed, and clean: {clean}"));
        drop(calls);
        finish(world, party, "a send", &mut self.streams).await;
        finish(world, party, "receiving", &mut self.receivers).await;
        finish(world, party, "the events", &mut self.listener).await;
        world.timeline.ended(End {
            party,
            began,
            over,
            killed: false,
            abrupt: over.duration_since(began) >= deadline,
        });
        clean
    }
}

async fn close(socket: &Socket, deadline: Duration) -> Option<CloseReport> {
    timeout(deadline + SOON, socket.close(deadline)).await.ok()
}

async fn finish(world: &World, party: Party, what: &str, tasks: &mut JoinSet<()>) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                world.fault(format_args!("{party}: {what}: {error}"));
            }
        }
    };
    if timeout(SOON, all).await.is_err() {
        world.fault(format_args!("{party}: {what} outlived the socket"));
        tasks.shutdown().await;
    }
}

impl World {
    fn report(&self, by: Party, report: &CloseReport) {
        let (unsent, unacknowledged) = (report.unsent.len(), report.unacknowledged.len());
        self.note(format_args!(
            "{by} reports {unsent} unsent, {unacknowledged} unacknowledged, {:?}",
            report.unconfirmed
        ));
        if self.sabotage != Some(Sabotage::Conceal) {
            self.ledger.report(by, report);
        }
    }
}

fn build(world: &World, party: Party) -> Result<Socket, Error> {
    let plan = &world.plan.hosts[party.host];
    let guarantee = match plan.at_least_once {
        true => DeliveryGuarantee::AtLeastOnce,
        false => DeliveryGuarantee::AtMostOnce,
    };
    let ack_mode = match plan.receives.handles() {
        true => AckMode::Handled,
        false => AckMode::Received,
    };
    let builder = Socket::builder()
        .identity(World::identity(party.host))
        .send_mode(plan.mode)
        .delivery_guarantee(guarantee)
        .ack_timeout(Duration::from_millis(400))
        .max_resends(40)
        .dialects(plan.dialects)
        .overflow(plan.overflow)
        .peer_limits(plan.peer_limits)
        .buffer_limits(plan.buffer_limits)
        .absent_limits(plan.absent_limits)
        .unacknowledged_limits(plan.unacknowledged_limits)
        .receive_limits(plan.receive_limits)
        .heartbeat_timeout(plan.heartbeat)
        .heartbeat_interval(plan.heartbeat / 4)
        .reconnect_delay(|tries| Duration::from_millis(20 << tries.min(4)))
        .ack_mode(ack_mode)
        .event_capacity(16_384)
        .tls(world.tls.clone());
    match plan.receives {
        Receives::Once => builder.receive_layer(DedupLayer::new()).build(),
        _ => builder.build(),
    }
}

async fn bind(world: &World, socket: &Socket, party: Party) {
    let edges = world.plan.edges.iter().zip(&world.proxies);
    let theirs: Vec<_> = edges
        .filter(|(edge, _)| edge.binder == party.host)
        .map(|(_, proxy)| proxy)
        .collect();
    if theirs.is_empty() {
        return;
    }
    let endpoint = format!("{}://127.0.0.1:0", world.scheme());
    let endpoint = socket.bind(endpoint).await.expect("a port is free");
    let port = endpoint.port().expect("a port");
    theirs.iter().for_each(|proxy| proxy.leads_to(port));
}

fn note(world: &World, party: Party, event: Event) {
    let name = |identity| world.host_of(identity).unwrap_or(usize::MAX);
    match event {
        Event::PeerUp { peer } => {
            let dialect = peer.dialect;
            world.note(format_args!(
                "{party}: {} is up, {dialect}",
                name(&peer.identity)
            ));
        }
        Event::PeerDown { peer, reason } => {
            let peer = name(&peer.identity);
            world.timeline.down(Down {
                at: Instant::now(),
                by: party,
                peer,
                timeout: reason.is_timeout(),
            });
            world.note(format_args!("{party}: {peer} is down: {reason}"));
        }
        Event::DialFailed { error, .. } | Event::AcceptFailed { error, .. } => {
            if error.is_identity_in_use()
                && let Some(peer) = error.peer()
            {
                world.timeline.refused(party.host, name(peer));
            }
            world.note(format_args!("{party}: {error}"));
        }
        Event::Dropped { message, reason } => world.ledger.dropped(party, &message, reason),
        Event::Unconfirmed { messages, .. } => world.ledger.unconfirmed(party, messages),
        Event::Missed { count } => world.fault(format_args!("{party}: {count} events are missing")),
        _ => {}
    }
}

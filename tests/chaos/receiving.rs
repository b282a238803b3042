//! Who receives.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg::{Delivery, Socket};
use futures::StreamExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{BoxError, service_fn};

use crate::ledger::Party;
use crate::payload::name;
use crate::plan::Receives;
use crate::world::World;

/// A receive that is given up again and again lasts so long.
const IMPATIENCE: Duration = Duration::from_millis(3);

pub(crate) fn spawn(world: &Arc<World>, socket: &Socket, party: Party) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (world, socket) = (Arc::clone(world), socket.clone());
    match world.plan.hosts[party.host].receives {
        Receives::Plainly | Receives::Once | Receives::Acknowledging => {
            tasks.spawn(plainly(world, socket, party));
        }
        Receives::Together(count) => {
            for _ in 0..count {
                tasks.spawn(plainly(Arc::clone(&world), socket.clone(), party));
            }
        }
        Receives::Impatiently => {
            tasks.spawn(impatiently(world, socket, party));
        }
        Receives::ManyAtOnce => {
            tasks.spawn(many_at_once(world, socket, party));
        }
        Receives::AsStream => {
            tasks.spawn(as_stream(world, socket, party));
        }
        Receives::Serving(concurrency) => {
            tasks.spawn(serving(world, socket, party, concurrency));
        }
    }
    tasks
}

async fn plainly(world: Arc<World>, socket: Socket, party: Party) {
    while let Ok(message) = socket.recv_message().await {
        if handle(&world, party, &message).await.is_ok() {
            socket.acknowledge(&message);
        }
    }
}

async fn impatiently(world: Arc<World>, socket: Socket, party: Party) {
    loop {
        match timeout(IMPATIENCE, socket.recv_message()).await {
            Ok(Ok(message)) => _ = handle(&world, party, &message).await,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

async fn many_at_once(world: Arc<World>, socket: Socket, party: Party) {
    let mut messages = Vec::new();
    loop {
        match timeout(IMPATIENCE, socket.recv_many(&mut messages, 50)).await {
            Ok(Ok(_)) => {
                for message in messages.drain(..) {
                    let _ = handle(&world, party, &message).await;
                }
            }
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

async fn as_stream(world: Arc<World>, socket: Socket, party: Party) {
    let mut messages = socket.identity_messages();
    while let Some((from, payload)) = messages.next().await {
        if world.host_of(&from).is_none() {
            world.fault(format_args!("{party}: a message of a stranger"));
        }
        took(&world, party, &payload).await;
    }
}

async fn serving(world: Arc<World>, socket: Socket, party: Party, concurrency: usize) {
    let handler = service_fn({
        let world = Arc::clone(&world);
        move |message: Delivery| {
            let world = Arc::clone(&world);
            async move { handle(&world, party, &message).await }
        }
    });
    let serve = socket.serve(handler).concurrency(concurrency);
    // The clones that send keep it open.
    drop(socket);
    if let Err(error) = serve.into_future().await {
        world.fault(format_args!("{party}: serving failed: {error}"));
    }
}

/// What the application does with a message. It fails now and then on one that will
/// come again.
async fn handle(world: &World, party: Party, message: &Delivery) -> Result<(), BoxError> {
    let payload = message.payload();
    let (from, hosts) = (world.host_of(message.from()), &world.plan.hosts);
    if from.is_none() || from != name(payload).map(|name| name.host) {
        world.fault(format_args!(
            "{party}: a message of {from:?} was not its own"
        ));
    }
    let comes_again = from.is_some_and(|from| hosts[from].at_least_once);
    if hosts[party.host].receives.handles() && comes_again && fastrand::u32(0..100) == 0 {
        return Err("not this time".into());
    }
    took(world, party, payload).await;
    Ok(())
}

async fn took(world: &World, party: Party, payload: &[u8]) {
    world.received(party, payload);
    while world.stopped[party.host].load(Ordering::Relaxed) {
        sleep(Duration::from_millis(5)).await;
    }
    let handling = world.plan.hosts[party.host].handling;
    if !handling.is_zero() && fastrand::u32(0..50) == 0 {
        sleep(handling).await;
    }
}

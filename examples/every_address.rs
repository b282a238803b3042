//! A connection to every address of a name, as they come and go. The name is resolved by a
//! registry of our own, which is a `tower::Service`; without one, DNS does it.
//!
//! ```sh
//! cargo run --example every_address
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiomsg::resolve::{Addresses, Name};
use aiomsg::{Event, Socket};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The addresses of the workers.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Vec<SocketAddr>>>);

impl Registry {
    fn lookup(&self, name: &Name) -> Outcome<Addresses> {
        match name.host() {
            // The answer holds for a second.
            "workers" => {
                let addresses = self.0.lock().map_err(|_| "a lookup panicked")?.clone();
                Ok(Addresses::new(addresses).ttl(Duration::from_secs(1)))
            }
            other => Err(format!("nobody is registered as {other}").into()),
        }
    }

    fn set(&self, workers: &[&Worker]) -> Outcome<()> {
        let mut addresses = self.0.lock().map_err(|_| "a lookup panicked")?;
        *addresses = workers.iter().map(|it| it.address).collect();
        Ok(())
    }
}

struct Worker {
    socket: Socket,
    address: SocketAddr,
}

impl Worker {
    async fn start() -> Outcome<Self> {
        let socket = Socket::new()?;
        let endpoint = socket.bind("127.0.0.1:0").await?;
        let port = endpoint.port().ok_or("tcp has ports")?;
        let address = ([127, 0, 0, 1], port).into();
        Ok(Self { socket, address })
    }

    /// Does some jobs.
    async fn work(&self, jobs: usize) -> Outcome<usize> {
        for _ in 0..jobs {
            self.socket.recv().await?;
        }
        Ok(jobs)
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let (one, two, three) = tokio::try_join!(Worker::start(), Worker::start(), Worker::start())?;
    let registry = Registry::default();
    registry.set(&[&one, &two, &three])?;

    let service = {
        let registry = registry.clone();
        tower::service_fn(move |name: Name| std::future::ready(registry.lookup(&name)))
    };
    let producer = Socket::builder().resolver(service).build()?;
    let mut events = producer.events();
    producer.connect_all("tcp://workers:25000")?;
    producer.wait_for_peers(3).await?;
    for job in 0..30 {
        producer.send(format!("job {job}")).await?;
    }
    let done = tokio::try_join!(one.work(10), two.work(10), three.work(10))?;
    println!("with three workers, each does its part: {done:?}");

    // One leaves the registry, and is disconnected when the answer has expired.
    registry.set(&[&one, &three])?;
    while let Some(event) = events.next().await {
        match event {
            Event::AddressesChanged { removed, .. } if !removed.is_empty() => break,
            _ => {}
        }
    }
    for job in 0..30 {
        producer.send(format!("job {job}")).await?;
    }
    let done = tokio::try_join!(one.work(15), three.work(15))?;
    println!("without the second, the others do its jobs: {done:?}");
    let report = producer.close(Duration::from_secs(5)).await;
    println!("unsent: {}", report.unsent.len());
    Ok(())
}

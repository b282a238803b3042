//! The crate async-nats. Everything goes through a `nats-server`, which belongs
//! to the role that others connect to.

use aiomsg_bench::drive::{self, Caller, Inlet, Outlet, Together, block_on};
use aiomsg_bench::{Failure, Job, Library, Outcome, Parent};
use async_nats::{Client, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt;

use crate::nats_server::NatsServer;

/// Where messages go, and where they come back.
const THERE: &str = "bench.there";
const BACK: &str = "bench.back";

pub(crate) struct AsyncNats;

impl Library for AsyncNats {
    fn name(&self) -> &'static str {
        "async-nats"
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        // How a sender spreads its messages over many peers is measured of aiomsg
        // alone.
        if job.address.is_none() {
            return Err(Failure::Unsupported);
        }
        self.publisher(job, parent)
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            let mut inlets = Vec::with_capacity(joined.clients.len());
            for client in &joined.clients {
                inlets.push(Subscribed(subscribe(client, THERE).await?));
            }
            drive::receive(job, parent, Together::Tasks, inlets).await
        })
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            let peer = Both::new(joined.one()?, THERE, BACK).await?;
            drive::ping(job, parent, peer).await
        })
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            let peer = Both::new(joined.one()?, BACK, THERE).await?;
            drive::echo(job, parent, peer).await
        })
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            drive::call(job, parent, Asking(joined.one()?)).await
        })
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            let client = joined.one()?;
            let answering = Answering {
                requests: subscribe(&client, THERE).await?,
                client,
                asker: None,
            };
            drive::echo(job, parent, answering).await
        })
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let joined = Joined::open(job, parent).await?;
            if job.tasks > 1 {
                let outlet = Publishing(joined.one()?, THERE);
                return drive::send_from_tasks(job, parent, outlet).await;
            }
            let clients = joined.clients.iter().cloned();
            let outlets = clients.map(|client| Publishing(client, THERE)).collect();
            drive::send(job, parent, Together::Tasks, outlets).await
        })
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        self.receiver(job, parent)
    }
}

/// The connections of a role.
struct Joined {
    clients: Vec<Client>,
    /// Ends with the role that has started it.
    _server: Option<NatsServer>,
}

impl Joined {
    async fn open(job: &Job, parent: &Parent) -> Result<Self, Failure> {
        job.plain()?;
        let server = match job.address {
            Some(_) => None,
            None => Some(NatsServer::start(parent)?),
        };
        let started = server.as_ref().map(NatsServer::address);
        let address = job.address.as_deref().or(started).unwrap_or_default();
        let mut clients = Vec::with_capacity(job.sockets());
        for _ in 0..job.sockets() {
            clients.push(async_nats::connect(address).await?);
        }
        if let Some(address) = started {
            parent.listening(address);
        }
        Ok(Self {
            clients,
            _server: server,
        })
    }

    fn one(&self) -> Result<Client, Failure> {
        let client = self.clients.first().cloned();
        client.ok_or_else(|| Failure::new("there is no connection"))
    }
}

/// A subscription that the server knows of.
async fn subscribe(client: &Client, subject: &'static str) -> Result<Subscriber, Failure> {
    let subscriber = client.subscribe(subject).await?;
    // The server handles what a connection says in order. So it knows of the
    // subscription when a later message has come back.
    let inbox = client.new_inbox();
    let mut probe = client.subscribe(inbox.clone()).await?;
    client.publish(inbox, Bytes::new()).await?;
    next(&mut probe).await?;
    Ok(subscriber)
}

async fn next(subscriber: &mut Subscriber) -> Result<async_nats::Message, Failure> {
    let message = subscriber.next().await;
    message.ok_or_else(|| Failure::new("the subscription has ended"))
}

/// A subject to publish to.
#[derive(Clone)]
struct Publishing(Client, &'static str);

impl Outlet for Publishing {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.0.publish(self.1, message).await?)
    }

    async fn finish(&mut self) -> Outcome {
        Ok(self.0.flush().await?)
    }
}

struct Subscribed(Subscriber);

impl Inlet for Subscribed {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(Some(next(&mut self.0).await?.payload))
    }
}

/// Both directions.
struct Both {
    to: Publishing,
    from: Subscribed,
}

impl Both {
    async fn new(client: Client, to: &'static str, from: &'static str) -> Result<Self, Failure> {
        let from = Subscribed(subscribe(&client, from).await?);
        let to = Publishing(client, to);
        Ok(Self { to, from })
    }
}

impl Outlet for Both {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.to.send(message).await
    }
}

impl Inlet for Both {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        self.from.recv().await
    }
}

#[derive(Clone)]
struct Asking(Client);

impl Caller for Asking {
    type Answer = Bytes;

    #[inline]
    async fn call(&mut self, request: Bytes) -> Result<Bytes, Failure> {
        Ok(self.0.request(THERE, request).await?.payload)
    }
}

/// Sends to where the last request wants its answer.
struct Answering {
    client: Client,
    requests: Subscriber,
    asker: Option<Subject>,
}

impl Outlet for Answering {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        let asker = self.asker.take();
        let asker = asker.ok_or_else(|| Failure::new("nobody wants an answer"))?;
        Ok(self.client.publish(asker, message).await?)
    }
}

impl Inlet for Answering {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        let message = next(&mut self.requests).await?;
        self.asker = message.reply;
        Ok(Some(message.payload))
    }
}

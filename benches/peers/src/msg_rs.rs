//! msg-rs, by its crates msg-socket and msg-transport: REQ and REP, PUB and SUB,
//! over TCP, with the options that it calls balanced.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_bench::drive::{self, Caller, Inlet, Outlet, Together, block_on};
use aiomsg_bench::{Failure, Job, Library, Outcome, Parent};
use bytes::Bytes;
use futures::StreamExt;
use msg_socket::{PubSocket, RepSocket, ReqOptions, ReqSocket, Request, SubSocket};
use msg_transport::tcp::Tcp;

const ANY_PORT: &str = "127.0.0.1:0";
const TOPIC: &str = "bench";

/// How long subscriptions may take to reach the publisher, which is not told of
/// them.
const SUBSCRIBED: Duration = Duration::from_millis(500);

pub(crate) struct MsgRs;

impl Library for MsgRs {
    fn name(&self) -> &'static str {
        "msg-rs"
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let options = ReqOptions::balanced().with_blocking_connect();
            let mut socket = ReqSocket::with_options(Tcp::default(), options);
            socket.connect(address(job)).await?;
            drive::call(job, parent, Asking(Arc::new(socket))).await
        })
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let mut socket = RepSocket::new(Tcp::default());
            socket.bind(ANY_PORT).await?;
            listening(parent, socket.local_addr())?;
            let request = None;
            drive::echo(job, parent, Answering { socket, request }).await
        })
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let mut socket = PubSocket::new(Tcp::default());
            socket.bind(ANY_PORT).await?;
            listening(parent, socket.local_addr())?;
            drive::send(job, parent, Together::Tasks, vec![Publishing(socket)]).await
        })
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let mut inlets = Vec::with_capacity(job.peers);
            for _ in 0..job.peers {
                let mut socket = SubSocket::new(Tcp::default());
                socket.connect(address(job)).await?;
                socket.subscribe(TOPIC).await?;
                inlets.push(Subscribed(socket));
            }
            drive::receive(job, parent, Together::Tasks, inlets).await
        })
    }
}

fn address(job: &Job) -> &str {
    job.address.as_deref().unwrap_or_default()
}

fn listening(parent: &Parent, address: Option<&SocketAddr>) -> Outcome {
    let address = address.ok_or_else(|| Failure::new("the port is not known"))?;
    parent.listening(address);
    Ok(())
}

#[derive(Clone)]
struct Asking(Arc<ReqSocket<Tcp, SocketAddr>>);

impl Caller for Asking {
    type Answer = Bytes;

    #[inline]
    async fn call(&mut self, request: Bytes) -> Result<Bytes, Failure> {
        Ok(self.0.request(request).await?)
    }
}

/// Answers the request that has come last.
struct Answering {
    socket: RepSocket<Tcp, SocketAddr>,
    request: Option<Request<SocketAddr>>,
}

impl Outlet for Answering {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        let request = self.request.take();
        let request = request.ok_or_else(|| Failure::new("there is no request"))?;
        Ok(request.respond(message)?)
    }
}

impl Inlet for Answering {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        let request = self.socket.next().await;
        let request = request.ok_or_else(|| Failure::new("the socket has ended"))?;
        let message = request.msg().clone();
        self.request = Some(request);
        Ok(Some(message))
    }
}

struct Publishing(PubSocket<Tcp, SocketAddr>);

impl Outlet for Publishing {
    async fn prepare(&mut self, _: usize) -> Outcome {
        tokio::time::sleep(SUBSCRIBED).await;
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.0.publish(TOPIC, message).await?;
        // It never waits, and drops what the tasks of the connections do not fetch
        // in time, so they have their turn.
        tokio::task::consume_budget().await;
        Ok(())
    }
}

struct Subscribed(SubSocket<Tcp, SocketAddr>);

impl Inlet for Subscribed {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        let message = self.0.next().await;
        let message = message.ok_or_else(|| Failure::new("the socket has ended"))?;
        Ok(Some(message.into_payload()))
    }
}

//! The roles, played with the socket types of ZeroMQ: PUSH and PULL one way,
//! DEALER and DEALER both ways, DEALER and ROUTER for requests, PUB and SUB for
//! publishing.

use std::marker::PhantomData;
use std::time::Duration;

use aiomsg_bench::drive::{self, Inlet, Locked, Outlet, Together, block_on};
use aiomsg_bench::{Failure, Job, Library, Outcome, Parent};
use bytes::Bytes;

/// How long connections and subscriptions may take. A program is told of neither
/// in these libraries.
const SETTLED: Duration = Duration::from_millis(500);

/// A type of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Push,
    Pull,
    Dealer,
    Router,
    Pub,
    Sub,
}

/// A message, and its sender.
pub(crate) type Request<Z> = (<Z as Zmtp>::Peer, <Z as Zmtp>::Message);

/// A library with the sockets of ZeroMQ.
pub(crate) trait Zmtp: Sync + Sized + 'static {
    const NAME: &'static str;
    const TOGETHER: Together;
    type Socket: Send + 'static;
    /// A message, as the library hands it over.
    type Message: AsRef<[u8]> + Into<Bytes> + Send;
    /// What a ROUTER knows a peer by.
    type Peer: Send + 'static;

    /// A socket that is bound to this endpoint, and the endpoint with its real
    /// port.
    fn bind(
        kind: Kind,
        endpoint: &str,
    ) -> impl Future<Output = Result<(Self::Socket, String), Failure>>;

    /// A socket that is connected, and that gets everything if it is a SUB.
    fn connect(kind: Kind, endpoint: &str) -> impl Future<Output = Result<Self::Socket, Failure>>;

    fn send(socket: &mut Self::Socket, message: Bytes) -> impl Future<Output = Outcome> + Send;

    /// The next message; `None`: none has come for a while.
    fn recv(
        socket: &mut Self::Socket,
    ) -> impl Future<Output = Result<Option<Self::Message>, Failure>> + Send;

    /// The next message of a ROUTER, and its sender; `None`: none has come for a
    /// while.
    fn recv_from(
        socket: &mut Self::Socket,
    ) -> impl Future<Output = Result<Option<Request<Self>>, Failure>> + Send;

    /// Sends to one peer of a ROUTER.
    fn send_to(
        socket: &mut Self::Socket,
        peer: Self::Peer,
        message: Bytes,
    ) -> impl Future<Output = Outcome> + Send;

    /// The socket for several tasks: behind a lock, unless it can be cloned.
    fn share(socket: Self::Socket) -> impl Outlet + Clone {
        Locked::new(End::<Self>::new(socket))
    }
}

/// A socket, for the loops of the roles.
pub(crate) struct End<Z: Zmtp> {
    socket: Z::Socket,
    /// How long it waits before it sends.
    pause: Duration,
}

impl<Z: Zmtp> End<Z> {
    pub(crate) fn new(socket: Z::Socket) -> Self {
        let pause = SETTLED;
        Self { socket, pause }
    }
}

impl<Z: Zmtp<Socket: Clone>> Clone for End<Z> {
    fn clone(&self) -> Self {
        Self {
            socket: self.socket.clone(),
            pause: self.pause,
        }
    }
}

impl<Z: Zmtp> Outlet for End<Z> {
    async fn prepare(&mut self, _: usize) -> Outcome {
        tokio::time::sleep(self.pause).await;
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Z::send(&mut self.socket, message).await
    }
}

impl<Z: Zmtp> Inlet for End<Z> {
    type Message = Z::Message;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Z::Message>, Failure> {
        Z::recv(&mut self.socket).await
    }
}

/// A ROUTER that sends to the peer from which it has received last.
struct Answering<Z: Zmtp> {
    socket: Z::Socket,
    asker: Option<Z::Peer>,
}

impl<Z: Zmtp> Outlet for Answering<Z> {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        let asker = self.asker.take();
        let asker = asker.ok_or_else(|| Failure::new("nobody has asked"))?;
        Z::send_to(&mut self.socket, asker, message).await
    }
}

impl<Z: Zmtp> Inlet for Answering<Z> {
    type Message = Z::Message;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Z::Message>, Failure> {
        let received = Z::recv_from(&mut self.socket).await?;
        Ok(received.map(|(asker, message)| {
            self.asker = Some(asker);
            message
        }))
    }
}

/// The library, in all its roles.
pub(crate) fn library<Z: Zmtp>() -> &'static dyn Library {
    &Patterns::<Z>(PhantomData)
}

struct Patterns<Z>(PhantomData<Z>);

impl<Z: Zmtp> Library for Patterns<Z> {
    fn name(&self) -> &'static str {
        Z::NAME
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        send::<Z>(Kind::Push, job, parent)
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        receive::<Z>(Kind::Pull, job, parent)
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            drive::ping(job, parent, one::<Z>(Kind::Dealer, job, parent).await?).await
        })
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            drive::echo(job, parent, one::<Z>(Kind::Dealer, job, parent).await?).await
        })
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            drive::pipeline(job, parent, one::<Z>(Kind::Dealer, job, parent).await?).await
        })
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let End { socket, .. } = one::<Z>(Kind::Router, job, parent).await?;
            let asker = None;
            drive::echo(job, parent, Answering::<Z> { socket, asker }).await
        })
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        send::<Z>(Kind::Pub, job, parent)
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        receive::<Z>(Kind::Sub, job, parent)
    }

    fn proxy(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let (front, front_address) = bind::<Z>(Kind::Pull).await?;
            let (back, back_address) = bind::<Z>(Kind::Push).await?;
            parent.listening(format_args!("{front_address} {back_address}"));
            drive::relay(job, parent, front, back).await
        })
    }
}

fn send<Z: Zmtp>(kind: Kind, job: &Job, parent: &Parent) -> Outcome {
    // How a sender spreads its messages over many peers is measured of aiomsg
    // alone.
    if kind == Kind::Push && job.address.is_none() {
        return Err(Failure::Unsupported);
    }
    block_on(async {
        if job.tasks > 1 {
            let End { socket, .. } = one::<Z>(kind, job, parent).await?;
            return drive::send_from_tasks(job, parent, Z::share(socket)).await;
        }
        let sockets = open::<Z>(kind, job, parent).await?;
        drive::send(job, parent, Z::TOGETHER, sockets).await
    })
}

fn receive<Z: Zmtp>(kind: Kind, job: &Job, parent: &Parent) -> Outcome {
    block_on(async {
        let sockets = open::<Z>(kind, job, parent).await?;
        drive::receive(job, parent, Z::TOGETHER, sockets).await
    })
}

async fn one<Z: Zmtp>(kind: Kind, job: &Job, parent: &Parent) -> Result<End<Z>, Failure> {
    let socket = open::<Z>(kind, job, parent).await?.pop();
    socket.ok_or_else(|| Failure::new("there is no socket"))
}

async fn open<Z: Zmtp>(kind: Kind, job: &Job, parent: &Parent) -> Result<Vec<End<Z>>, Failure> {
    job.plain()?;
    let Some(address) = &job.address else {
        let (socket, address) = bind::<Z>(kind).await?;
        parent.listening(address);
        return Ok(vec![socket]);
    };
    let mut sockets = Vec::with_capacity(job.peers);
    for nth in 0..job.peers {
        let socket = Z::connect(kind, &format!("tcp://{address}")).await?;
        // They wait one after the other, so the first does for all.
        let pause = if nth == 0 { SETTLED } else { Duration::ZERO };
        sockets.push(End { socket, pause });
    }
    Ok(sockets)
}

async fn bind<Z: Zmtp>(kind: Kind) -> Result<(End<Z>, String), Failure> {
    let (socket, endpoint) = Z::bind(kind, "tcp://127.0.0.1:0").await?;
    let address = endpoint.trim_start_matches("tcp://").to_owned();
    match address.ends_with(":0") {
        true => Err(Failure::new("the port is not known")),
        false => Ok((End::new(socket), address)),
    }
}

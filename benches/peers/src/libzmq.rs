//! The system's libzmq. Its sockets block, so each has a thread; its own thread
//! for input and output is beside them.

use std::sync::LazyLock;

use aiomsg_bench::drive::{Inlet, Outlet, Together};
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use zmq::{Context, Message, SocketType};

use crate::patterns::{Kind, SUBSCRIBED, Zmtp};

/// How long a receive waits before something else is looked at, in milliseconds.
const PAUSE: i32 = 20;

static CONTEXT: LazyLock<Context> = LazyLock::new(Context::new);

pub(crate) struct Libzmq;

impl Zmtp for Libzmq {
    const NAME: &'static str = "zmq";
    const TOGETHER: Together = Together::Threads;
    type Socket = Socket;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = open(kind)?;
        socket.0.bind(endpoint)?;
        match socket.0.get_last_endpoint()? {
            Ok(endpoint) => Ok((socket, endpoint)),
            Err(_) => Err(Failure::new("the endpoint is not text")),
        }
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = open(kind)?;
        socket.0.connect(endpoint)?;
        if kind == Kind::Sub {
            socket.0.set_subscribe(b"")?;
        }
        Ok(socket)
    }
}

fn open(kind: Kind) -> Result<Socket, Failure> {
    let socket = CONTEXT.socket(match kind {
        Kind::Push => SocketType::PUSH,
        Kind::Pull => SocketType::PULL,
        Kind::Dealer => SocketType::DEALER,
        Kind::Pub => SocketType::PUB,
        Kind::Sub => SocketType::SUB,
    })?;
    socket.set_rcvtimeo(PAUSE)?;
    Ok(Socket(socket))
}

pub(crate) struct Socket(zmq::Socket);

impl Outlet for Socket {
    async fn prepare(&mut self, _: usize) -> Outcome {
        tokio::time::sleep(SUBSCRIBED).await;
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.0.send(message.as_ref(), 0)?)
    }
}

impl Inlet for Socket {
    type Message = Received;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Received>, Failure> {
        match self.0.recv_msg(0) {
            Ok(message) => Ok(Some(Received(message))),
            Err(zmq::Error::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) struct Received(Message);

impl AsRef<[u8]> for Received {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Received> for Bytes {
    #[inline]
    fn from(message: Received) -> Self {
        Self::copy_from_slice(&message.0)
    }
}

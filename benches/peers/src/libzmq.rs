//! The system's libzmq. Its sockets block, so each has a thread; its own thread
//! for input and output is beside them.

use std::sync::LazyLock;

use aiomsg_bench::drive::Together;
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use zmq::{Context, Message, Socket, SocketType};

use crate::patterns::{Kind, Zmtp};

/// How long a receive waits before something else is looked at, in milliseconds.
const PAUSE: i32 = 20;

static CONTEXT: LazyLock<Context> = LazyLock::new(Context::new);

pub(crate) struct Libzmq;

impl Zmtp for Libzmq {
    const NAME: &'static str = "zmq";
    const TOGETHER: Together = Together::Threads;
    type Socket = Socket;
    type Message = Received;
    type Peer = Message;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = open(kind)?;
        socket.bind(endpoint)?;
        match socket.get_last_endpoint()? {
            Ok(endpoint) => Ok((socket, endpoint)),
            Err(_) => Err(Failure::new("the endpoint is not text")),
        }
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = open(kind)?;
        socket.connect(endpoint)?;
        if kind == Kind::Sub {
            socket.set_subscribe(b"")?;
        }
        Ok(socket)
    }

    #[inline]
    async fn send(socket: &mut Socket, message: Bytes) -> Outcome {
        Ok(socket.send(message.as_ref(), 0)?)
    }

    #[inline]
    async fn recv(socket: &mut Socket) -> Result<Option<Received>, Failure> {
        match socket.recv_msg(0) {
            Ok(message) => Ok(Some(Received(message))),
            Err(zmq::Error::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    #[inline]
    async fn recv_from(socket: &mut Socket) -> Result<Option<(Message, Received)>, Failure> {
        let peer = match socket.recv_msg(0) {
            Ok(peer) => peer,
            Err(zmq::Error::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The parts of a message arrive together.
        Ok(Some((peer, Received(socket.recv_msg(0)?))))
    }

    #[inline]
    async fn send_to(socket: &mut Socket, peer: Message, message: Bytes) -> Outcome {
        socket.send(peer, zmq::SNDMORE)?;
        Ok(socket.send(message.as_ref(), 0)?)
    }
}

fn open(kind: Kind) -> Result<Socket, Failure> {
    let socket = CONTEXT.socket(match kind {
        Kind::Push => SocketType::PUSH,
        Kind::Pull => SocketType::PULL,
        Kind::Dealer => SocketType::DEALER,
        Kind::Router => SocketType::ROUTER,
        Kind::Pub => SocketType::PUB,
        Kind::Sub => SocketType::SUB,
    })?;
    socket.set_rcvtimeo(PAUSE)?;
    if kind == Kind::Router {
        // Waits for room, where it would drop an answer, and a client with many
        // requests would wait for it without an end.
        socket.set_router_mandatory(true)?;
    }
    Ok(socket)
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

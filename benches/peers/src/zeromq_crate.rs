//! The crate zeromq, on tokio.

use aiomsg_bench::drive::Together;
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RouterSocket, Socket as _, SocketRecv,
    SocketSend, SubSocket, ZmqMessage,
};

use crate::patterns::{Kind, Zmtp};

pub(crate) struct Zeromq;

impl Zmtp for Zeromq {
    const NAME: &'static str = "zeromq";
    const TOGETHER: Together = Together::Tasks;
    type Socket = Socket;
    type Message = Bytes;
    type Peer = Bytes;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let mut socket = Socket::new(kind);
        let endpoint = match &mut socket {
            Socket::Push(socket) => socket.bind(endpoint).await?,
            Socket::Pull(socket) => socket.bind(endpoint).await?,
            Socket::Dealer(socket) => socket.bind(endpoint).await?,
            Socket::Router(socket) => socket.bind(endpoint).await?,
            Socket::Pub(socket) => socket.bind(endpoint).await?,
            Socket::Sub(socket) => socket.bind(endpoint).await?,
        };
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let mut socket = Socket::new(kind);
        match &mut socket {
            Socket::Push(socket) => socket.connect(endpoint).await?,
            Socket::Pull(socket) => socket.connect(endpoint).await?,
            Socket::Dealer(socket) => socket.connect(endpoint).await?,
            Socket::Router(socket) => socket.connect(endpoint).await?,
            Socket::Pub(socket) => socket.connect(endpoint).await?,
            Socket::Sub(socket) => {
                socket.connect(endpoint).await?;
                socket.subscribe("").await?;
            }
        }
        Ok(socket)
    }

    #[inline]
    async fn send(socket: &mut Socket, message: Bytes) -> Outcome {
        let message = ZmqMessage::from(message);
        match socket {
            Socket::Push(socket) => Ok(socket.send(message).await?),
            Socket::Dealer(socket) => Ok(socket.send(message).await?),
            Socket::Pub(socket) => Ok(socket.send(message).await?),
            Socket::Pull(_) | Socket::Router(_) | Socket::Sub(_) => Err(Failure::Unsupported),
        }
    }

    #[inline]
    async fn recv(socket: &mut Socket) -> Result<Option<Bytes>, Failure> {
        let message = match socket {
            Socket::Pull(socket) => socket.recv().await?,
            Socket::Dealer(socket) => socket.recv().await?,
            Socket::Sub(socket) => socket.recv().await?,
            Socket::Push(_) | Socket::Router(_) | Socket::Pub(_) => {
                return Err(Failure::Unsupported);
            }
        };
        Ok(Some(message.get(0).cloned().unwrap_or_default()))
    }

    #[inline]
    async fn recv_from(socket: &mut Socket) -> Result<Option<(Bytes, Bytes)>, Failure> {
        let Socket::Router(socket) = socket else {
            return Err(Failure::Unsupported);
        };
        let mut parts = socket.recv().await?.into_vecdeque();
        match (parts.pop_front(), parts.pop_front()) {
            (Some(peer), Some(message)) => Ok(Some((peer, message))),
            _ => Err(Failure::new("a message has no sender")),
        }
    }

    #[inline]
    async fn send_to(socket: &mut Socket, peer: Bytes, message: Bytes) -> Outcome {
        let Socket::Router(socket) = socket else {
            return Err(Failure::Unsupported);
        };
        let mut parts = ZmqMessage::from(peer);
        parts.push_back(message);
        Ok(socket.send(parts).await?)
    }
}

pub(crate) enum Socket {
    Push(PushSocket),
    Pull(PullSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
}

impl Socket {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Push => Self::Push(PushSocket::new()),
            Kind::Pull => Self::Pull(PullSocket::new()),
            Kind::Dealer => Self::Dealer(DealerSocket::new()),
            Kind::Router => Self::Router(RouterSocket::new()),
            Kind::Pub => Self::Pub(PubSocket::new()),
            Kind::Sub => Self::Sub(SubSocket::new()),
        }
    }
}

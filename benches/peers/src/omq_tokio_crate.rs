//! The crate omq-tokio, with its sockets on the caller's runtime.

use aiomsg_bench::drive::{Outlet, Together};
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use omq_tokio::{Message, Options, Socket, SocketType};

use crate::patterns::{End, Kind, Zmtp};

pub(crate) struct OmqTokio;

impl Zmtp for OmqTokio {
    const NAME: &'static str = "omq-tokio";
    const TOGETHER: Together = Together::Tasks;
    type Socket = Socket;
    type Message = Bytes;
    type Peer = Bytes;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = open(kind)?;
        let endpoint = socket.bind(endpoint).await?;
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = open(kind)?;
        socket.connect(endpoint).await?;
        if kind == Kind::Sub {
            socket.subscribe(Bytes::new()).await?;
        }
        Ok(socket)
    }

    #[inline]
    async fn send(socket: &mut Socket, message: Bytes) -> Outcome {
        Ok(socket.send(Message::single(message)).await?)
    }

    #[inline]
    async fn recv(socket: &mut Socket) -> Result<Option<Bytes>, Failure> {
        let message = socket.recv().await?;
        Ok(Some(message.part_bytes(0).unwrap_or_default()))
    }

    #[inline]
    async fn recv_from(socket: &mut Socket) -> Result<Option<(Bytes, Bytes)>, Failure> {
        let message = socket.recv().await?;
        match (message.part_bytes(0), message.part_bytes(1)) {
            (Some(peer), Some(message)) => Ok(Some((peer, message))),
            _ => Err(Failure::new("a message has no sender")),
        }
    }

    #[inline]
    async fn send_to(socket: &mut Socket, peer: Bytes, message: Bytes) -> Outcome {
        Ok(socket.send(Message::multipart([peer, message])).await?)
    }

    fn share(socket: Socket) -> impl Outlet + Clone {
        End::<Self>::new(socket)
    }
}

fn open(kind: Kind) -> Result<Socket, Failure> {
    let kind = match kind {
        Kind::Push => SocketType::Push,
        Kind::Pull => SocketType::Pull,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
    };
    Ok(Socket::try_new(kind, Options::default())?)
}

//! The crate omq-tokio, with its sockets on the caller's runtime.

use aiomsg_bench::drive::{Inlet, Outlet, Together};
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use omq_tokio::{Message, Options, SocketType};

use crate::patterns::{Kind, SUBSCRIBED, Zmtp};

pub(crate) struct OmqTokio;

impl Zmtp for OmqTokio {
    const NAME: &'static str = "omq-tokio";
    const TOGETHER: Together = Together::Tasks;
    type Socket = Socket;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = Socket::new(kind)?;
        let endpoint = socket.0.bind(endpoint).await?;
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = Socket::new(kind)?;
        socket.0.connect(endpoint).await?;
        if kind == Kind::Sub {
            socket.0.subscribe(Bytes::new()).await?;
        }
        Ok(socket)
    }
}

pub(crate) struct Socket(omq_tokio::Socket);

impl Socket {
    fn new(kind: Kind) -> Result<Self, Failure> {
        let kind = match kind {
            Kind::Push => SocketType::Push,
            Kind::Pull => SocketType::Pull,
            Kind::Dealer => SocketType::Dealer,
            Kind::Pub => SocketType::Pub,
            Kind::Sub => SocketType::Sub,
        };
        Ok(Self(omq_tokio::Socket::try_new(kind, Options::default())?))
    }
}

impl Outlet for Socket {
    async fn prepare(&mut self, _: usize) -> Outcome {
        tokio::time::sleep(SUBSCRIBED).await;
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.0.send(Message::single(message)).await?)
    }
}

impl Inlet for Socket {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        let message = self.0.recv().await?;
        Ok(Some(message.part_bytes(0).unwrap_or_default()))
    }
}

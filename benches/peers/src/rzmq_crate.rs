//! The crate rzmq, with its standard engine on tokio.

use std::sync::OnceLock;

use aiomsg_bench::drive::{Outlet, Together};
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use rzmq::socket::options::{LAST_ENDPOINT, SUBSCRIBE};
use rzmq::{Context, Msg, Socket, SocketType};

use crate::patterns::{End, Kind, Zmtp};

static CONTEXT: OnceLock<Context> = OnceLock::new();

pub(crate) struct Rzmq;

impl Zmtp for Rzmq {
    const NAME: &'static str = "rzmq";
    const TOGETHER: Together = Together::Tasks;
    type Socket = Socket;
    type Message = Bytes;
    type Peer = Msg;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = open(kind)?;
        socket.bind(endpoint).await?;
        let endpoint = socket.get_option(LAST_ENDPOINT).await?;
        Ok((socket, String::from_utf8(endpoint)?))
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = open(kind)?;
        socket.connect(endpoint).await?;
        if kind == Kind::Sub {
            socket.set_option_raw(SUBSCRIBE, b"").await?;
        }
        Ok(socket)
    }

    #[inline]
    async fn send(socket: &mut Socket, message: Bytes) -> Outcome {
        Ok(socket.send(Msg::from_bytes(message)).await?)
    }

    #[inline]
    async fn recv(socket: &mut Socket) -> Result<Option<Bytes>, Failure> {
        let message = socket.recv().await?;
        Ok(Some(message.data_bytes().unwrap_or_default()))
    }

    #[inline]
    async fn recv_from(socket: &mut Socket) -> Result<Option<(Msg, Bytes)>, Failure> {
        let mut parts = socket.recv_multipart().await?.into_iter();
        match (parts.next(), parts.next()) {
            (Some(peer), Some(message)) => {
                Ok(Some((peer, message.data_bytes().unwrap_or_default())))
            }
            _ => Err(Failure::new("a message has no sender")),
        }
    }

    #[inline]
    async fn send_to(socket: &mut Socket, peer: Msg, message: Bytes) -> Outcome {
        let parts = vec![peer, Msg::from_bytes(message)];
        Ok(socket.send_multipart(parts).await?)
    }

    fn share(socket: Socket) -> impl Outlet + Clone {
        End::<Self>::new(socket)
    }
}

fn open(kind: Kind) -> Result<Socket, Failure> {
    let context = match CONTEXT.get() {
        Some(context) => context,
        None => {
            let context = Context::new()?;
            CONTEXT.get_or_init(|| context)
        }
    };
    let socket = context.socket(match kind {
        Kind::Push => SocketType::Push,
        Kind::Pull => SocketType::Pull,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
    })?;
    Ok(socket)
}

//! The crate rzmq, with its standard engine on tokio.

use std::sync::OnceLock;

use aiomsg_bench::drive::{Inlet, Outlet, Together};
use aiomsg_bench::{Failure, Outcome};
use bytes::Bytes;
use rzmq::socket::options::{LAST_ENDPOINT, SUBSCRIBE};
use rzmq::{Context, Msg, SocketType};

use crate::patterns::{Kind, SUBSCRIBED, Zmtp};

static CONTEXT: OnceLock<Context> = OnceLock::new();

pub(crate) struct Rzmq;

impl Zmtp for Rzmq {
    const NAME: &'static str = "rzmq";
    const TOGETHER: Together = Together::Tasks;
    type Socket = Socket;

    async fn bind(kind: Kind, endpoint: &str) -> Result<(Socket, String), Failure> {
        let socket = open(kind)?;
        socket.0.bind(endpoint).await?;
        let endpoint = socket.0.get_option(LAST_ENDPOINT).await?;
        Ok((socket, String::from_utf8(endpoint)?))
    }

    async fn connect(kind: Kind, endpoint: &str) -> Result<Socket, Failure> {
        let socket = open(kind)?;
        socket.0.connect(endpoint).await?;
        if kind == Kind::Sub {
            socket.0.set_option_raw(SUBSCRIBE, b"").await?;
        }
        Ok(socket)
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
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
    })?;
    Ok(Socket(socket))
}

pub(crate) struct Socket(rzmq::Socket);

impl Outlet for Socket {
    async fn prepare(&mut self, _: usize) -> Outcome {
        tokio::time::sleep(SUBSCRIBED).await;
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.0.send(Msg::from_bytes(message)).await?)
    }
}

impl Inlet for Socket {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        let message = self.0.recv().await?;
        Ok(Some(message.data_bytes().unwrap_or_default()))
    }
}

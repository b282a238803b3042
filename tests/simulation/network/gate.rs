//! How the sockets of a host get on the network: layers on its dial path and its
//! accept path.

use std::future::pending;
use std::io;
use std::task::{Context, Poll};

use aiomsg::layer::{Incoming, Io, IoInfo};
use aiomsg::peer::TlsInfo;
use aiomsg::{Endpoint, Error, ErrorKind};
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tower::{Layer, Service};

use super::{Apart, Climate, End, Network, Party, lock};

/// The layer, for either path.
#[derive(Clone)]
pub(crate) struct Gate {
    network: Network,
    party: Party,
}

/// What the layer makes of a path.
pub(crate) struct Gated<S> {
    inner: S,
    gate: Gate,
}

/// The host that an endpoint belongs to is in its name, behind the last dash.
pub(crate) fn host_of(endpoint: &Endpoint) -> usize {
    let name = endpoint.to_string();
    let number = name.rsplit('-').next().and_then(|it| it.parse().ok());
    number.expect("the endpoint of a host")
}

impl Gate {
    pub(super) fn new(network: Network, party: Party) -> Self {
        Self { network, party }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            inner,
            gate: self.clone(),
        }
    }
}

fn fails(kind: io::ErrorKind) -> Error {
    Error::new(ErrorKind::Io).with_source(io::Error::from(kind))
}

impl<S> Service<Endpoint> for Gated<S>
where
    S: Service<Endpoint, Response = Io, Error = Error, Future: Send + 'static>,
{
    type Response = Io;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Io, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let Gate { network, party } = self.gate.clone();
        let to = host_of(&endpoint);
        let announcing = self.inner.call(endpoint);
        Box::pin(async move {
            match network.apart(party.host, to) {
                Some(Apart::Silent) => return pending().await,
                Some(Apart::Refused) => return Err(fails(io::ErrorKind::ConnectionRefused)),
                None => {}
            }
            let mut io = announcing.await?;
            let to = Party {
                host: to,
                life: usize::MAX,
            };
            let (end, number) = network.link(party, to);
            let latency = {
                let state = lock(&network.0.state);
                let link = lock(&state.links[number as usize]);
                link.pipes[0].weather.latency
            };
            io.write_u64(number).await?;
            sleep(latency).await;
            Ok(network.io(end, &io))
        })
    }
}

impl Network {
    /// One end as a socket sees it.
    fn io(&self, end: End, announced: &Io) -> Io {
        let Climate {
            tls, send_queues, ..
        } = lock(&self.0.state).climate;
        let mut info = IoInfo::new(announced.info().remote.clone());
        info.tls = tls.then(TlsInfo::default);
        info.wire = end.wire();
        info.send_queue = send_queues.then(|| end.send_queue());
        Io::new(end, info)
    }
}

impl<S> Service<Incoming> for Gated<S>
where
    S: Service<Incoming, Response = Io, Error = Error, Future: Send + 'static>,
{
    type Response = Io;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Io, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, incoming: Incoming) -> Self::Future {
        let Gate { network, party } = self.gate.clone();
        let accepting = self.inner.call(incoming);
        Box::pin(async move {
            let mut io = accepting.await?;
            let number = io.read_u64().await?;
            let end = network.claim(number, party);
            let end = end.ok_or_else(|| fails(io::ErrorKind::ConnectionReset))?;
            Ok(network.io(end, &io))
        })
    }
}

//! aiomsg, with the whole standard stack: heartbeats, reconnecting, buffers.

mod crowd;
mod many;
mod measured;
mod requests;

pub(crate) use many::AiomsgMany;
pub(crate) use measured::Measured;

use std::time::Duration;

use aiomsg::layer::SendService;
use aiomsg::send::StandardSend;
use aiomsg::websocket::WebSocketGuard;
use aiomsg::{Identity, Socket, SocketBuilder, TlsConfig};
use bytes::Bytes;

use crate::drive::{self, Inlet, Outlet, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

/// How long the last messages may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) enum Aiomsg {
    /// By TCP, or TLS.
    Plain,
    /// By WebSocket.
    WebSocket,
    /// By TCP or TLS, where peers may connect by WebSocket as well.
    Beside,
}

impl Library for Aiomsg {
    fn name(&self) -> &'static str {
        match self {
            Self::Plain => "aiomsg",
            Self::WebSocket => "aiomsg-ws",
            Self::Beside => "aiomsg-beside-ws",
        }
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let ends = match job.at_least_once {
                false => self.open(job, parent, SocketBuilder::build).await?,
                true => {
                    let build = |builder: SocketBuilder| builder.at_least_once().build();
                    self.open(job, parent, build).await?
                }
            };
            if job.addressed {
                let ends = ends.into_iter().map(ToOne::from).collect();
                return drive::send(job, parent, Together::Tasks, ends).await;
            }
            if job.tasks > 1 {
                let end = ends.into_iter().next();
                let end = end.ok_or_else(|| Failure::new("there is no socket"))?;
                return drive::send_from_tasks(job, parent, end).await;
            }
            drive::send(job, parent, Together::Tasks, ends).await
        })
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let ends = self.open(job, parent, SocketBuilder::build).await?;
            drive::receive(job, parent, Together::Tasks, ends).await
        })
    }

    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::ping(job, parent, self.one(job, parent).await?).await })
    }

    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async { drive::echo(job, parent, self.one(job, parent).await?).await })
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        self.plain()?;
        block_on(requests::client(job, parent))
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        self.plain()?;
        block_on(requests::server(job, parent))
    }

    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            let build = |builder: SocketBuilder| builder.publish().build();
            let ends = self.open(job, parent, build).await?;
            drive::send(job, parent, Together::Tasks, ends).await
        })
    }

    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        self.receiver(job, parent)
    }

    fn proxy(&self, job: &Job, parent: &Parent) -> Outcome {
        self.plain()?;
        block_on(async {
            let [front, back] = hop(parent).await?;
            drive::relay(job, parent, front, back).await
        })
    }

    fn crowd(&self, job: &Job, parent: &Parent) -> Outcome {
        self.plain()?;
        block_on(crowd::run(job, parent))
    }
}

/// The two sockets of a proxy.
async fn hop(parent: &Parent) -> Result<[End; 2], Failure> {
    let (front, back) = (Socket::new()?, Socket::new()?);
    let addresses = (
        front.bind("127.0.0.1:0").await?,
        back.bind("127.0.0.1:0").await?,
    );
    parent.listening(format_args!(
        "{} {}",
        bare(&addresses.0.to_string()),
        bare(&addresses.1.to_string())
    ));
    Ok([End(front), End(back)])
}

impl Aiomsg {
    /// For what is measured without WebSocket only.
    fn plain(&self) -> Outcome {
        match self {
            Self::Plain => Ok(()),
            Self::WebSocket | Self::Beside => Err(Failure::Unsupported),
        }
    }

    /// The scheme to bind to, and the one to connect to.
    fn schemes(&self, tls: bool) -> (&'static str, &'static str) {
        match (self, tls) {
            (Self::WebSocket, false) => ("tcp", "ws"),
            (Self::WebSocket, true) => ("tls", "wss"),
            (_, false) => ("tcp", "tcp"),
            (_, true) => ("tls", "tls"),
        }
    }

    async fn open<S>(
        &self,
        job: &Job,
        parent: &Parent,
        build: impl Fn(SocketBuilder) -> Result<Socket<S>, aiomsg::Error>,
    ) -> Result<Vec<End<S>>, Failure> {
        let tls = match &job.tls {
            None => None,
            Some(files) => Some(
                TlsConfig::builder()
                    .certificate_files(&files.certificate, &files.key)
                    .trust_file(&files.certificate)
                    .build()?,
            ),
        };
        let (bound, connected) = self.schemes(tls.is_some());
        let builder = || match &tls {
            None => Socket::builder(),
            Some(tls) => Socket::builder().tls(tls.clone()),
        };
        let Some(address) = &job.address else {
            let builder = match self {
                Self::Plain => builder(),
                Self::WebSocket | Self::Beside => builder().websocket(WebSocketGuard::new()),
            };
            let socket = build(builder)?;
            let endpoint = socket.bind(format!("{bound}://127.0.0.1:0")).await?;
            parent.listening(bare(&endpoint.to_string()));
            return Ok(vec![End(socket)]);
        };
        let mut ends = Vec::with_capacity(job.peers);
        for _ in 0..job.peers {
            let socket = build(builder())?;
            socket.connect(format!("{connected}://{address}"))?;
            ends.push(End(socket));
        }
        Ok(ends)
    }

    async fn one(&self, job: &Job, parent: &Parent) -> Result<End, Failure> {
        let end = self.open(job, parent, SocketBuilder::build).await?.pop();
        end.ok_or_else(|| Failure::new("there is no socket"))
    }
}

/// A socket.
struct End<S = StandardSend>(Socket<S>);

impl<S> Clone for End<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: SendService + Send> Outlet for End<S> {
    async fn prepare(&mut self, peers: usize) -> Outcome {
        Ok(self.0.wait_for_peers(peers).await?)
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        Ok(self.0.send(message).await?)
    }

    async fn finish(&mut self) -> Outcome {
        match self.0.close(DEADLINE).await {
            report if report.is_clean() => Ok(()),
            report => Err(Failure::new(format!(
                "{} messages were not sent, {} not acknowledged",
                report.unsent.len(),
                report.unacknowledged.len()
            ))),
        }
    }
}

/// A socket that sends to one of its peers.
struct ToOne {
    socket: End,
    peer: Option<Identity>,
}

impl From<End> for ToOne {
    fn from(socket: End) -> Self {
        Self { socket, peer: None }
    }
}

impl Outlet for ToOne {
    async fn prepare(&mut self, peers: usize) -> Outcome {
        self.socket.prepare(peers).await?;
        let first = self.socket.0.peers().into_iter().next();
        self.peer = first.map(|peer| peer.identity);
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        let peer = self.peer.clone();
        let peer = peer.ok_or_else(|| Failure::new("there is no peer"))?;
        Ok(self.socket.0.send_to(peer, message).await?)
    }

    async fn finish(&mut self) -> Outcome {
        self.socket.finish().await
    }
}

impl Inlet for End {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(Some(self.0.recv().await?))
    }
}

/// The address in an endpoint.
fn bare(endpoint: &str) -> &str {
    endpoint
        .rsplit_once("//")
        .map_or(endpoint, |(_, address)| address)
}

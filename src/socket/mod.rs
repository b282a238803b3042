//! The socket: the interface for users.

pub(crate) mod builder;
pub(crate) mod close;
mod connect_all;
mod deadline;
mod dialable;
mod drain;
mod kept;
mod many;
mod pace;
mod receive;
mod send;
mod sending;
pub(crate) mod serve;
pub(crate) mod service;
mod sink;
pub(crate) mod streams;
mod timings;
mod weak;

#[cfg(feature = "json")]
mod json;

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Acker, Delivery, Endpoint, Error, ErrorKind, Identity};
use aiomsg_layers::acknowledge::Deferral;
use aiomsg_layers::at_least_once::Unacked;
use aiomsg_layers::line::{Line, Lines};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::shared::Fused;
use aiomsg_transport::{Connector, Listener};
use tokio_util::context::TokioContext;

use crate::engine::config::Config;
use crate::engine::dial::{self, DialId};
use crate::engine::events::{Reporter, say};
use crate::engine::session::MakeIntake;
use crate::engine::stack::StandardSend;
use crate::engine::{Engine, Paths, accept};
use crate::peer::PeerInfo;
use crate::stats::{Failure, PeerStats, Stats};
use crate::{Events, SocketBuilder};
use dialable::{check_port, check_tls};
use pace::Pace;
use sink::Outgoing;

pub use weak::WeakSocket;

/// A message socket with any number of peers.
///
/// It binds, connects, or both, any number of times. All methods take `&self`. A
/// clone is another handle on the same socket: cheap, and usable from any task.
/// Dropping the last handle ends all background tasks, and loses the messages that
/// wait to be sent: one log line at WARN counts them. A [`WeakSocket`] does not count. [`close`](Socket::close) sends them
/// first, and [`drain`](Socket::drain) waits for a peer that is not there yet.
///
/// A socket is also a [`Stream`](futures_core::Stream) of received messages and a
/// [`Sink`](futures_sink::Sink) of messages to send, so a proxy is a `forward` from
/// one socket to another.
///
/// ```
/// use aiomsg::{SendMode, Socket};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let news = Socket::builder().send_mode(SendMode::Publish).build()?;
/// let endpoint = news.bind("tcp://127.0.0.1:0").await?;
///
/// let (one, two) = (Socket::new()?, Socket::new()?);
/// one.connect(endpoint.clone())?;
/// two.connect(endpoint)?;
///
/// news.wait_for_peers(2).await?;
/// news.send("it rains").await?;
/// assert_eq!(one.recv().await?, "it rains");
/// assert_eq!(two.recv().await?, "it rains");
/// # Ok(()) }
/// ```
///
/// `S` is the type of the send path: the standard stack, perhaps with layers around
/// it (see [`SocketBuilder::layer`]). A field of type `Socket` takes a socket without
/// layers. [`build_boxed`](SocketBuilder::build_boxed) builds a socket with layers for a
/// field of type `Socket<BoxedSend>`.
pub struct Socket<S = StandardSend> {
    inner: Arc<Inner<S>>,
    /// The message that this handle, as a sink, is sending.
    outgoing: Outgoing,
}

struct Inner<S> {
    engine: Arc<Engine>,
    stack: Mutex<Fused<S>>,
    /// The standard stack, if there are no layers around it: most messages need
    /// not wait for anything, and then it need not be asked first.
    direct: Option<StandardSend>,
    /// Senders that wait for the stack.
    line: Line,
    /// Senders that wait until at-least-once has room for their peer.
    lines: Lines,
    sends: Pace,
    receives: Pace,
    /// What messages acknowledge themselves by.
    acker: Acker,
}

/// The last handle is gone.
impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        // Counted first, since nothing waits in a socket that has ended.
        let waiting = self.engine.waiting().messages();
        if waiting > 0 {
            say(|| {
                tracing::warn!(
                    messages = waiting,
                    "the last handle of a socket was dropped, and the waiting messages with it: \
                     call close(deadline) first, which sends them and reports the rest"
                );
            });
        }
        self.engine.stop();
    }
}

impl Socket {
    /// Creates a socket with default settings: round robin, at-most-once, a random
    /// identity.
    ///
    /// # Errors
    ///
    /// Outside of a tokio runtime ([`Error::is_config`]).
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder for a socket with other settings.
    pub fn builder() -> SocketBuilder {
        SocketBuilder::new()
    }
}

impl<S> Socket<S> {
    pub(crate) fn start(
        config: Config,
        layers: impl FnOnce(StandardSend) -> S,
        paths: Paths,
        intake: impl FnOnce(&Queue<Delivery>, &Reporter, &Deferral) -> Option<MakeIntake>,
    ) -> Result<Self, Error>
    where
        S: 'static,
    {
        config.check()?;
        if config.at_least_once.is_some() && paths.policy.as_ref().is_some_and(|it| it.copies()) {
            return Err(Error::new(ErrorKind::Config).with_reason(
                "at-least-once is not for a policy that sends copies to several peers",
            ));
        }
        let (engine, stack) = Engine::start(config, paths, intake)?;
        // A message that somebody keeps does not keep the engine.
        let weak = Arc::downgrade(&engine);
        let acker = Acker::new(move |message| {
            let engine = weak.upgrade();
            engine.is_some_and(|engine| engine.acknowledge(message))
        });
        let layered = TypeId::of::<S>() != TypeId::of::<StandardSend>();
        let direct = (!layered).then(|| stack.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                direct,
                stack: Mutex::new(Fused::new(layers(stack))),
                line: Line::new(),
                lines: Lines::default(),
                sends: Pace::default(),
                receives: Pace::default(),
                acker,
            }),
            outgoing: Outgoing::default(),
        })
    }

    fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Returns the identity of this socket, which its peers see.
    pub fn identity(&self) -> &Identity {
        &self.engine().config.identity
    }

    // ===== endpoints =====

    /// Listens at an endpoint, and returns it. A port of 0 is replaced by the real
    /// port.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be parsed or resolved ([`Error::is_address`]), when
    /// the system refuses it, for example because it is in use ([`Error::is_io`]),
    /// when it is `tls://` and the socket has no certificate ([`Error::is_config`]),
    /// and when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future has either bound the socket or done nothing.
    pub async fn bind<E>(&self, endpoint: E) -> Result<Endpoint, Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        let engine = &self.inner.engine;
        // Anybody may wait for it, outside of a runtime, too.
        let options = engine.config.listen_options();
        let binding = Box::pin(Listener::bind(&endpoint, &options));
        let listener = TokioContext::new(binding, engine.runtime.clone()).await?;
        let endpoint = listener.local_endpoint();
        let Some(task) = engine.endpoints.bind(&endpoint) else {
            return Err(Error::new(ErrorKind::Io)
                .with_reason("this socket is bound to it already")
                .at(endpoint));
        };
        engine.reporter.listening(&endpoint);
        let run = accept::run(Arc::clone(engine), listener, task.stop);
        engine.spawn(async move {
            let _stopped = task.stopped.drop_guard();
            run.await;
        });
        Ok(endpoint)
    }

    /// Stops listening at an endpoint that [`bind`](Socket::bind) returned. Its
    /// connections stay. The endpoint is free afterwards.
    ///
    /// # Errors
    ///
    /// When the socket is not bound to it ([`Error::is_address`]), and when it is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: listening ends even if the future is dropped.
    pub async fn unbind<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        let Some(task) = self.engine().endpoints.unbind(&endpoint) else {
            return Err(Error::new(ErrorKind::Address)
                .with_reason("the socket is not bound to it")
                .at(endpoint));
        };
        task.stopped.cancelled().await;
        Ok(())
    }

    /// Connects to an endpoint in the background, and reconnects whenever there is
    /// no connection. Each try resolves names again.
    /// [`Event::DialFailed`](crate::Event::DialFailed) reports a failed try.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be parsed, or the socket connects to it already
    /// ([`Error::is_address`]), when it is `tls://` and the socket has no TLS settings
    /// ([`Error::is_config`]), and when the socket is closed.
    pub fn connect<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        let engine = &self.inner.engine;
        Connector::check(&endpoint)?;
        check_port(&endpoint)?;
        check_tls(&engine.config, &endpoint)?;
        let task = engine.endpoints.connect(&endpoint, &engine.finish)?;
        let first = engine.tries.begin();
        let id = DialId::new();
        let dial = dial::run(Arc::clone(engine), endpoint, id, task.stop, first);
        engine.spawn(dial);
        Ok(())
    }

    /// Stops connecting to an endpoint, and ends its connection in the background, or all
    /// of them after [`connect_all`](Socket::connect_all).
    /// The connection sends its queued messages first, and ends when the peer has read
    /// everything, or is dead, or after 60 s.
    /// [`Event::Unconfirmed`](crate::Event::Unconfirmed) reports a peer that may not
    /// have read everything.
    ///
    /// # Errors
    ///
    /// When the socket is not connected to it ([`Error::is_address`]), and when it is closed.
    pub fn disconnect<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        match self.engine().endpoints.disconnect(&endpoint) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Address)
                .with_reason("the socket is not connected to it")
                .at(endpoint)),
        }
    }

    // ===== peers, events, counters =====

    /// Returns the connected peers.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let members = self.engine().peers.members();
        members
            .iter()
            .map(|member| member.info().peer.clone())
            .collect()
    }

    /// Returns the peer with this identity, if it is connected.
    pub fn peer(&self, identity: &Identity) -> Option<PeerInfo> {
        let member = self.engine().peers.get(identity)?;
        Some(member.info().peer.clone())
    }

    /// Returns the connected peers, with the traffic and the queue of each. The call
    /// visits every peer, so it is for occasional views.
    ///
    /// ```
    /// use aiomsg::Socket;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// # let (socket, other) = (Socket::new()?, Socket::new()?);
    /// # socket.bind("mem://peer-stats-doc").await?;
    /// # other.connect("mem://peer-stats-doc")?;
    /// socket.wait_for_peers(1).await?;
    /// for it in socket.peer_stats() {
    ///     println!("{}: {} sent, {} wait", it.peer.identity, it.sent_messages, it.queued_messages);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn peer_stats(&self) -> Vec<PeerStats> {
        let members = self.engine().peers.members();
        members.iter().map(|it| PeerStats::of(it)).collect()
    }

    /// Waits until at least `count` peers are connected. It may miss a peer that
    /// came and went in between; [`events`](Socket::events) report each.
    ///
    /// # Errors
    ///
    /// When the socket closes first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn wait_for_peers(&self, count: usize) -> Result<(), Error> {
        let engine = self.engine();
        let mut connected = engine.peers.count_heard();
        tokio::select! {
            biased;
            result = connected.wait_for(|connected| *connected >= count) => {
                result.map(drop).map_err(|_| ErrorKind::Closed.into())
            }
            () = engine.stop_intake.cancelled() => Err(ErrorKind::Closed.into()),
        }
    }

    /// Returns the events of the socket from now on.
    pub fn events(&self) -> Events {
        self.engine().reporter.subscribe()
    }

    /// Returns the counters of the socket: totals so far, and current contents.
    pub fn stats(&self) -> Stats {
        let engine = self.engine();
        let unacked = engine.unacked.as_ref();
        let (buffered_messages, buffered_bytes) = engine.send.buffered();
        Stats {
            peers: engine.peers.len(),
            buffered_messages,
            buffered_bytes,
            unreceived_messages: engine.inbox.items(),
            unreceived_bytes: engine.inbox.bytes(),
            unacknowledged_messages: unacked.map_or(0, Unacked::len),
            unacknowledged_bytes: unacked.map_or(0, Unacked::bytes),
            resent_messages: unacked.map_or(0, Unacked::resent),
            ..engine.reporter.counters().snapshot()
        }
    }

    /// Returns whether the socket is closed, or closes: every call that sends, binds or
    /// connects fails with [`Error::is_closed`]. A socket whose runtime has ended is closed,
    /// too. What it has received before can still be received.
    pub fn is_closed(&self) -> bool {
        self.engine().closing.load(Ordering::Acquire)
    }

    /// Returns the failures of the socket so far, the latest first: failed tries to connect,
    /// refused peers, failed handshakes, dropped messages and failures of handlers. Each has
    /// the last reason, a count, and the time since.
    ///
    /// Failures of the same kind, at the same endpoint and with the same kind of reason are one
    /// entry; failures of handlers are one entry for each text. At 1,024 entries, and 16 texts
    /// of handlers, new ones take the place of those that are a minute old, or else share one.
    ///
    /// The log has them, too: the first of each kind at once, and then one line a minute.
    ///
    /// ```
    /// use aiomsg::Socket;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::new()?;
    /// for it in socket.failures() {
    ///     println!("{}: {}, {} times, {:?} ago", it.kind.name(), it.reason, it.count, it.ago);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn failures(&self) -> Vec<Failure> {
        self.engine().reporter.failures()
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.is_closed() {
            return Err(ErrorKind::Closed.into());
        }
        Ok(())
    }
}

/// A clone is another handle on the same socket.
impl<S> Clone for Socket<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            outgoing: Outgoing::default(),
        }
    }
}

impl<S> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("identity", self.identity())
            .field("peers", &*self.engine().peers.count().borrow())
            .finish_non_exhaustive()
    }
}

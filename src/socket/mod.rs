//! The socket, as its user sees it.

pub(crate) mod builder;
pub(crate) mod close;
mod lines;
mod many;
mod pace;
mod receive;
mod send;
pub(crate) mod serve;
pub(crate) mod service;
mod sink;
pub(crate) mod streams;
mod turns;

#[cfg(feature = "json")]
mod json;

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use aiomsg_core::{Delivery, Endpoint, Error, ErrorKind, Identity};
use aiomsg_layers::acknowledge::Deferral;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::shared::{Callers, Fused};
use aiomsg_transport::Listener;
use tokio_util::context::TokioContext;

use crate::engine::config::Config;
use crate::engine::events::Reporter;
use crate::engine::session::MakeIntake;
use crate::engine::stack::StandardSend;
use crate::engine::{Engine, Paths, accept, dial};
use crate::{Events, PeerInfo, PeerStats, SocketBuilder, Stats};
use lines::Lines;
use pace::Pace;
use sink::Outgoing;
use turns::Turns;

/// A message socket: any number of peers behind one object.
///
/// It binds, connects, or both, any number of times. All methods take `&self`,
/// and a clone is another handle on the same socket: cheap to make, to be used
/// from any task. When the last handle is dropped, everything that the socket
/// does in the background ends, and what waited to be sent is lost; to have it
/// sent, [`close`](Socket::close) the socket.
///
/// A socket is also a [`Stream`](futures_core::Stream) of the messages that
/// arrive and a [`Sink`](futures_sink::Sink) of messages to send, so that a
/// proxy is a `forward` from one socket to another.
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
/// `S` is the stack that messages are sent through: the standard one, or that
/// with layers around it (see [`SocketBuilder::layer`]). Whoever must name the
/// type of a socket with layers builds it with
/// [`build_boxed`](SocketBuilder::build_boxed).
pub struct Socket<S = StandardSend> {
    inner: Arc<Inner<S>>,
    /// What this handle, as a sink, is about to send.
    outgoing: Outgoing,
}

struct Inner<S> {
    engine: Arc<Engine>,
    stack: Mutex<Fused<S>>,
    /// The standard stack, if there are no layers around it: most messages need
    /// not wait for anything, and then it need not be asked first.
    direct: Option<StandardSend>,
    /// Who waits for the stack to be ready.
    callers: Callers,
    /// Who waits for that, in turn.
    queue: Turns,
    /// Who waits for room at one peer.
    lines: Lines,
    sends: Pace,
    receives: Pace,
}

/// The last handle is gone.
impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

impl Socket {
    /// A socket with all its settings at their defaults: round robin,
    /// at-most-once, a random identity.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime ([`Error::is_config`]).
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A socket with settings of one's own.
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
        let layered = TypeId::of::<S>() != TypeId::of::<StandardSend>();
        let direct = (!layered).then(|| stack.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                direct,
                stack: Mutex::new(Fused::new(layers(stack))),
                callers: Callers::default(),
                queue: Turns::default(),
                lines: Lines::default(),
                sends: Pace::default(),
                receives: Pace::default(),
            }),
            outgoing: Outgoing::default(),
        })
    }

    fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The identity under which peers know this socket.
    pub fn identity(&self) -> &Identity {
        &self.engine().config.identity
    }

    // ===== endpoints =====

    /// Listens at an endpoint, and returns it with the real port if the port
    /// was 0.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be read or resolved ([`Error::is_address`]),
    /// when the system refuses it, as one that is in use ([`Error::is_io`]),
    /// when it is `tls://` and the socket has no certificate
    /// ([`Error::is_config`]), and when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: either the socket listens, or nothing has happened.
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

    /// Stops listening at an endpoint that [`bind`](Socket::bind) returned.
    /// Connections that came by it stay. Afterwards the endpoint is free.
    ///
    /// # Errors
    ///
    /// When the socket is not bound to it ([`Error::is_address`]).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: when the future is dropped, listening ends all the same.
    pub async fn unbind<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        let Some(task) = self.engine().endpoints.unbind(&endpoint) else {
            return Err(Error::new(ErrorKind::Address)
                .with_reason("the socket is not bound to it")
                .at(endpoint));
        };
        task.stopped.cancelled().await;
        Ok(())
    }

    /// Connects to an endpoint, in the background and for good: whenever
    /// there is no connection, another is tried, with names resolved anew each
    /// time. [`Event::DialFailed`](crate::Event::DialFailed) tells of tries
    /// that failed.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be read or the socket is connected to it
    /// already ([`Error::is_address`]), when it is `tls://` and the socket
    /// has no TLS settings ([`Error::is_config`]), and when the socket is
    /// closed.
    pub fn connect<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        let engine = &self.inner.engine;
        check_dialable(&engine.config, &endpoint)?;
        let Some(task) = engine.endpoints.connect(&endpoint, &engine.finish) else {
            return Err(Error::new(ErrorKind::Address)
                .with_reason("the socket is connected to it already")
                .at(endpoint));
        };
        engine.spawn(dial::run(Arc::clone(engine), endpoint, task.stop));
        Ok(())
    }

    /// Stops connecting to an endpoint, and ends its connection, if there is
    /// one, in the background: after sending what is queued for it, when the peer
    /// has read everything. One that has not after 60 s, or is dead, is left, and
    /// [`Event::Unconfirmed`](crate::Event::Unconfirmed) tells of it.
    ///
    /// # Errors
    ///
    /// When the socket is not connected to it ([`Error::is_address`]).
    pub fn disconnect<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        match self.engine().endpoints.disconnect(&endpoint) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Address)
                .with_reason("the socket is not connected to it")
                .at(endpoint)),
        }
    }

    // ===== what is going on =====

    /// The peers that are connected.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let members = self.engine().peers.members();
        members.iter().map(|member| member.info().clone()).collect()
    }

    /// The peer of this identity, if it is connected: with its certificate, for
    /// one.
    pub fn peer(&self, identity: &Identity) -> Option<PeerInfo> {
        let member = self.engine().peers.get(identity)?;
        Some(member.info().clone())
    }

    /// The peers that are connected, with what has passed between each and this
    /// socket, and what waits for it: for views that are looked at now and then,
    /// as it looks at every peer.
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

    /// Waits until at least `count` peers are connected. One that came and went
    /// in between may not be seen; [`events`](Socket::events) tell of each.
    ///
    /// # Errors
    ///
    /// When the socket is closed before that.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn wait_for_peers(&self, count: usize) -> Result<(), Error> {
        let engine = self.engine();
        let mut connected = engine.peers.count();
        tokio::select! {
            biased;
            result = connected.wait_for(|connected| *connected >= count) => {
                result.map(drop).map_err(|_| ErrorKind::Closed.into())
            }
            () = engine.stop_intake.cancelled() => Err(ErrorKind::Closed.into()),
        }
    }

    /// What happens from now on.
    pub fn events(&self) -> Events {
        self.engine().reporter.subscribe()
    }

    /// What the socket has done so far and what it holds now.
    pub fn stats(&self) -> Stats {
        let engine = self.engine();
        Stats {
            peers: engine.peers.len(),
            buffered_messages: engine.buffer.len(),
            unreceived_messages: engine.inbox.items(),
            unacknowledged_messages: engine
                .unacked
                .as_ref()
                .map_or(0, aiomsg_layers::at_least_once::Unacked::len),
            ..engine.reporter.counters().snapshot()
        }
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.engine().closing.load(Ordering::Acquire) {
            return Err(ErrorKind::Closed.into());
        }
        Ok(())
    }
}

/// What can be said at once about an endpoint to connect to is not left for an
/// event to say.
fn check_dialable(config: &Config, endpoint: &Endpoint) -> Result<(), Error> {
    let fail = |kind, reason: &str| Err(Error::new(kind).with_reason(reason).at(endpoint.clone()));
    if endpoint.port() == Some(0) {
        return fail(ErrorKind::Address, "nobody listens at port 0");
    }
    if matches!(endpoint, Endpoint::Tls { .. }) {
        #[cfg(feature = "tls")]
        let missing = config.tls.is_none();
        #[cfg(not(feature = "tls"))]
        let missing = {
            let _ = config;
            true
        };
        if missing {
            return fail(
                ErrorKind::Config,
                "the socket has no tls settings: see SocketBuilder::tls",
            );
        }
    }
    Ok(())
}

/// Another handle on the same socket.
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

//! Building sockets: the settings, and the layers around each path.

mod bounds;
mod layers;
mod mode;
mod paths;
mod settings;

use std::fmt;
use std::marker::PhantomData;

use aiomsg_core::{Error, Outbound};
use aiomsg_layers::at_least_once::Settings as AtLeastOnce;
use aiomsg_layers::distribute::Policy;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::Waiting;
use aiomsg_layers::shared::catch;
use tower::ServiceExt;
use tower::layer::util::Identity;
use tower::util::BoxService;

use super::Socket;
use crate::engine::config::Config;
use crate::engine::{Paths, explain};
use paths::{Parts, PathLayers, acceptor};

pub use bounds::{
    AcceptLayer, AcceptService, ConnectionLayer, DialLayer, DialService, ReceiveLayer,
    ReceiveService, SendLayer, SendService,
};
pub use mode::{AckMode, Acknowledged, Deliverable, DeliveryGuarantee, Publishes, SendMode, Unset};

/// A builder for a [`Socket`]. Every setting has a default.
///
/// ```
/// use aiomsg::{DeliveryGuarantee, Socket};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::builder()
///     .at_least_once()
///     .ack_timeout(Duration::from_secs(2))
///     .reconnect_delay(|failures| Duration::from_millis(100) * (failures + 1).min(20))
///     .build()?;
/// # Ok(()) }
/// ```
///
/// The type parameters are the layers around the send path (`L`), which are in the type
/// of the socket, and the chosen [distribution and guarantee](Deliverable) (`M`).
/// [`build`](SocketBuilder::build) has their bounds.
#[must_use = "it does nothing until it is built"]
pub struct SocketBuilder<L = Identity, M = (Unset, Unset)> {
    settings: Settings,
    paths: PathLayers,
    layers: L,
    mode: PhantomData<fn() -> M>,
}

/// A socket's send path with its type erased. See
/// [`SocketBuilder::build_boxed`].
pub type BoxedSend = BoxService<Outbound, (), Error>;

struct Settings {
    config: Config,
    guarantee: DeliveryGuarantee,
    at_least_once: AtLeastOnce,
    policy: Option<Box<dyn Policy<Queue<Outbound>> + Send>>,
}

impl SocketBuilder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings {
                config: Config::default(),
                guarantee: DeliveryGuarantee::default(),
                at_least_once: AtLeastOnce::default(),
                policy: None,
            },
            paths: PathLayers::default(),
            layers: Identity::new(),
            mode: PhantomData,
        }
    }
}

// ===== what the type knows =====

impl<L, P, G> SocketBuilder<L, (P, G)> {
    /// Sends each message to every connected peer.
    ///
    /// It does not compile together with
    /// [`at_least_once`](SocketBuilder::at_least_once).
    /// [`send_mode`](SocketBuilder::send_mode) is the setting without this check.
    pub fn publish(self) -> SocketBuilder<L, (Publishes, G)> {
        self.send_mode(SendMode::Publish).retyped()
    }

    /// Sends each message again until it is acknowledged.
    ///
    /// It does not compile together with [`publish`](SocketBuilder::publish).
    /// [`delivery_guarantee`](SocketBuilder::delivery_guarantee) is the setting without
    /// this check.
    pub fn at_least_once(self) -> SocketBuilder<L, (P, Acknowledged)> {
        self.delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
            .retyped()
    }
}

impl<L, M> SocketBuilder<L, M> {
    fn retyped<N>(self) -> SocketBuilder<L, N> {
        SocketBuilder {
            settings: self.settings,
            paths: self.paths,
            layers: self.layers,
            mode: PhantomData,
        }
    }

    // ===== building =====

    /// Builds the socket and starts its background tasks.
    ///
    /// The layers of [`layer`](SocketBuilder::layer) are in the type of the socket. To keep
    /// such a socket in a struct, use [`build_boxed`](SocketBuilder::build_boxed).
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] when settings contradict each other (for example
    /// at-least-once and publish), when one is out of range, and outside of a tokio
    /// runtime. [`Error::is_layer`] when a layer panics while it wraps its path.
    pub fn build(self) -> Result<Socket<L::Service>, Error>
    where
        L: SendLayer,
        M: Deliverable,
    {
        self.build_with(L::layer)
    }

    /// Builds the socket with the type of its layers erased, so that it can be named:
    /// `Socket<BoxedSend>`. Each message costs a box.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::send::BoxedSend;
    /// use std::time::Duration;
    /// use tower::limit::RateLimitLayer;
    ///
    /// struct Client {
    ///     socket: Socket<BoxedSend>,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let rate = RateLimitLayer::new(100, Duration::from_secs(1));
    /// let client = Client {
    ///     socket: Socket::builder().layer(rate).build_boxed()?,
    /// };
    /// client.socket.send("one of a hundred").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`build`](SocketBuilder::build).
    pub fn build_boxed(self) -> Result<Socket<BoxedSend>, Error>
    where
        L: SendLayer,
        M: Deliverable,
    {
        self.build_with(|layers, standard| {
            let stack = layers.layer(standard);
            BoxService::new(stack.map_response(drop).map_err(explain))
        })
    }

    fn build_with<S>(
        self,
        stack: impl FnOnce(&L, crate::send::StandardSend) -> S,
    ) -> Result<Socket<S>, Error>
    where
        S: 'static,
    {
        let Settings {
            mut config,
            guarantee,
            at_least_once,
            policy,
        } = self.settings;
        config.at_least_once = match guarantee {
            DeliveryGuarantee::AtMostOnce => None,
            DeliveryGuarantee::AtLeastOnce => Some(at_least_once),
        };
        let waiting = Waiting::new(config.receive_limits);
        let PathLayers {
            receive,
            connection,
            dial,
            accept,
        } = self.paths;
        // A user's code may panic in here.
        catch("a layer or a policy", || {
            let paths = Paths {
                policy,
                dial: dial.gate(config.connector()?),
                accept: accept.gate(acceptor(&config)),
                layers: connection,
            };
            Socket::start(
                config,
                |standard| stack(&self.layers, standard),
                paths,
                |inbox, reporter, deferral| {
                    let parts = Parts {
                        waiting,
                        reporter: reporter.clone(),
                        deferral: deferral.clone(),
                    };
                    receive.intake(inbox, parts)
                },
            )
        })?
    }
}

impl<L, M> fmt::Debug for SocketBuilder<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketBuilder")
            .field("config", &self.settings.config)
            .finish_non_exhaustive()
    }
}

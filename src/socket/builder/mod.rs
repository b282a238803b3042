//! Building sockets: the settings, and the layers around each path.

mod bounds;
mod layers;
mod mode;
mod settings;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use aiomsg_core::{Delivery, Error, Outbound};
use aiomsg_layers::acknowledge::Deferral;
use aiomsg_layers::at_least_once::Settings as AtLeastOnce;
use aiomsg_layers::distribute::Policy;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Inbox, ServiceIntake, Waiting};
use aiomsg_layers::shared::{Shared, catch};
use aiomsg_transport::Acceptor;
use tower::ServiceExt;
use tower::layer::util::Identity;
use tower::util::BoxService;

use super::Socket;
use crate::engine::config::Config;
use crate::engine::events::Reporter;
use crate::engine::gate::gate;
use crate::engine::running::{Bare, Layered, Start};
use crate::engine::session::MakeIntake;
use crate::engine::{Paths, explain};

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
/// The type parameters are the layers around the send path (`L`), the receive path
/// (`R`), each connection (`C`), connecting (`D`) and accepting (`A`), and the chosen
/// [distribution and guarantee](Deliverable) (`M`). [`build`](SocketBuilder::build) has
/// their bounds.
#[must_use = "it does nothing until it is built"]
pub struct SocketBuilder<
    L = Identity,
    R = Identity,
    C = Identity,
    D = Identity,
    A = Identity,
    M = (Unset, Unset),
> {
    settings: Settings,
    layers: L,
    receive_layers: R,
    connection_layers: C,
    dial_layers: D,
    accept_layers: A,
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
            layers: Identity::new(),
            receive_layers: Identity::new(),
            connection_layers: Identity::new(),
            dial_layers: Identity::new(),
            accept_layers: Identity::new(),
            mode: PhantomData,
        }
    }
}

// ===== what the type knows =====

impl<L, R, C, D, A, P, G> SocketBuilder<L, R, C, D, A, (P, G)> {
    /// Sends each message to every connected peer.
    ///
    /// It does not compile together with
    /// [`at_least_once`](SocketBuilder::at_least_once).
    /// [`send_mode`](SocketBuilder::send_mode) is the setting without this check.
    pub fn publish(self) -> SocketBuilder<L, R, C, D, A, (Publishes, G)> {
        self.send_mode(SendMode::Publish).retyped()
    }

    /// Sends each message again until it is acknowledged.
    ///
    /// It does not compile together with [`publish`](SocketBuilder::publish).
    /// [`delivery_guarantee`](SocketBuilder::delivery_guarantee) is the setting without
    /// this check.
    pub fn at_least_once(self) -> SocketBuilder<L, R, C, D, A, (P, Acknowledged)> {
        self.delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
            .retyped()
    }
}

impl<L, R, C, D, A, M> SocketBuilder<L, R, C, D, A, M> {
    fn retyped<N>(self) -> SocketBuilder<L, R, C, D, A, N> {
        SocketBuilder {
            settings: self.settings,
            layers: self.layers,
            receive_layers: self.receive_layers,
            connection_layers: self.connection_layers,
            dial_layers: self.dial_layers,
            accept_layers: self.accept_layers,
            mode: PhantomData,
        }
    }

    // ===== building =====

    /// Builds the socket and starts its background tasks.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] when settings contradict each other (for example
    /// at-least-once and publish), when one is out of range, and outside of a tokio
    /// runtime. [`Error::is_layer`] when a layer panics while it wraps its path.
    pub fn build(self) -> Result<Socket<L::Service>, Error>
    where
        L: SendLayer,
        R: ReceiveLayer,
        C: ConnectionLayer,
        D: DialLayer,
        A: AcceptLayer,
        M: Deliverable,
    {
        self.build_with(L::layer)
    }

    /// Builds the socket with the type of its layers erased, so that it can be named:
    /// `Socket<BoxedSend>`. Each message costs a box.
    ///
    /// # Errors
    ///
    /// As for [`build`](SocketBuilder::build).
    pub fn build_boxed(self) -> Result<Socket<BoxedSend>, Error>
    where
        L: SendLayer,
        R: ReceiveLayer,
        C: ConnectionLayer,
        D: DialLayer,
        A: AcceptLayer,
        M: Deliverable,
    {
        self.build_with(|layers, standard| {
            let stack = layers.layer(standard);
            BoxService::new(stack.map_response(drop).map_err(explain))
        })
    }

    fn build_with<S>(
        self,
        stack: impl FnOnce(&L, crate::StandardSend) -> S,
    ) -> Result<Socket<S>, Error>
    where
        S: 'static,
        R: ReceiveLayer,
        C: ConnectionLayer,
        D: DialLayer,
        A: AcceptLayer,
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
        // A user's code may panic in here.
        catch("a layer or a policy", || {
            let paths = Paths {
                policy,
                dial: gate(self.dial_layers.layer(config.connector())),
                accept: gate(self.accept_layers.layer(Acceptor::new())),
                layers: connections(self.connection_layers),
            };
            Socket::start(
                config,
                |standard| stack(&self.layers, standard),
                paths,
                |inbox, reporter, deferral| {
                    intake(&self.receive_layers, inbox, waiting, reporter, deferral)
                },
            )
        })?
    }
}

/// How sessions fill the inbox. `None`: straight, as there are no layers.
fn intake<R: ReceiveLayer>(
    layers: &R,
    inbox: &Queue<Delivery>,
    waiting: Waiting,
    reporter: &Reporter,
    deferral: &Deferral,
) -> Option<MakeIntake> {
    if TypeId::of::<R>() == TypeId::of::<Identity>() {
        return None;
    }
    let shared = Shared::new(layers.layer(Inbox::new(inbox.clone())));
    let (reporter, deferral) = (reporter.clone(), deferral.clone());
    Some(Arc::new(move |peer| {
        let reporter = reporter.clone();
        let intake = ServiceIntake::new(shared.clone(), move |message, error| {
            reporter.refused(message, explain(error));
        });
        let intake = intake
            .waiting(waiting.clone())
            .deferral(deferral.clone())
            .certificate(peer.certificate().cloned());
        Box::new(intake)
    }))
}

/// How connections get their layers.
fn connections<C: ConnectionLayer>(layers: C) -> Box<dyn Start> {
    match TypeId::of::<C>() == TypeId::of::<Identity>() {
        true => Box::new(Bare),
        false => Box::new(Layered(layers)),
    }
}

impl<L, R, C, D, A, M> fmt::Debug for SocketBuilder<L, R, C, D, A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketBuilder")
            .field("config", &self.settings.config)
            .finish_non_exhaustive()
    }
}

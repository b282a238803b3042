//! The layers of the paths, in the order in which they were added.
//!
//! The first one added is the outermost, so each is put around those added after it, and
//! their types are erased: they are not in the type of the builder.

use std::sync::Arc;

use aiomsg_core::{Delivery, Endpoint};
use aiomsg_layers::acknowledge::Deferral;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Inbox, ServiceIntake, Waiting};
use aiomsg_layers::shared::Shared;
use aiomsg_transport::{Acceptor, Connector, Incoming};
use tower::ServiceExt;

use super::{AcceptLayer, DialLayer, ReceiveLayer};
use crate::engine::config::Config;
use crate::engine::events::Reporter;
use crate::engine::explain;
use crate::engine::gate::{Gate, gate};
use crate::engine::path::{AcceptPath, DialPath, Path, ReceivePath};
use crate::engine::running::ConnectionLayers;
use crate::engine::session::MakeIntake;

/// Layers around all paths but that of sending.
#[derive(Default)]
pub(super) struct PathLayers {
    pub(super) receive: ReceiveLayers,
    pub(super) connection: ConnectionLayers,
    pub(super) dial: DialLayers,
    pub(super) accept: AcceptLayers,
}

/// Puts a layer around what is within it, and erases its type.
type Wrap<P> = Box<dyn FnOnce(P) -> P + Send>;

// ===== receive =====

/// The type of the outermost layer is known where it is called, so that one layer, which
/// may be a stack of several, costs no box for a message.
#[derive(Default)]
pub(super) struct ReceiveLayers {
    outermost: Option<Box<dyn FnOnce(ReceivePath, Parts) -> MakeIntake + Send>>,
    inner: Vec<Wrap<ReceivePath>>,
}

/// What an intake needs beside its service.
pub(super) struct Parts {
    pub(super) waiting: Waiting,
    pub(super) reporter: Reporter,
    pub(super) deferral: Deferral,
}

impl ReceiveLayers {
    pub(super) fn push(&mut self, layer: impl ReceiveLayer) {
        match &self.outermost {
            None => {
                let make = move |inner, parts| intakes(layer.layer(inner), parts);
                self.outermost = Some(Box::new(make));
            }
            Some(_) => {
                let wrap = move |inner| Path::layered(layer.layer(inner).map_response(drop));
                self.inner.push(Box::new(wrap));
            }
        }
    }

    /// Returns how sessions fill the inbox. `None`: directly, as there are no layers.
    pub(super) fn intake(self, inbox: &Queue<Delivery>, parts: Parts) -> Option<MakeIntake> {
        let outermost = self.outermost?;
        let innermost = Path::innermost(Inbox::new(inbox.clone()));
        Some(outermost(within(self.inner, innermost), parts))
    }
}

fn intakes(service: impl super::ReceiveService + Send, parts: Parts) -> MakeIntake {
    let shared = Shared::new(service);
    let Parts {
        waiting,
        reporter,
        deferral,
    } = parts;
    Arc::new(move |peer| {
        let reporter = reporter.clone();
        let intake = ServiceIntake::new(shared.clone(), move |message, error| {
            reporter.refused(message, explain(error));
        });
        let intake = intake
            .waiting(waiting.clone())
            .deferral(deferral.clone())
            .certificate(peer.certificate().cloned());
        Box::new(intake)
    })
}

// ===== dial, accept =====

#[derive(Default)]
pub(super) struct DialLayers(Vec<Wrap<DialPath>>);

impl DialLayers {
    pub(super) fn push(&mut self, layer: impl DialLayer) {
        let wrap = move |inner| Path::layered(layer.layer(inner));
        self.0.push(Box::new(wrap));
    }

    pub(super) fn gate(self, connector: Connector) -> Gate<Endpoint> {
        gate(within(self.0, Path::innermost(connector)))
    }
}

#[derive(Default)]
pub(super) struct AcceptLayers(Vec<Wrap<AcceptPath>>);

impl AcceptLayers {
    pub(super) fn push(&mut self, layer: impl AcceptLayer) {
        let wrap = move |inner| Path::layered(layer.layer(inner));
        self.0.push(Box::new(wrap));
    }

    pub(super) fn gate(self, acceptor: AcceptPath) -> Gate<Incoming> {
        gate(within(self.0, acceptor))
    }
}

/// The innermost service of accepting.
pub(super) fn acceptor(config: &Config) -> AcceptPath {
    #[cfg(feature = "websocket")]
    if let Some(guard) = &config.websocket {
        let layer = aiomsg_transport::websocket::WebSocketLayer::new(guard.clone());
        return Path::layered(tower::Layer::layer(&layer, Acceptor::new()));
    }
    let _ = config;
    Path::innermost(Acceptor::new())
}

/// Puts the layers, of which the first is the outermost, around the innermost service.
fn within<P>(layers: Vec<Wrap<P>>, innermost: P) -> P {
    layers
        .into_iter()
        .rev()
        .fold(innermost, |inner, wrap| wrap(inner))
}

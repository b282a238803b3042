//! Connecting to every address of a name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aiomsg_core::{Endpoint, Error, ErrorKind, Name};
use aiomsg_layers::follow::{Change, Follow, Followed};
use tokio_util::sync::CancellationToken;

use super::dial::{self, DialId, UnderWay};
use super::{Engine, config};

/// Returns the name of an endpoint, to follow.
pub(crate) fn name_of(endpoint: &Endpoint) -> Result<Name, Error> {
    Name::of(endpoint).ok_or_else(|| {
        Error::new(ErrorKind::Address)
            .with_reason("it has no name to resolve, as tcp://name:port has: use connect")
            .at(endpoint.clone())
    })
}

/// Follows a name, and runs the connections to its addresses, until `disconnect`, which is a
/// child of `finish`, or the end of all dialling.
///
/// The first lookup is a try under way, as the dials are: a socket that is closed right
/// after `connect_all` waits for it.
pub(crate) async fn run(
    engine: Arc<Engine>,
    endpoint: Endpoint,
    name: Name,
    disconnect: CancellationToken,
    first: UnderWay,
) {
    let mut all = All {
        engine: Arc::clone(&engine),
        certified: certified_name(&name).to_owned(),
        endpoint,
        disconnect,
        connections: HashMap::new(),
    };
    let follow = Follow::new(engine.config.resolver.clone(), name)
        .interval(engine.config.resolve_interval)
        .max_addresses(engine.config.max_addresses);
    all.run(follow, first).await;
}

struct All {
    engine: Arc<Engine>,
    endpoint: Endpoint,
    /// The name that certificates have, with `tls://`.
    certified: String,
    /// Ends all connections.
    disconnect: CancellationToken,
    /// The followed addresses. Each has a dial of its own, also where others dial it.
    connections: HashMap<SocketAddr, Dial>,
}

/// The dial of an address. Its task ends by its token.
struct Dial {
    id: DialId,
    stop: CancellationToken,
}

impl All {
    async fn run(&mut self, mut follow: Follow<config::Resolver>, first: UnderWay) {
        let mut first = Some(first);
        let mut failing = false;
        loop {
            let engine = Arc::clone(&self.engine);
            let closing = async {
                match &first {
                    Some(_) => engine.stop_shaking.cancelled().await,
                    None => engine.stop_intake.cancelled().await,
                }
            };
            let followed = tokio::select! {
                biased;
                () = self.disconnect.cancelled() => return,
                () = closing => return,
                followed = follow.next() => followed,
            };
            match followed {
                Followed::Changed(change) => {
                    failing = false;
                    self.change(change);
                }
                Followed::Failed { error, retry_in } => {
                    let news = !std::mem::replace(&mut failing, true);
                    let reporter = &self.engine.reporter;
                    let error = error.at(self.endpoint.clone());
                    reporter.lookup_failed(&self.endpoint, error, retry_in, news);
                }
            }
            // By now, the dials are under way.
            first = None;
        }
    }

    fn change(&mut self, change: Change) {
        let endpoints = |addresses: &[SocketAddr]| {
            let endpoints = addresses.iter().map(|it| self.endpoint_of(*it));
            endpoints.collect::<Vec<_>>()
        };
        let (added, removed) = (endpoints(&change.added), endpoints(&change.removed));
        let gone = self.withdraw(&change.removed);
        // A listener sends as soon as it hears: no message goes to an address that is gone.
        let reporter = &self.engine.reporter;
        reporter.addresses_changed(&self.endpoint, added.clone(), removed, change.omitted);
        for (address, endpoint) in change.added.into_iter().zip(added) {
            let engine = Arc::clone(&self.engine);
            let (id, stop) = (DialId::new(), self.disconnect.child_token());
            let first = engine.tries.begin();
            let dial = dial::run(Arc::clone(&engine), endpoint, id, stop.clone(), first);
            engine.spawn(dial);
            self.connections.insert(address, Dial { id, stop });
        }
        for stop in gone {
            stop.cancel();
        }
    }

    /// Takes these addresses out of the distribution of messages. Returns what ends their
    /// dials.
    fn withdraw(&mut self, addresses: &[SocketAddr]) -> Vec<CancellationToken> {
        if addresses.is_empty() {
            return Vec::new();
        }
        let dials = addresses
            .iter()
            .filter_map(|it| self.connections.remove(it));
        let gone: HashMap<_, _> = dials.map(|it| (it.id, it.stop)).collect();
        // Not one by one: each look at the peers visits all of them. A connection of another
        // dial to the same address stays as it is.
        let peers = &self.engine.peers;
        for member in peers.members() {
            if member.info().dial.is_some_and(|it| gone.contains_key(&it)) {
                peers.withdraw(&member);
            }
        }
        gone.into_values().collect()
    }

    /// Returns the endpoint of one address. The certificate of its peer must have the name.
    fn endpoint_of(&self, address: SocketAddr) -> Endpoint {
        let at = Endpoint::from(address);
        match (&self.endpoint, at) {
            (Endpoint::Tls { .. }, Endpoint::Tcp { host: ip, port }) => {
                let name = &self.certified;
                match name.parse::<IpAddr>().is_ok() || name.contains('%') {
                    true => Endpoint::tls(ip, port),
                    false => Endpoint::TlsAt {
                        name: name.clone(),
                        address,
                    },
                }
            }
            (_, at) => at,
        }
    }
}

/// Returns the name that a certificate has: without the service and its protocol, and
/// without the dot at the end that makes a name complete.
fn certified_name(name: &Name) -> &str {
    let domain = name.domain_of_service().unwrap_or(name.host());
    domain.strip_suffix('.').unwrap_or(domain)
}

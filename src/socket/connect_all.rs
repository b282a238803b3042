//! Connecting to every address of a name.

use std::sync::Arc;

use aiomsg_core::{Endpoint, Error};
use aiomsg_transport::Connector;

use super::Socket;
use super::dialable::{check_port, check_tls};
use crate::engine::follow;

#[cfg(doc)]
use crate::SocketBuilder;

impl<S> Socket<S> {
    /// Connects to every address of a name in the background, and follows them as they
    /// come and go. Each has a connection of its own, which reconnects.
    ///
    /// The endpoint is `tcp://name:port` or `tls://name:port`. With the feature `dns`, the
    /// name may also be that of a service with SRV records, which have the hosts and ports:
    /// `tcp://_jobs._tcp.example.com:0`. The name is resolved again when its answer has
    /// expired, or, if the resolver does not know when that is, every
    /// [`resolve_interval`](SocketBuilder::resolve_interval).
    ///
    /// - A new address is dialled. One that is gone gets no more messages, and those in its
    ///   queue go to the other peers, except addressed ones. The ones that its connection has
    ///   taken already are sent, and it ends as after [`disconnect`](Socket::disconnect).
    /// - An address that leaves takes no connection of another name with it, nor one of
    ///   [`connect`](Socket::connect). If the peer was connected by the name that it leaves,
    ///   the others connect to it.
    /// - A failed lookup changes nothing. An answer without addresses counts when two more
    ///   have confirmed it: a DNS server that has just started answers so for a moment.
    /// - There are at most [`max_addresses`](SocketBuilder::max_addresses).
    /// - With `tls://`, the certificate of each peer must have the name, and not its
    ///   address. For the name of a service that is the domain, here `example.com`.
    ///
    /// The connections have endpoints of their own: `tcp://address:port`, and
    /// `tls://name@address:port`. A peer that is reached by two addresses gets one
    /// connection: the other one is refused, with an event, and tried again.
    /// [`Event::AddressesChanged`](crate::Event::AddressesChanged) and
    /// [`Event::LookupFailed`](crate::Event::LookupFailed) report on the name.
    /// [`disconnect`](Socket::disconnect) with the same endpoint ends all of it.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Socket::connect), and when the endpoint has no name to resolve
    /// ([`Error::is_address`]).
    pub fn connect_all<E>(&self, endpoint: E) -> Result<(), Error>
    where
        E: TryInto<Endpoint, Error: Into<Error>>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        self.check_open()?;
        let engine = &self.inner.engine;
        let name = follow::name_of(&endpoint)?;
        Connector::check(&endpoint)?;
        check_tls(&engine.config, &endpoint)?;
        if name.domain_of_service().is_none() {
            check_port(&endpoint)?;
        }
        let task = engine.endpoints.connect(&endpoint, &engine.finish)?;
        let first = engine.tries.begin();
        let follow = follow::run(Arc::clone(engine), endpoint, name, task.stop, first);
        engine.spawn(follow);
        Ok(())
    }
}

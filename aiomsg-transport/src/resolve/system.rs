//! The system's resolver, as a service of names.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Addresses, Error, ErrorKind, Name};
use tower::Service;

use super::Resolver;

/// A `tower::Service` that resolves names with the system, by `getaddrinfo`.
///
/// It follows the system's rules: `/etc/hosts`, `nsswitch.conf` and so on. The system does
/// not tell how long an answer holds, so the addresses have no
/// [`ttl`](Addresses::ttl), and it knows no SRV records. It does not reliably tell a name
/// that does not exist from a server that does not answer, so both are errors.
///
/// # Errors
///
/// [`Address`](ErrorKind::Address), with the name.
///
/// ```
/// use aiomsg_core::Name;
/// use aiomsg_transport::SystemResolver;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
/// let found = SystemResolver::new().oneshot(Name::new("127.0.0.1", 25000)).await?;
/// assert_eq!(found.addresses, ["127.0.0.1:25000".parse().unwrap()]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SystemResolver;

/// The future of a resolver of names.
pub type Resolving = Pin<Box<dyn Future<Output = Result<Addresses, Error>> + Send>>;

impl SystemResolver {
    /// Creates a resolver.
    pub fn new() -> Self {
        Self
    }
}

impl Service<Name> for SystemResolver {
    type Response = Addresses;
    type Error = Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        Box::pin(async move {
            if name.domain_of_service().is_some() {
                return Err(Error::new(ErrorKind::Address).with_reason(format!(
                    "the name \"{}\" is that of a service with SRV records, which the system's \
                     resolver does not know: turn the feature \"dns\" on, or name the host",
                    name.host()
                )));
            }
            let found = Resolver::default().resolve(name.host(), name.port()).await;
            found.map(Addresses::new)
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn it_resolves_addresses_and_names_what_it_cannot_resolve() {
        let resolve = |host: &str, port| SystemResolver::new().oneshot(Name::new(host, port));
        let found = resolve("::1", 7).await.unwrap();
        assert_eq!(found, Addresses::new(["[::1]:7".parse().unwrap()]));
        for host in ["nobody.invalid", "_jobs._tcp.example.com"] {
            let error = resolve(host, 0).await.unwrap_err();
            assert!(error.is_address(), "{error}");
            assert!(
                error.to_string().contains(&format!("\"{host}\"")),
                "{error}"
            );
        }
    }
}

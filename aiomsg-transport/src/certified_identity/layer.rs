use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{Certificate, Fingerprint, Identity};
use tower::{Layer, Service};

use super::CertifiedIdentityFuture;
use super::rule::{Rule, Rules, names};
use crate::Io;

/// A layer that binds identities to certificates. See the [module](super).
///
/// It goes around accepting, and may also go around connecting. A peer whose certificate
/// does not allow its identity is refused before it is admitted, with an error
/// ([`is_identity_refused`](aiomsg_core::Error::is_identity_refused)) that names both. A
/// peer without a certificate is refused before the handshake.
///
/// ```
/// use aiomsg_core::{Fingerprint, Identity};
/// use aiomsg_transport::{Acceptor, CertifiedIdentityLayer};
/// use tower::ServiceBuilder;
///
/// let text = "9F:".repeat(31) + "01"; // openssl x509 -noout -fingerprint -sha256
/// let worker: Fingerprint = text.parse()?;
/// let identities = CertifiedIdentityLayer::table([
///     (worker, Identity::from(*b"worker number 07")),
///     (worker, Identity::from(*b"worker number 08")),
/// ]);
/// let accept = ServiceBuilder::new().layer(identities).service(Acceptor::new());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CertifiedIdentityLayer {
    rules: Rules,
}

/// The service of a [`CertifiedIdentityLayer`], around one whose response is an [`Io`].
#[derive(Debug, Clone)]
pub struct CertifiedIdentity<S> {
    inner: S,
    layer: CertifiedIdentityLayer,
}

impl<S> CertifiedIdentity<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl CertifiedIdentityLayer {
    /// Allows each certificate exactly the identities listed with its fingerprint. A
    /// certificate may have several identities, and an identity several certificates: the
    /// old one and the new one during a renewal.
    pub fn table(entries: impl IntoIterator<Item = (Fingerprint, Identity)>) -> Self {
        Self::new(Rule::Table(Arc::new(entries.into_iter().collect())))
    }

    /// Allows an identity that is one of the names in the peer's certificate: the common
    /// name, or a subject alternative name. The identity is compared
    ///
    /// - as text, for example `worker number 07`;
    /// - as the 32 digits of its 16 bytes in lower-case hexadecimal;
    /// - if it has 16 bytes, as a URI `urn:uuid:…` (RFC 9562).
    ///
    /// This rule is for an authority that gives each name to one peer. The names of a
    /// pinned certificate are unchecked, and its owner may choose them freely: with
    /// several pins, use a [`table`](Self::table).
    pub fn names() -> Self {
        Self::new(Rule::Custom(Arc::new(names)))
    }

    /// Allows an identity for which `rule` returns true. The function must not block.
    ///
    /// ```
    /// use aiomsg_transport::CertifiedIdentityLayer;
    ///
    /// // The first half is the owner, the second half one of its peers.
    /// let layer = CertifiedIdentityLayer::rule(|certificate, identity| {
    ///     certificate.common_name().is_some_and(|name| {
    ///         name.len() == 8 && identity.as_bytes().starts_with(name.as_bytes())
    ///     })
    /// });
    /// ```
    pub fn rule(rule: impl Fn(&Certificate, &Identity) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Rule::Custom(Arc::new(rule)))
    }

    fn new(rule: Rule) -> Self {
        Self {
            rules: Rules::new(rule),
        }
    }

    /// Allows a peer without a certificate an identity for which the function returns true:
    /// on a connection without TLS, or one where no certificate is demanded. It never
    /// allows an identity of the [`table`](Self::table). With another rule, the function
    /// must exclude the identities of other peers.
    #[must_use]
    pub fn without_certificate(
        mut self,
        plain: impl Fn(&Identity) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rules.allow_plain(plain);
        self
    }
}

impl<S> Layer<S> for CertifiedIdentityLayer {
    type Service = CertifiedIdentity<S>;

    fn layer(&self, inner: S) -> CertifiedIdentity<S> {
        CertifiedIdentity {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, R> Service<R> for CertifiedIdentity<S>
where
    S: Service<R, Response = Io>,
    S::Error: Into<aiomsg_core::BoxError>,
{
    type Response = Io;
    type Error = aiomsg_core::BoxError;
    type Future = CertifiedIdentityFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let rules = self.layer.rules.clone();
        CertifiedIdentityFuture::new(self.inner.call(request), rules)
    }
}

//! Identities bound to certificates.
//!
//! A peer chooses its identity itself, and by default may choose any. TLS decides only who
//! may connect. [`CertifiedIdentityLayer`] around connecting and accepting keeps a peer
//! that may connect from taking the identity of another one.
//!
//! ```text
//!  dial or accept ─▶ CertifiedIdentity ─▶ TLS: the certificate
//!        │                  └─ no certificate: refused, unless plain peers are allowed
//!        ▼
//!  handshake: the identity ─▶ the check ─▶ admitted
//!                                └─ not one of this certificate: refused
//! ```

mod future;
mod layer;
mod rule;

pub use future::CertifiedIdentityFuture;
pub use layer::{CertifiedIdentity, CertifiedIdentityLayer};

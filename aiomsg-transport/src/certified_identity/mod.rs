//! Which identities a certificate stands for.
//!
//! A peer chooses its identity itself, and by default anyone may choose any.
//! TLS says who may connect at all. With [`CertifiedIdentityLayer`] around
//! connecting and accepting, nobody who may takes the identity of another one
//! who may.
//!
//! ```text
//!  dial or accept ─▶ CertifiedIdentity ─▶ TLS: the certificate
//!        │                  └─ no certificate: refused, unless plain peers may have some
//!        ▼
//!  handshake: the identity ─▶ the check ─▶ admitted
//!                                └─ not one of this certificate: refused
//! ```

mod future;
mod layer;
mod rule;

pub use future::CertifiedIdentityFuture;
pub use layer::{CertifiedIdentity, CertifiedIdentityLayer};

//! Whether the server demanded our certificate, and whether it got one.
//!
//! rustls calls a resolver, which all connections of a configuration share. It calls it
//! while it polls a handshake, so a task-local notes the call for that handshake.

use std::cell::Cell;
use std::sync::Arc;

use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

tokio::task_local! {
    static ASKED: Cell<Asked>;
}

/// The use of our certificate in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The server did not demand it.
    No,
    /// The server demanded one, and we had none.
    InVain,
    /// The server demanded one, and we presented ours.
    Presented,
}

/// Presents a certificate, if there is one, and notes the demand.
#[derive(Debug)]
pub(super) struct Noting(pub(super) Option<Arc<SingleCertAndKey>>);

/// Runs a handshake, and returns whether a certificate was demanded.
pub(super) async fn noted<F: Future>(handshake: F) -> (F::Output, Asked) {
    let run = async {
        let output = handshake.await;
        (output, ASKED.with(Cell::get))
    };
    ASKED.scope(Cell::new(Asked::No), run).await
}

impl ResolvesClientCert for Noting {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let own = self.0.as_ref();
        let resolved = own.and_then(|own| own.resolve(root_hint_subjects, sigschemes));
        let fits = |one: &Arc<CertifiedKey>| one.key.choose_scheme(sigschemes).is_some();
        let asked = match resolved.as_ref().is_some_and(fits) {
            true => Asked::Presented,
            false => Asked::InVain,
        };
        // There is none if the handshake is not one of ours.
        let _ = ASKED.try_with(|noted| noted.set(asked));
        resolved
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

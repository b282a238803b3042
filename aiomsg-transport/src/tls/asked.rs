//! Whether the server asked for our certificate, and whether it got one.
//!
//! rustls asks a resolver, which all connections of a configuration share. It asks while a handshake is
//! polled, so what it asked is noted for the handshake in a task-local.

use std::cell::Cell;
use std::sync::Arc;

use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

tokio::task_local! {
    static ASKED: Cell<Asked>;
}

/// What became of our certificate in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The server did not ask for it.
    No,
    /// It asked, and we had none.
    InVain,
    /// It asked, and we presented one.
    Presented,
}

/// Presents a certificate, if there is one, and notes that it was asked for.
#[derive(Debug)]
pub(super) struct Noting(pub(super) Option<Arc<SingleCertAndKey>>);

/// Runs a handshake, and tells what was asked.
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
        // There is none where a handshake is not one of ours.
        let _ = ASKED.try_with(|noted| noted.set(asked));
        resolved
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

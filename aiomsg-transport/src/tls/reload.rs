//! Replacement of settings while sockets use them.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::sync::MutexGuard;
use aiomsg_core::{Error, ErrorKind};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::config::TlsConfig;

/// The shortest time between two checks of the files.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl TlsConfig {
    /// Reads the files again, and uses their contents from now on, in all clones and so in
    /// all sockets with one.
    ///
    /// Existing connections go on unchanged. New ones use the new certificate, key and
    /// trust, all of them at once. No earlier session can be resumed, so every client sees
    /// the new certificate.
    ///
    /// The call blocks while it reads a few small files.
    ///
    /// # Errors
    ///
    /// As for [`build`](super::TlsConfigBuilder::build), for example while a new
    /// certificate still lacks its key. The old settings then stay in use. Also if there
    /// are no files, because these settings were made of bytes, or with rustls: see
    /// [`replace_with`](Self::replace_with).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use aiomsg_transport::tls::TlsConfig;
    ///
    /// let tls = TlsConfig::builder()
    ///     .certificate_files("server.cert", "server.key")
    ///     .trust_file("clients.cert")
    ///     .build()?;
    /// // … sockets are built with tls.clone(); the certificate is renewed …
    /// tls.reload()?;
    /// # Ok::<(), aiomsg_core::Error>(())
    /// ```
    pub fn reload(&self) -> Result<(), Error> {
        self.refresh(true).map(drop)
    }

    /// Uses other settings from now on, in all clones. It does the same as
    /// [`reload`](Self::reload), for settings that do not come from files.
    ///
    /// # Errors
    ///
    /// If a role would be lost: there are settings for connecting, or for binding, and the
    /// other settings have none.
    pub fn replace_with(&self, other: &Self) -> Result<(), Error> {
        let new = other.current();
        let _one_at_a_time = self.changing();
        let old = self.current();
        let lost = match (&old.client, &new.client, &old.server, &new.server) {
            (Some(_), None, _, _) => "connecting: they trust nothing",
            (_, _, Ok(_), Err(lack)) => lack.reason,
            _ => {
                self.set(new);
                return Ok(());
            }
        };
        Err(Error::new(ErrorKind::Config)
            .with_reason(format!("the new tls settings are not for {lost}")))
    }

    /// Checks the files at an interval, and [reloads](Self::reload) them when their content
    /// has changed. Spawn the future as a task: it works for as long as it is polled. The
    /// interval is 10 ms at least; 10 s to an hour are sensible.
    ///
    /// It calls `report` after each change, and once for a change that cannot be used. It
    /// tries such a change again each time, as the files may still be in writing. Both are
    /// logged, too. The [system's authorities](super::TlsConfigBuilder) are not checked, but
    /// read with the files when these have changed. A panic of `report` is logged, and the
    /// checks go on.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future leaves the settings unchanged.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use aiomsg_transport::tls::TlsConfig;
    /// # use std::time::Duration;
    /// # async fn renew(tls: TlsConfig) {
    /// tokio::spawn(tls.watch(Duration::from_secs(60), |outcome| match outcome {
    ///     Ok(()) => println!("new certificates"),
    ///     Err(error) => eprintln!("the old certificates stay in use: {}", error.chain()),
    /// }));
    /// # }
    /// ```
    pub fn watch<R>(
        &self,
        interval: Duration,
        mut report: R,
    ) -> impl Future<Output = Infallible> + Send + use<R>
    where
        R: FnMut(Result<(), Error>) + Send + 'static,
    {
        let config = self.clone();
        async move {
            let mut told = None;
            loop {
                sleep(interval.max(SHORTEST_INTERVAL)).await;
                let refreshing = config.clone();
                let refreshed = spawn_blocking(move || refreshing.refresh(false)).await;
                match refreshed {
                    Ok(Ok(false)) => told = None,
                    Ok(Ok(true)) => {
                        told = None;
                        tracing::info!("tls certificates reloaded");
                        tell(&mut report, Ok(()));
                    }
                    Ok(Err(error)) => {
                        let text = error.chain().to_string();
                        if told.as_ref() != Some(&text) {
                            tracing::warn!(error = text, "tls certificates not reloaded");
                            told = Some(text);
                            tell(&mut report, Err(error));
                        }
                    }
                    // The runtime is shutting down, and this with it.
                    Err(_) => {}
                }
            }
        }
    }

    /// Reads the files, and uses their contents if they are new, or in any case. Returns
    /// whether it did.
    fn refresh(&self, in_any_case: bool) -> Result<bool, Error> {
        let _one_at_a_time = self.changing();
        let old = self.current();
        let origin = old.origin.as_ref();
        let Some((builder, digest)) = origin.filter(|(builder, _)| builder.has_files()) else {
            return Err(Error::new(ErrorKind::Config).with_reason(
                "these tls settings were not made from files, so there is nothing to read again; \
                 use replace_with(..)",
            ));
        };
        let read = builder.read()?;
        if read.digest == *digest && !in_any_case {
            return Ok(false);
        }
        self.set(Arc::new(builder.make(&read)?));
        Ok(true)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.inner.changing.lock()
    }
}

/// A panic must not end the watch, and with it the renewal of certificates.
fn tell(report: &mut impl FnMut(Result<(), Error>), outcome: Result<(), Error>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| report(outcome))) {
        tracing::warn!("the function that hears of tls reloads panicked; the watch goes on");
        // Its destructor may panic as well.
        std::mem::forget(payload);
    }
}

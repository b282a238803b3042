//! Other settings in the place of these, while sockets use them.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use aiomsg_core::{Error, ErrorKind};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::config::TlsConfig;

/// Files are not looked at more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl TlsConfig {
    /// Reads the files again, and uses what is in them from now on, in all
    /// clones and so in all sockets that were given one.
    ///
    /// Connections that are up go on as they are. New ones use the new
    /// certificate, key and trust, all of them at once. Nothing that was agreed
    /// with a peer before can be resumed, so a client is presented the new
    /// certificate.
    ///
    /// This blocks for as long as it takes to read a few small files.
    ///
    /// # Errors
    ///
    /// As for [`build`](super::TlsConfigBuilder::build), as when a new
    /// certificate is there and its key is not yet: then the old settings stay
    /// in use. Also if there are no files, because these settings were made of
    /// bytes, or with rustls: see [`replace_with`](Self::replace_with).
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

    /// Uses these other settings from now on, in all clones: as
    /// [`reload`](Self::reload) does, for settings that do not come from files.
    ///
    /// # Errors
    ///
    /// If a role would be lost: there are settings for connecting, or for
    /// binding, and the others have none.
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

    /// Looks at the files every so often, and [reloads](Self::reload) them when
    /// their content is another: for as long as the future is polled, which is
    /// to be done in a task of its own. The time between is 10 ms at least;
    /// every 10 s to every hour are sensible.
    ///
    /// `report` is called after each change, and when one cannot be used: once,
    /// although it is tried again each time, as it may be one that is still
    /// being written. Both are logged, too. What the
    /// [system trusts](super::TlsConfigBuilder) is not looked at, but read with
    /// the files when these have changed. When `report` panics, that is logged, and
    /// the files are looked at all the same.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: when the future is dropped, the settings stay as they are.
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

    /// Reads the files, and uses what is in them if it is new, or in any case.
    /// Says whether it did.
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
        let changing = self.inner.changing.lock();
        changing.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Certificates would be renewed no more if a panic ended the watch.
fn tell(report: &mut impl FnMut(Result<(), Error>), outcome: Result<(), Error>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| report(outcome))) {
        tracing::warn!("the function that hears of tls reloads panicked; the watch goes on");
        // Its destructor may panic as well.
        std::mem::forget(payload);
    }
}

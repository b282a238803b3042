//! `aiomsg proxy`: between services that both scale.

mod args;
mod closed;
mod control;
mod counts;
mod dial_errors;
mod drain;
mod file;
mod forward_times;
mod in_hand;
mod in_process;
mod limits;
mod losses;
mod observe;
mod origin;
mod relay;
mod reload;
mod reload_task;
mod settings;
mod shared;
mod side;
mod signals;
#[cfg(feature = "spool")]
mod spool;
#[cfg(not(feature = "spool"))]
#[path = "no_spool.rs"]
mod spool;
mod view;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use args::ProxyArgs;
pub(crate) use in_process::InProcess;
#[cfg(feature = "top")]
pub(crate) use observe::status;

use crate::common::failure::{Failure, Outcome};
use crate::common::say::tell;
use reload_task::Reloading;
use shared::{Proxy, Relays};
use signals::{Order, Signal, Signals};

pub(crate) async fn run(args: ProxyArgs) -> Outcome {
    // Before anything that takes time.
    let mut signals = Signals::new()?;
    let check_config = args.check_config;
    let built = signals.unless_end(Proxy::load(args));
    let proxy = match built.await {
        Ok(built) => Arc::new(built?),
        Err(stopped) if check_config => {
            let what = "stopped before the settings were checked";
            return Err(Failure::stopped(stopped, what));
        }
        Err(_) => {
            tell("ended before it was open");
            return Ok(());
        }
    };
    if check_config {
        tell("the settings are good");
        return Ok(());
    }
    let settings = proxy.settings();
    let opened = async {
        observe::start(&proxy, &settings).await?;
        proxy.open(&settings).await
    };
    match signals.unless_end(opened).await {
        Ok(opened) => {
            opened?;
            proxy.tell_places();
            let relays = proxy.run(&mut signals).await?;
            proxy.end(relays, &mut signals).await
        }
        // Producers may be connected already.
        Err(_) => proxy.end(proxy.relay(&settings)?, &mut signals).await,
    }
}

/// They end when their sockets are closed, which is done further down only.
fn ended() -> Failure {
    Failure::failed("a task that forwards messages has ended: this is a mistake in the proxy")
}

impl Proxy {
    /// Forwards messages and obeys signals, until one ends it.
    async fn run(self: &Arc<Self>, signals: &mut Signals) -> Outcome<Relays> {
        let mut relays = self.relay(&self.settings())?;
        tokio::spawn(self.counts.losses.clone().run());
        let mut reloading = Reloading::default();
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                () = reloading.go_on(self) => continue,
                failure = self.spool_breaks() => return Err(failure),
                _ = &mut relays.onward => return Err(ended()),
                _ = &mut relays.back => return Err(ended()),
            };
            match signal {
                Signal::Order(Order::Reload) => reloading.start(self),
                Signal::Order(Order::Pause) => self.pause("a signal"),
                Signal::Order(Order::Resume) => self.resume("a signal"),
                Signal::End => break,
            }
        }
        reloading.end().await;
        Ok(relays)
    }

    /// Ready when the spool can be used no more.
    async fn spool_breaks(&self) -> Failure {
        match &self.spool {
            Some(spool) => spool.broken().await,
            None => std::future::pending().await,
        }
    }

    /// Ends without a drain. The error counts what waited, so the sockets are closed, and do
    /// not log it again.
    async fn end_at_once(&self) -> Failure {
        let held = self.held();
        let (frontend, backend) = (&self.frontend.socket, &self.backend.socket);
        tokio::join!(
            frontend.close(Duration::ZERO),
            backend.close(Duration::ZERO)
        );
        if let Some(spool) = &self.spool {
            spool.end().await;
        }
        Failure::failed(format!(
            "ended at once by a second signal; messages that were not forwarded: {held}"
        ))
    }

    /// Drains, and reports the fate of all messages, unless another signal comes.
    async fn end(&self, relays: Relays, signals: &mut Signals) -> Outcome {
        tell("draining; another signal ends it at once");
        let draining = self.drain(relays);
        tokio::pin!(draining);
        let report = loop {
            tokio::select! {
                report = &mut draining => break report?,
                signal = signals.next() => match signal {
                    Signal::End => return Err(self.end_at_once().await),
                    Signal::Order(order) => tracing::warn!(
                        "not acted upon, as the proxy is draining: the signal to {}",
                        order.name()
                    ),
                },
            }
        };
        self.counts.losses.end();
        report.print();
        report.outcome()
    }
}

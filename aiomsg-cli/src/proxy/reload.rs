//! Reading the file again: all of it takes effect, or nothing does.

use std::sync::Arc;

use super::counts::add;
use super::settings::Settings;
use super::shared::Proxy;
use super::side::{Place, Side};
use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::said::said;
use crate::common::say::tell;

impl Proxy {
    /// Reads the file again and applies it. A wrong file, or one that cannot be applied
    /// while the proxy runs, changes nothing.
    pub(super) async fn reload(&self) {
        match self.try_reload().await {
            Ok(()) => {
                add(&self.counts.reloads);
                tracing::info!("reloaded");
                tell("reloaded");
            }
            Err(failure) => {
                add(&self.counts.failed_reloads);
                tracing::error!("not reloaded, all stays as it is: {failure}");
            }
        }
    }

    async fn try_reload(&self) -> Outcome {
        let args = Arc::clone(&self.args);
        let wanted = off_thread(move || Settings::load(&args)).await?;
        let old = self.settings();
        let new = old.changed_to(&wanted);
        let sides = [
            (&self.backend, &new.backend),
            (&self.frontend, &new.frontend),
        ];
        let mut renewals = Vec::new();
        for (side, settings) in sides {
            renewals.push(side.check(settings).await?);
        }
        // New places first, so that nobody is turned away in between.
        let mut opened = Vec::new();
        let mut in_the_way = Vec::new();
        for (side, settings) in sides {
            for endpoint in side.new_places(settings) {
                match side.listen(&endpoint, &endpoint).await {
                    Ok(()) => opened.push((side, endpoint)),
                    Err(error) => in_the_way.push((side, endpoint, error)),
                }
            }
        }
        if !in_the_way.is_empty() {
            // An endpoint that is about to be closed may be in the way, at either side.
            let mut let_go = Vec::new();
            for (side, settings) in sides {
                for place in side.let_go(settings).await {
                    let_go.push((side, place));
                }
            }
            for (side, endpoint, _) in in_the_way {
                match side.listen(&endpoint, &endpoint).await {
                    Ok(()) => opened.push((side, endpoint)),
                    Err(error) => {
                        back(&opened, &let_go).await;
                        return Err(Failure::failed(format!("{}: {}", side.name, said(&error))));
                    }
                }
            }
        }
        for ((side, settings), renewal) in sides.into_iter().zip(renewals) {
            if let Err(error) = side.renew(renewal) {
                // They were read and found good: there is nothing left to fail.
                tracing::error!(side = side.name, error = %said(&error), "the old certificates stay in use");
            }
            side.let_go(settings).await;
            side.connect_to(settings);
        }
        for name in old.unchangeable(&wanted) {
            tracing::warn!("{name} has changed, which needs a restart");
        }
        *self.settings.lock() = new;
        Ok(())
    }
}

/// Undoes the half of a reload.
async fn back(opened: &[(&Side, aiomsg::Endpoint)], let_go: &[(&Side, Place)]) {
    for (side, endpoint) in opened {
        side.stop_listening_at(endpoint).await;
    }
    for (side, place) in let_go {
        if let Err(error) = side.listen(&place.wanted, place.endpoint()).await {
            // Somebody else has taken the port in this moment.
            tracing::error!(side = side.name, error = %said(&error), "an endpoint is not in use");
        }
    }
}

//! Reading the file again.

use std::sync::PoisonError;

use super::Proxy;
use super::counts::add;
use super::settings::Settings;
use crate::common::say::tell;

impl Proxy {
    /// Reads the file again and does what it says, as far as that can be done
    /// while the proxy runs. A file that is wrong changes nothing.
    pub(super) async fn reload(&self) {
        let new = match Settings::load(&self.args) {
            Ok(new) => new,
            Err(failure) => {
                add(&self.counts.failed_reloads);
                tracing::error!("not reloaded, all stays as it is: {failure}");
                return;
            }
        };
        let old = self.settings();
        for name in old.unchangeable(&new) {
            tracing::warn!("{name} has changed, which needs a restart");
        }
        let new = old.changed_to(&new);
        self.backend.update(&new.backend).await;
        self.frontend.update(&new.frontend).await;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = new;
        add(&self.counts.reloads);
        tracing::info!("reloaded");
        tell("reloaded");
    }
}

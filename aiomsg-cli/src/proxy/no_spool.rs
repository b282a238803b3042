//! A proxy that is built without the feature `spool`: nothing here is ever made.

use std::path::Path;
use std::sync::Arc;

use aiomsg::builder::Overflow;
use aiomsg::{Identity, Outbound, Socket};
use clap::Args;
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::observe::status;
use crate::common::failure::{Failure, Outcome};

/// No settings.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SpoolArgs {}

impl SpoolArgs {
    pub(crate) fn given(&self) -> impl Iterator<Item = String> {
        std::iter::empty()
    }

    pub(crate) fn or(&self, _: Self) -> Self {
        Self {}
    }

    pub(crate) fn set_folder(&mut self, _: &Path) {}

    pub(crate) fn folder(&self) -> Option<&Path> {
        None
    }

    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        Ok(())
    }
}

/// No spool.
pub(super) enum Spooling {}

#[expect(dead_code, reason = "nothing is stored, so nothing fails to be")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotStored {
    Refused,
    GivenUp,
}

impl Spooling {
    #[expect(clippy::unused_async, reason = "a spool is opened with patience")]
    pub(super) async fn open(_: &SpoolArgs, _: Overflow) -> Outcome<Option<Self>> {
        Ok(None)
    }

    pub(super) fn identity(&self) -> &Identity {
        match *self {}
    }

    pub(super) async fn store<M>(&self, _: impl Fn() -> M) -> Result<(), NotStored>
    where
        M: IntoIterator<Item = Outbound>,
    {
        match *self {}
    }

    pub(super) fn drain(self: &Arc<Self>, _: Socket) -> Outcome<JoinHandle<()>> {
        match **self {}
    }

    pub(super) async fn watch(self: Arc<Self>) {
        match *self {}
    }

    pub(super) fn status(&self) -> status::Spool {
        match *self {}
    }

    pub(super) fn dropped(&self) -> u64 {
        match *self {}
    }

    pub(super) fn failure(&self) -> Option<String> {
        match *self {}
    }

    pub(super) async fn broken(&self) -> Failure {
        match *self {}
    }

    pub(super) fn note_caught_up(&self) {
        match *self {}
    }

    pub(super) fn is_caught_up(&self) -> bool {
        match *self {}
    }

    pub(super) fn give_up(&self) {
        match *self {}
    }

    pub(super) async fn close(&self, _: JoinHandle<()>) -> Outcome<u64> {
        match *self {}
    }

    pub(super) async fn end(&self) {
        match *self {}
    }
}

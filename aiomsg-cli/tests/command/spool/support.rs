//! Stores of the tests.

use std::path::Path;

use aiomsg::{Identity, Outbound};
use aiomsg_spool::{Spool, SyncPolicy};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::super::process::{Done, run};

/// A store in a folder that is there as long as this is.
pub(crate) struct Store(TempDir);

impl Store {
    /// One that nobody has open.
    pub(crate) fn of(messages: impl IntoIterator<Item = Outbound>) -> Self {
        let store = Self::empty();
        store.add(messages);
        store
    }

    /// A folder without a store.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.path().join("spool.db")
    }

    pub(crate) fn add(&self, messages: impl IntoIterator<Item = Outbound>) {
        let messages: Vec<_> = messages.into_iter().collect();
        self.with(async |spool| spool.append_many(messages).await.unwrap());
    }

    /// Sets the oldest messages aside, for these reasons.
    pub(crate) fn set_aside(&self, reasons: &[&str]) {
        self.with(async |spool| {
            let mut messages = spool.messages().unwrap();
            for reason in reasons {
                let message = messages.next().await.unwrap();
                message.set_aside(*reason).await.unwrap();
            }
        });
    }

    /// Opens it in this process, and closes it behind the work.
    pub(crate) fn with<T>(&self, work: impl AsyncFnOnce(&Spool) -> T) -> T {
        runtime().block_on(async {
            let spool = Spool::builder()
                .sync(SyncPolicy::Os)
                .open(self.path())
                .await;
            let spool = spool.unwrap();
            let done = work(&spool).await;
            spool.close().await.unwrap();
            done
        })
    }

    /// The payloads of what is sent next, with the tries.
    pub(crate) fn next(&self, count: usize) -> Vec<(String, u32)> {
        self.with(async |spool| {
            let mut messages = spool.messages().unwrap();
            let mut next = Vec::new();
            for _ in 0..count {
                let message = messages.next().await.unwrap();
                let text = String::from_utf8(message.payload().to_vec()).unwrap();
                next.push((text, message.tries()));
            }
            next
        })
    }

    /// Runs `aiomsg spool WHAT DIR …` to its end.
    pub(crate) fn run(&self, what: &str, args: &[&str]) -> Done {
        run(&[&["spool", what, self.path().to_str().unwrap()], args].concat())
    }
}

pub(crate) fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

pub(crate) fn text(text: &str) -> Outbound {
    Outbound::from(text.to_owned())
}

/// Three texts: one has a peer, and one is no text.
pub(crate) fn three() -> Store {
    Store::of([
        text("the first"),
        text("the second\nhas two lines").to(Identity::new("a-peer-of-16-byt").unwrap()),
        Outbound::from(vec![0xff, 0x00, 0x41]),
    ])
}

/// The objects on the lines of the output.
pub(crate) fn objects(done: &Done) -> Vec<serde_json::Value> {
    let lines = done.text().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The values of a name in objects.
pub(crate) fn numbers(objects: &[serde_json::Value], name: &str) -> Vec<u64> {
    let numbers = objects.iter().map(|object| object[name].as_u64().unwrap());
    numbers.collect()
}

//! Opening a store that is full.

use std::path::PathBuf;
use std::process::Command;

use aiomsg::Outbound;
use aiomsg_spool::{Spool, SyncPolicy};
use bytes::Bytes;
use tokio::time::Instant;

use crate::commit::runtime;
use crate::{Outcome, SIZE};

/// Messages of one commit.
const GROUP: u64 = 10_000;

pub(crate) fn run(messages: u64) -> Outcome {
    let folder = tempfile::tempdir_in(".")?;
    runtime()?.block_on(async {
        let spool = Spool::builder()
            .sync(SyncPolicy::Os)
            .open(folder.path())
            .await?;
        for _ in 0..messages / GROUP {
            let group = (0..GROUP).map(|_| Outbound::from(Bytes::from_static(&[7; SIZE])));
            spool.append_many(group).await?;
        }
        spool.close().await
    })?;
    let bytes = folder.path().join("spool.db").metadata()?.len();
    println!("{messages} messages, {} MiB", bytes >> 20);
    let mut command = Command::new(std::env::current_exe()?);
    let opened = command.arg("opened").arg(folder.path()).status()?;
    match opened.success() {
        true => Ok(()),
        false => Err("the store was not opened".into()),
    }
}

/// Opens the store, and takes the first messages out, as a proxy does.
pub(crate) fn opened(folder: PathBuf) -> Outcome {
    runtime()?.block_on(async {
        let started = Instant::now();
        let spool = Spool::open(folder).await?;
        let opened = started.elapsed();
        let waiting = spool.stats().await?.waiting.messages;
        let mut messages = spool.messages()?;
        let first = messages.next().await?;
        let given_out = started.elapsed();
        drop(first);
        println!(
            "{waiting} waiting: opened in {opened:?}, the first message after {given_out:?}, \
             {} MiB resident at most",
            peak_memory() >> 20
        );
        Ok(())
    })
}

/// The most memory that was ever resident, in bytes. Zero where there is no `/proc`.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

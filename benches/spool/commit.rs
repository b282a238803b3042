//! Callers that wait for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aiomsg_spool::Spool;
use bytes::Bytes;
use tokio::time::Instant;

use crate::raw::Raw;
use crate::{Outcome, SIZE, spread};

pub(crate) fn run(callers: usize, seconds: f64, rounds: usize) -> Outcome {
    let time = Duration::from_secs_f64(seconds);
    let (mut spools, mut raws, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let raw = raw(callers, time)?;
        let spool = spool(callers, time)?;
        println!(
            "raw {raw:.0}/s, spool {spool:.0}/s, {:.2} of raw",
            spool / raw
        );
        raws.push(raw);
        spools.push(spool);
        ratios.push(spool / raw);
    }
    for (what, values, digits) in [("raw", raws, 0), ("spool", spools, 0), ("ratio", ratios, 2)] {
        let [least, median, most] = spread(values);
        println!("{what}: {median:.digits$} ({least:.digits$} to {most:.digits$})");
    }
    Ok(())
}

/// One fsync for each group of as many messages as there are callers.
fn raw(callers: usize, time: Duration) -> Outcome<f64> {
    let folder = tempfile::tempdir_in(".")?;
    runtime()?.block_on(async { Spool::open(folder.path()).await?.close().await })?;
    let mut raw = Raw::open(folder.path())?;
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < time {
        raw.commit(callers)?;
        count += callers;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

fn spool(callers: usize, time: Duration) -> Outcome<f64> {
    let folder = tempfile::tempdir_in(".")?;
    runtime()?.block_on(async {
        let spool = Spool::open(folder.path()).await?;
        let count = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let callers: Vec<_> = (0..callers)
            .map(|_| {
                let (spool, count) = (spool.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    while started.elapsed() < time {
                        spool.append(Bytes::from_static(&[7; SIZE])).await?;
                        count.fetch_add(1, Relaxed);
                    }
                    Ok::<_, aiomsg_spool::SpoolError>(())
                })
            })
            .collect();
        for caller in callers {
            caller.await??;
        }
        let rate = count.load(Relaxed) as f64 / started.elapsed().as_secs_f64();
        spool.close().await?;
        Ok(rate)
    })
}

pub(crate) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

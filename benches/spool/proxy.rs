//! From a producer through a spooled proxy to a consumer.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aiomsg::{Outbound, Socket};
use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::commit::runtime;
use crate::{Outcome, SIZE, spread};

/// The time for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The messages that are sent and received at a time.
const BATCH: usize = 512;

pub(crate) fn run(command: Option<PathBuf>, sync: &str, messages: u64, rounds: usize) -> Outcome {
    let command = match command {
        Some(command) => command,
        None => {
            // This program is in a folder beside it.
            let own = std::env::current_exe()?;
            let folder = own.ancestors().nth(2).ok_or("this program has no folder")?;
            folder.join("aiomsg")
        }
    };
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let (rate, cpu) = round(&command, sync, messages)?;
        println!("{rate:.0}/s, {cpu:.0} ns of processor time in the proxy for each");
        rates.push(rate);
    }
    let [least, median, most] = spread(rates);
    println!("--spool-sync {sync}: {median:.0}/s ({least:.0} to {most:.0})");
    Ok(())
}

/// It is killed when this is dropped.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn round(command: &Path, sync: &str, messages: u64) -> Outcome<(f64, f64)> {
    let folder = tempfile::tempdir_in(".")?;
    let mut proxy = Command::new(command)
        .args([
            "proxy",
            "--frontend",
            "127.0.0.1:0",
            "--backend",
            "127.0.0.1:0",
        ])
        .args(["--spool-sync", sync, "--spool"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = proxy.stdout.take().ok_or("the proxy has no output")?;
    let proxy = Proxy(proxy);
    let mut lines = BufReader::new(output).lines();
    let mut place = |side: &str| {
        let line = lines.next().ok_or("the proxy has ended")??;
        let place = line.strip_prefix(&format!("{side}: listening at "));
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(place.ok_or("another line")?.to_owned())
    };
    let (backend, frontend) = (place("backend")?, place("frontend")?);
    runtime()?.block_on(async {
        let consumer = Socket::new()?;
        consumer.connect(&*backend)?;
        let producer = Socket::builder().at_least_once().build()?;
        producer.connect(&*frontend)?;
        consumer.wait_for_peers(1).await?;
        producer.wait_for_peers(1).await?;
        let started = Instant::now();
        let sending = tokio::spawn(async move {
            let payload = Bytes::from_static(&[7; SIZE]);
            let mut left = messages;
            while left > 0 {
                let batch = left.min(BATCH as u64);
                let mut batch: VecDeque<_> =
                    (0..batch).map(|_| Outbound::new(payload.clone())).collect();
                left -= batch.len() as u64;
                producer.send_many(&mut batch).await?;
            }
            producer.close(PATIENCE).await;
            Ok::<_, aiomsg::Error>(())
        });
        let (mut received, mut batch) = (0, Vec::new());
        while received < messages {
            received += timeout(PATIENCE, consumer.recv_many(&mut batch, BATCH)).await?? as u64;
            batch.clear();
        }
        let rate = messages as f64 / started.elapsed().as_secs_f64();
        sending.await??;
        let cpu = cpu_time(proxy.0.id()).as_nanos() as f64 / messages as f64;
        Ok((rate, cpu))
    })
}

/// The processor time of a process so far. Zero where there is no `/proc`.
fn cpu_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.filter_map(|ticks| ticks.parse::<u64>().ok());
    // A hundredth of a second, on all of Linux.
    Duration::from_millis(10 * ticks.sum::<u64>())
}

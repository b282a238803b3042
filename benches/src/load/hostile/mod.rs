//! A socket that strangers want to keep busy: thousands that say nothing,
//! thousands that send a byte a second, and a flood of garbage; each comes back
//! when it is thrown out.

mod attackers;
mod good_peers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiomsg::{Error, Event, Events, Socket, TlsConfig};
use tokio::time::sleep;

use super::{start, told};
use crate::library::Certificate;
use crate::measure::certificate;
use crate::process::{Child, own_usage, peak_memory, readable};

pub(super) use attackers::Attackers;
pub(super) use good_peers::GoodPeers;

/// How long the strangers have, when all have come, before the first good peer
/// does.
const HEAD_START: Duration = Duration::from_secs(1);

/// Where strangers connect from: the address of the good peers, or the first one
/// of others.
const THE_SAME: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.2";

/// Measures, and prints what it finds.
pub(crate) async fn run(count: usize, peers: usize, addresses: u32) {
    let (folder, files) = certificate::create().expect("a certificate can be made");
    let server = Socket::builder()
        .tls(tls(&files.certificate, &files.key))
        // All are counted here; a flood does not push out others by default.
        .event_capacity(1 << 17)
        .build()
        .expect("the settings are good");
    let endpoint = server
        .bind("tls://127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let port = endpoint.port().expect("tcp has ports").to_string();
    let reasons = Reasons::default();
    let counting = tokio::spawn(reasons.clone().count(server.events()));

    let folder = folder.path().to_str().expect("its path is text");
    let alone = good_peers(&port, peers, folder).await;
    let before = own_usage();
    println!("nobody else: {alone}");

    let (from, from_how_many) = match addresses {
        0 => (THE_SAME, 1),
        more => (ELSEWHERE, more),
    };
    let (count, addresses) = (count.to_string(), from_how_many.to_string());
    let mut strangers = start(["attackers", &port, from, &addresses, &count]);
    let strangers = tokio::task::spawn_blocking(move || {
        told(&mut strangers, "ready");
        strangers
    });
    let strangers = strangers.await.expect("they are ready");
    sleep(HEAD_START).await;
    reasons.clear();
    let (began, failed) = (own_usage(), server.stats().failed_connections);
    let started = tokio::time::Instant::now();
    let among = good_peers(&port, peers, folder).await;
    let took = started.elapsed();
    println!(
        "{count} silent, {count} dripping, a flood of garbage, from {addresses} addresses, {from} the first: {among}"
    );
    let refused = server.stats().failed_connections - failed;
    println!(
        "refused meanwhile: {refused}, {:.0} a second; processor time of the server: {:.0} % of a \
         core",
        refused as f64 / took.as_secs_f64(),
        (own_usage().cpu - began.cpu).as_secs_f64() / took.as_secs_f64() * 100.0
    );
    for (reason, count) in reasons.all() {
        println!("  {count:>8}  {reason}");
    }
    println!(
        "resident: {} before, {} at most",
        readable(before.resident),
        readable(peak_memory())
    );
    drop(strangers);
    counting.abort();
}

/// Good peers that connect, one after the other. What they say.
async fn good_peers(port: &str, count: usize, folder: &str) -> String {
    let mut child = start(["good-peers", port, &count.to_string(), folder]);
    let told = |child: &mut Child| told(child, "connected");
    let waiting = tokio::task::spawn_blocking(move || told(&mut child));
    waiting.await.expect("they say so")
}

fn tls(certificate: &Path, key: &Path) -> TlsConfig {
    TlsConfig::builder()
        .certificate_files(certificate, key)
        .pin_file(certificate)
        .build()
        .expect("the certificate is good")
}

fn certificate_in(folder: &Path) -> Certificate {
    certificate::of(folder)
}

/// How many were refused, by what was said of them.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<BTreeMap<String, u64>>>);

impl Reasons {
    async fn count(self, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                Event::AcceptFailed { error, .. } => self.add(reason(&error), 1),
                Event::AcceptFailuresOmitted { count } | Event::Missed { count } => {
                    self.add("not told one by one".to_owned(), count);
                }
                _ => {}
            }
        }
    }

    fn add(&self, reason: String, count: u64) {
        let mut reasons = self.0.lock().expect("nobody panics with it");
        *reasons.entry(reason).or_default() += count;
    }

    fn clear(&self) {
        self.0.lock().expect("nobody panics with it").clear();
    }

    fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// The error without its endpoint.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    let at = error.endpoint().map(|endpoint| format!("{endpoint}: "));
    let rest = at.and_then(|at| text.strip_prefix(&at).map(str::to_owned));
    rest.unwrap_or(text)
}

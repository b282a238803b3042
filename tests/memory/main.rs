//! How much memory a socket holds, whatever its peers send.
//!
//! The allocator of this process counts, so one test at a time measures, and what is
//! counted is the memory of all ends.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod events;
mod idle_connections;
mod incomplete_messages;
mod kept_messages;
mod refused;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aiomsg::Endpoint;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

/// Far longer than anything here takes, so that a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

const MIB: usize = 1 << 20;

/// What is held on top of what was there before.
#[derive(Clone, Copy)]
struct Memory {
    before: usize,
}

impl Memory {
    /// Runs a test, in a thread of its own: what that keeps for later is gone when the
    /// next one begins.
    fn measure(test: impl AsyncFnOnce(Self) + Send) {
        let one = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let run = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(within("the test", test(Self { before })));
        };
        let ended = std::thread::scope(|scope| scope.spawn(run).join());
        drop(one);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    }

    /// Checks how much is held just now, and says it.
    #[track_caller]
    fn at_most(self, what: &str, bytes: usize) {
        self.check(what, ALLOCATOR.current_usage(), bytes);
    }

    /// The same for the most that was held at any time.
    #[track_caller]
    fn at_most_ever(self, what: &str, bytes: usize) {
        self.check(what, ALLOCATOR.peak_usage(), bytes);
    }

    #[track_caller]
    fn check(self, what: &str, usage: usize, bytes: usize) {
        let held = usage.saturating_sub(self.before);
        eprintln!("{what}: {:.1} MiB", held as f64 / MIB as f64);
        assert!(held <= bytes, "{what}: {held} bytes, of {bytes} at most");
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits for something that is seen from outside.
async fn until(mut seen: impl FnMut() -> bool) {
    while !seen() {
        tokio::task::yield_now().await;
    }
}

/// A peer that speaks bytes, in dialect v1.
struct Raw(TcpStream);

impl Raw {
    /// A peer that has heard who we are.
    async fn connect(endpoint: &Endpoint, identity: u128) -> Self {
        let port = endpoint.port().expect("a tcp endpoint");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let hello = [&b"\0\0\0\x12\x01\x01"[..], &identity.to_be_bytes()].concat();
        stream.write_all(&hello).await.unwrap();
        stream.read_exact(&mut [0; 22]).await.unwrap();
        Self(stream)
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }
}

/// A message of such a peer.
fn frame(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 1).unwrap();
    [&len.to_be_bytes()[..], b"\x03", payload].concat()
}

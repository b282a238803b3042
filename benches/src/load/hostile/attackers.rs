use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// How many floods of garbage there are.
const FLOODS: u64 = 32;

/// Who is thrown out comes back after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// How many of the silent and the dripping connect at first in a millisecond.
const AT_ONCE: usize = 10;

/// The ports that they connect from. To let the system search for one takes it
/// long, where many are in use.
const PORTS: Range<u16> = 1024..65535;

/// A connection of a flood does not wait for the server longer than this.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// The head of a `ClientHello` of 508 bytes, which is to come byte by byte.
const BEGINNING: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

/// Strangers that want to keep a socket busy.
#[derive(Args)]
pub(crate) struct Attackers {
    port: u16,
    /// Where they connect from.
    from: Ipv4Addr,
    /// From how many addresses: that one, and the next ones.
    addresses: u32,
    /// How many say nothing, and how many drip.
    count: usize,
}

/// What one of them needs to connect.
#[derive(Clone)]
struct Target {
    port: u16,
    from: Ipv4Addr,
    next: Arc<AtomicU16>,
    connected: Arc<AtomicUsize>,
}

impl Attackers {
    /// Says `ready` when all have connected once.
    pub(crate) async fn run(self) {
        let (next, connected) = (Arc::default(), Arc::<AtomicUsize>::default());
        let first = u32::from(self.from);
        let mut targets = (0..self.addresses).cycle().map(|nth| Target {
            port: self.port,
            from: Ipv4Addr::from(first + nth),
            next: Arc::clone(&next),
            connected: Arc::clone(&connected),
        });
        let mut target = || targets.next().expect("there are addresses without end");
        for n in 0..self.count {
            tokio::spawn(again(target(), silent));
            tokio::spawn(again(target(), dripping));
            if n % AT_ONCE == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        while connected.load(Relaxed) < 2 * self.count {
            sleep(Duration::from_millis(10)).await;
        }
        for seed in 0..FLOODS {
            tokio::spawn(garbage(target(), seed));
        }
        println!("ready");
        std::future::pending::<()>().await;
    }
}

impl Target {
    async fn connect(&self) -> std::io::Result<TcpStream> {
        loop {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            let port = PORTS.start + self.next.fetch_add(1, Relaxed) % (PORTS.end - PORTS.start);
            match socket.bind((self.from, port).into()) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => continue,
                bound => bound?,
            }
            let connecting = socket.connect((Ipv4Addr::LOCALHOST, self.port).into());
            match connecting.await {
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {}
                connected => return connected,
            }
        }
    }
}

async fn again<F>(target: Target, abuse: fn(TcpStream) -> F)
where
    F: Future<Output = ()>,
{
    loop {
        if let Ok(stream) = target.connect().await {
            target.connected.fetch_add(1, Relaxed);
            abuse(stream).await;
        }
        sleep(AGAIN).await;
    }
}

async fn silent(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

async fn dripping(mut stream: TcpStream) {
    for byte in BEGINNING.into_iter().chain(std::iter::repeat(0)) {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        if !matches!(
            timeout(Duration::from_secs(1), stream.read(&mut [0])).await,
            Err(_) | Ok(Ok(1))
        ) {
            return;
        }
    }
}

/// Half of it begins as TLS does.
async fn garbage(target: Target, seed: u64) {
    let mut random = seed;
    let mut bytes = vec![0; 1024];
    loop {
        for byte in &mut bytes {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (random >> 33) as u8;
        }
        if random & 1 << 40 == 0 {
            bytes[..BEGINNING.len()].copy_from_slice(&BEGINNING);
        }
        let send = async {
            let mut stream = target.connect().await?;
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            stream.read(&mut [0; 64]).await
        };
        let _ = timeout(IMPATIENCE, send).await;
    }
}

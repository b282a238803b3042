//! A proxy of bytes in front of whoever binds, one for each edge.

mod connection;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) use connection::Connection;

use crate::plan::{Cut, Edge};
use crate::world::lock;

pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

struct Shared {
    edge: Edge,
    /// Where the end that binds listens; 0 while it does not.
    target: AtomicU16,
    refuses: AtomicBool,
    healed: AtomicBool,
    connections: Mutex<Vec<Arc<Connection>>>,
}

impl Proxy {
    pub(crate) async fn start(edge: Edge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            edge,
            target: AtomicU16::new(0),
            refuses: AtomicBool::new(false),
            healed: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((near, _)) = listener.accept().await {
                    tokio::spawn(relay(Arc::clone(&shared), near));
                }
            }
        });
        Self {
            shared,
            address,
            accepting,
        }
    }

    /// Where the end that connects is to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The end that binds listens there from now on.
    pub(crate) fn leads_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::Relaxed);
    }

    /// All connections that there ever were.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        lock(&self.shared.connections).clone()
    }

    /// Those that are there now.
    fn up(&self) -> impl Iterator<Item = Arc<Connection>> {
        let connections = self.connections();
        connections.into_iter().filter(|it| it.is_up())
    }

    // ===== faults =====

    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    pub(crate) fn cut(&self, how: Cut) {
        self.up().for_each(|it| it.cut(how));
    }

    pub(crate) fn cut_after(&self, from_dialler: bool, bytes: usize, how: Cut) {
        let side = usize::from(!from_dialler);
        self.up().for_each(|it| it.cut_after(side, bytes, how));
    }

    /// Nothing passes from there, or to there. A connection whose ends may not have
    /// greeted each other ends instead: one that comes to life when its sender has
    /// given it up passes for the newer one of two.
    pub(crate) fn stall(&self, sides: [bool; 2]) {
        for connection in self.up() {
            match connection.is_greeted() {
                true => connection.stall(sides),
                false => connection.cut(Cut::Reset),
            }
        }
    }

    pub(crate) fn resume(&self) {
        self.up().for_each(|it| it.stall([false; 2]));
    }

    /// From now on, nothing goes wrong.
    pub(crate) fn heal(&self) {
        self.shared.healed.store(true, Ordering::Relaxed);
        self.refuse(false);
        self.up().for_each(|it| it.heal());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut(Cut::Reset);
    }
}

async fn relay(shared: Arc<Shared>, near: TcpStream) {
    let port = shared.target.load(Ordering::Relaxed);
    if port == 0 || shared.refuses.load(Ordering::Relaxed) {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let narrow = match shared.healed.load(Ordering::Relaxed) {
        true => None,
        false => shared.edge.narrow,
    };
    let connection = Arc::new(Connection::new(narrow));
    lock(&shared.connections).push(Arc::clone(&connection));
    // One that was let in as others were cut is cut, too.
    if shared.refuses.load(Ordering::Relaxed) {
        return;
    }
    connection.relay(near, far).await;
}

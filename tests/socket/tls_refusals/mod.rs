//! What TLS keeps out, and what is said of it.
//!
//! | the peer | refused by | test |
//! |---|---|---|
//! | has a certificate of another authority | binding, connecting | `a_certificate_of_another_authority` |
//! | has one that has expired | binding, connecting | `an_expired_certificate` |
//! | has one that is not valid yet | binding, connecting | `a_certificate_that_is_not_valid_yet` |
//! | has one for another name | connecting | `a_certificate_for_another_name` |
//! | has none | binding | `no_certificate` |
//! | has the right one and not its key | binding, connecting | `the_right_certificate_and_the_wrong_key` |
//! | speaks TLS 1.1 at most | binding, connecting | `downgrade` |
//! | speaks no TLS | binding, connecting | `plain` |
//! | speaks TLS where it is not expected | binding, connecting | `plain` |
//! | asks for renegotiation | binding | `renegotiation` |
//! | is cut off | binding, connecting | `truncation` |
//! | sends a byte now and then | binding | `slowness` |
//!
//! In each case numbered messages pass between two good peers meanwhile, and
//! none is lost.

mod certificates;
mod downgrade;
mod plain;
mod raw_client;
mod renegotiation;
mod slowness;
mod truncation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bad_input::{dial_failed, refused};
use super::*;
use crate::authority::{Authority, Issued, Wanted};
use aiomsg::{Error, SocketBuilder, TlsConfig};
use tokio::task::JoinHandle;

/// A server with an authority, and a good client whose messages pass all the
/// time.
struct World {
    root: Authority,
    server: Socket,
    endpoint: Endpoint,
    events: Events,
    /// What the server has got from others than the good client.
    others: tokio::sync::mpsc::Receiver<String>,
    stop: Arc<AtomicBool>,
    sending: JoinHandle<usize>,
    receiving: JoinHandle<usize>,
}

impl World {
    async fn new() -> Self {
        Self::with(Socket::builder()).await
    }

    /// With these settings of the server.
    async fn with(settings: SocketBuilder) -> Self {
        let root = Authority::root("root");
        let tls = |name| root.issue(Wanted::named(name)).and_trust(&root.pem());
        let server = settings.tls(tls("server")).build().unwrap();
        let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
        let good = Socket::builder().tls(tls("good")).build().unwrap();
        good.connect(endpoint.clone()).unwrap();
        within("the good client", server.wait_for_peers(1))
            .await
            .unwrap();
        let events = server.events();
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, others) = tokio::sync::mpsc::channel(100);
        let receiving = tokio::spawn({
            let (server, good) = (server.clone(), good.identity().clone());
            async move {
                let mut count = 0;
                loop {
                    let (from, message) = server.recv_identity().await.unwrap();
                    let message = String::from_utf8(message.into()).unwrap();
                    if from != good {
                        tell.send(message).await.unwrap();
                    } else if message == "the last" {
                        return count;
                    } else {
                        assert_eq!(message, count.to_string(), "none is lost");
                        count += 1;
                    }
                }
            }
        });
        let sending = tokio::spawn({
            let stop = Arc::clone(&stop);
            async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    good.send(count.to_string()).await.unwrap();
                    count += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                good.send("the last").await.unwrap();
                assert!(good.close(PATIENCE).await.is_clean());
                assert_eq!(good.stats().connections, 1);
                count
            }
        });
        Self {
            root,
            server,
            endpoint,
            events,
            others,
            stop,
            sending,
            receiving,
        }
    }

    fn port(&self) -> u16 {
        self.endpoint.port().unwrap()
    }

    /// Settings of a peer that this authority vouches for.
    fn good_tls(&self) -> TlsConfig {
        let issued = self.root.issue(Wanted::named("another good one"));
        issued.and_trust(&self.root.pem())
    }

    /// A socket with these settings, connected to the server or to another
    /// endpoint.
    fn dials(&self, tls: TlsConfig, endpoint: &Endpoint) -> (Socket, Events) {
        let socket = Socket::builder().tls(tls).build().unwrap();
        let events = socket.events();
        socket.connect(endpoint.clone()).unwrap();
        (socket, events)
    }

    /// The server refuses a peer with these settings, for this reason, and goes
    /// on doing so; the peer hears of it.
    async fn refuses(&mut self, tls: TlsConfig, reason: &str, theirs: &str) {
        let (stranger, mut events) = self.dials(tls, &self.endpoint);
        for _ in 0..2 {
            let error = refused(&mut self.events).await;
            says(&error, reason);
            assert_eq!(error.endpoint(), Some(&self.endpoint));
        }
        says(&dial_failed(&mut events).await, theirs);
        assert_eq!(stranger.stats().connections, 0);
    }

    /// A client of ours refuses a server with these settings, for this reason.
    async fn is_refused(&mut self, server: TlsConfig, reason: &str, theirs: &str) {
        let stranger = Socket::builder().tls(server).build().unwrap();
        let mut events = stranger.events();
        let endpoint = stranger.bind("tls://127.0.0.1:0").await.unwrap();
        let (client, mut ours) = self.dials(self.good_tls(), &endpoint);
        for _ in 0..2 {
            let error = dial_failed(&mut ours).await;
            says(&error, reason);
            assert_eq!(error.endpoint(), Some(&endpoint));
        }
        says(&refused(&mut events).await, theirs);
        assert_eq!(client.stats().connections, 0);
    }

    /// Ends the traffic of the good client, of which nothing is lost.
    async fn good_is_unharmed(self) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = within("all is sent", self.sending).await.unwrap();
        let received = within("all is received", self.receiving).await.unwrap();
        assert_eq!(sent, received);
        assert!(sent > 0);
    }
}

#[track_caller]
fn says(error: &Arc<Error>, reason: &str) {
    assert!(error.is_tls(), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

/// The event that tells of the end of a peer's connection.
async fn peer_down(events: &mut Events) -> Arc<Error> {
    event(events, "the end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

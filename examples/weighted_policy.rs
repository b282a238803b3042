//! A policy of one's own: each consumer gets as many jobs as its weight says.
//!
//! The weight of a peer is the last byte of its identity here; it might come from a table, or
//! from what the peer has said of itself.

use std::time::Duration;

use aiomsg::layer::{PeerSet, Pick, Policy};
use aiomsg::{Error, Identity, Outbound, Socket};

/// Picks by weight, smoothly: of 3 and 1 it makes A A B A, and not A A A B.
#[derive(Default)]
struct Weighted {
    /// What each peer has to its credit, by position.
    credit: Vec<i64>,
}

fn weight(peer: Option<&Identity>) -> i64 {
    let last = peer.and_then(|peer| peer.as_bytes().last());
    last.copied().map_or(1, i64::from).max(1)
}

impl<P> Policy<P> for Weighted {
    fn pick(&mut self, peers: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        self.credit.resize(peers.len(), 0);
        let with_room = (0..peers.len()).filter(|at| peers.has_room(*at));
        let mut total = 0;
        let mut best = None;
        for at in with_room {
            let weight = weight(peers.identity(at));
            total += weight;
            self.credit[at] += weight;
            // The first of those that have the most.
            best = best.max(Some((self.credit[at], std::cmp::Reverse(at))));
        }
        match best {
            Some((_, std::cmp::Reverse(at))) => {
                self.credit[at] -= total;
                Pick::One(at)
            }
            None => Pick::Full,
        }
    }

    /// Positions stand for other peers now.
    fn peer_went(&mut self, _: &Identity) {
        self.credit.clear();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let source = Socket::builder().policy(Weighted::default()).build()?;
    let endpoint = source.bind("127.0.0.1:0").await?;
    let mut consumers = Vec::new();
    for weight in [1, 3] {
        let identity = Identity::from([weight; 16]);
        let consumer = Socket::builder().identity(identity).build()?;
        consumer.connect(endpoint.clone())?;
        consumers.push((weight, consumer));
    }
    source.wait_for_peers(2).await?;
    for job in 0..400 {
        source.send(format!("job {job}")).await?;
    }
    source.close(Duration::from_secs(5)).await;
    for (weight, consumer) in consumers {
        consumer.close(Duration::from_secs(5)).await;
        let mut jobs = 0;
        while consumer.recv().await.is_ok() {
            jobs += 1;
        }
        println!("weight {weight}: {jobs} jobs");
    }
    Ok(())
}

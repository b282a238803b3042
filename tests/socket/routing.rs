//! Who gets a message.

use super::*;
use aiomsg::{Identity, SendMode};

async fn clients(server: &Socket, endpoint: &Endpoint, count: usize) -> Vec<Socket> {
    let clients: Vec<_> = (0..count).map(|_| Socket::new().unwrap()).collect();
    for client in &clients {
        client.connect(endpoint.clone()).unwrap();
    }
    within("all clients", server.wait_for_peers(count))
        .await
        .unwrap();
    clients
}

#[tokio::test]
async fn round_robin_shares_evenly() {
    let (server, endpoint) = bound().await;
    let clients = clients(&server, &endpoint, 4).await;
    for n in 0..400 {
        server.send(n.to_string()).await.unwrap();
    }
    for client in &clients {
        let mut last = -1;
        for _ in 0..100 {
            let n: i32 = within("a share", client.recv_text())
                .await
                .unwrap()
                .parse()
                .unwrap();
            assert!(n > last, "in order");
            last = n;
        }
    }
}

#[tokio::test]
async fn publish_reaches_everyone_from_either_end() {
    for binds in [true, false] {
        let socket = |mode| Socket::builder().send_mode(mode).build().unwrap();
        let publisher = socket(SendMode::Publish);
        let subscribers: Vec<_> = (0..3).map(|_| socket(SendMode::RoundRobin)).collect();
        if binds {
            let endpoint = publisher.bind("127.0.0.1:0").await.unwrap();
            subscribers
                .iter()
                .for_each(|it| it.connect(endpoint.clone()).unwrap());
        } else {
            for subscriber in &subscribers {
                let endpoint = subscriber.bind("127.0.0.1:0").await.unwrap();
                publisher.connect(endpoint).unwrap();
            }
        }
        within("all", publisher.wait_for_peers(3)).await.unwrap();
        for n in 0..100 {
            publisher.send(n.to_string()).await.unwrap();
        }
        for subscriber in &subscribers {
            for n in 0..100 {
                let news = within("news", subscriber.recv_text()).await.unwrap();
                assert_eq!(news, n.to_string());
            }
        }
    }
}

#[tokio::test]
async fn an_identity_wins_over_the_send_mode() {
    for mode in [SendMode::Publish, SendMode::RoundRobin] {
        let server = Socket::builder().send_mode(mode).build().unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        let clients = clients(&server, &endpoint, 3).await;
        for client in &clients {
            let identity = client.identity().clone();
            server
                .send_to(identity.clone(), identity.to_string())
                .await
                .unwrap();
        }
        for client in &clients {
            let message = within("its message", client.recv_text()).await.unwrap();
            assert_eq!(message, client.identity().to_string());
            assert_eq!(client.stats().unreceived_messages, 0);
        }
    }
}

/// Pitfall 18: a message that waits for B was dropped because A connected
/// first.
#[tokio::test]
async fn a_message_waits_for_its_peer() {
    let (server, endpoint) = bound().await;
    let b = Identity::random();
    server.send_to(b.clone(), "for b").await.unwrap();
    let a = Socket::new().unwrap();
    a.connect(endpoint.clone()).unwrap();
    within("a", server.wait_for_peers(1)).await.unwrap();
    server.send("for anyone").await.unwrap();
    assert_eq!(within("a's", a.recv()).await.unwrap(), "for anyone");

    let b = Socket::builder().identity(b).build().unwrap();
    b.connect(endpoint).unwrap();
    assert_eq!(within("b's", b.recv()).await.unwrap(), "for b");
}

/// Everything is bounded: a peer that does not read makes the sender wait, and
/// pitfall 21: a round robin goes on to the others meanwhile.
#[tokio::test]
async fn a_peer_that_does_not_read_holds_up_only_itself() {
    let (server, endpoint) = bound().await;
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&[1; 16])).await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("both", server.wait_for_peers(2)).await.unwrap();
    let payload = vec![7; 100_000];
    let receive = async {
        for _ in 0..500 {
            client.recv().await.unwrap();
        }
    };
    let send = async {
        loop {
            server.send(payload.clone()).await.unwrap();
        }
    };
    within("500 messages past a deaf peer", async {
        tokio::select! {
            () = receive => {}
            () = send => {}
        }
    })
    .await;
}

#[tokio::test]
async fn several_endpoints_of_all_kinds_on_one_socket() {
    let hub = Socket::new().unwrap();
    let directory = std::env::temp_dir().join(format!("aiomsg-hub-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = format!("unix://{}", directory.join("hub.sock").display());
    let mut endpoints = Vec::new();
    for endpoint in ["127.0.0.1:0", "tcp://localhost:0", "mem://hub", &path] {
        endpoints.push(hub.bind(endpoint).await.unwrap());
    }
    let (other, other_endpoint) = bound().await;
    hub.connect(other_endpoint).unwrap();
    let clients: Vec<_> = endpoints
        .into_iter()
        .map(|endpoint| {
            let client = Socket::new().unwrap();
            client.connect(endpoint).unwrap();
            client
        })
        .chain([other])
        .collect();
    within("all", hub.wait_for_peers(5)).await.unwrap();
    for client in &clients {
        client.send("hello").await.unwrap();
    }
    for _ in 0..5 {
        let (from, _) = within("a greeting", hub.recv_identity()).await.unwrap();
        hub.send_to(from, "hello yourself").await.unwrap();
    }
    for client in &clients {
        assert_eq!(
            within("a reply", client.recv()).await.unwrap(),
            "hello yourself"
        );
    }
    hub.close(PATIENCE).await;
    std::fs::remove_dir_all(directory).unwrap();
}

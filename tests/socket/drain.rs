//! Waiting until nothing waits, without closing.

use super::*;
use aiomsg::Identity;
use futures::executor::block_on;
use tokio::time::Instant;

fn socket(at_least_once: bool) -> Socket {
    match at_least_once {
        false => Socket::new().unwrap(),
        true => Socket::builder().at_least_once().build().unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_peer_that_comes_later_and_the_socket_stays_open() {
    for at_least_once in [false, true] {
        let (client, server) = (socket(at_least_once), Socket::new().unwrap());
        let name = format!("mem://drained-later-{at_least_once}");
        client.connect(name.as_str()).unwrap();
        client.send("for anyone").await.unwrap();
        let to = server.identity().clone();
        client.send_to(to, "for this one").await.unwrap();
        let coming = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            server.bind(name.as_str()).await.unwrap();
        };
        let (report, ()) = tokio::join!(client.drain(PATIENCE), coming);
        assert!(report.is_clean(), "{report:?}");
        for _ in 0..2 {
            within("a message", server.recv()).await.unwrap();
        }
        assert!(!client.is_closed());
        client.send("one more").await.unwrap();
        assert!(client.drain(PATIENCE).await.is_clean());
        assert_eq!(within("it", server.recv()).await.unwrap(), "one more");
    }
}

/// What still waits at the deadline is counted, and stays.
#[tokio::test(start_paused = true)]
async fn at_the_deadline_it_counts_what_waits_and_takes_nothing() {
    for at_least_once in [false, true] {
        let client = socket(at_least_once);
        let endpoint = client.bind("127.0.0.1:0").await.unwrap();
        for n in 0..3 {
            client.send(n.to_string()).await.unwrap();
        }
        client
            .send_to(Identity::random(), "for the absent")
            .await
            .unwrap();
        let start = Instant::now();
        let report = client.drain(Duration::from_secs(3)).await;
        assert!(start.elapsed() >= Duration::from_secs(3));
        assert_eq!((report.unsent, report.unacknowledged), (4, 0));
        assert!(!report.is_clean());

        // Sent now, and under at-least-once not acknowledged.
        let mut mute = Raw::connect(&endpoint).await;
        mute.write(hello_v1(&[1; 16])).await;
        let report = client.drain(Duration::from_secs(1)).await;
        let unacknowledged = 3 * usize::from(at_least_once);
        assert_eq!((report.unsent, report.unacknowledged), (1, unacknowledged));
        assert_eq!(report.messages(), 1 + unacknowledged);
    }
}

/// Where there is nothing to wait for, there is no wait, also after the close.
#[tokio::test(start_paused = true)]
async fn it_does_not_wait_where_nothing_waits() {
    let client = Socket::new().unwrap();
    let start = Instant::now();
    assert!(client.drain(Duration::MAX).await.is_clean());
    client.send("x").await.unwrap();
    let (report, closed) = tokio::join!(
        client.drain(Duration::from_secs(60)),
        client.close(Duration::from_secs(1))
    );
    assert_eq!(closed.unsent.len(), 1);
    assert_eq!(report.unsent, 1, "it was not sent, whoever has it now");
    assert!(client.drain(Duration::from_secs(60)).await.is_clean());
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// The clock of the socket's runtime stood still, or had ended, and the call with it.
#[test]
fn it_ends_without_a_runtime_and_with_its_runtime() {
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        { runtime }.enable_all().build().unwrap()
    };
    let first = runtime();
    let client = first.block_on(async { Socket::new().unwrap() });
    block_on(client.send("x")).unwrap();
    assert_eq!(block_on(client.drain(Duration::from_millis(10))).unsent, 1);

    let draining = {
        let client = client.clone();
        std::thread::spawn(move || runtime().block_on(client.drain(PATIENCE)))
    };
    drop(first);
    assert_eq!(draining.join().unwrap().unsent, 1);
    assert!(client.is_closed());
    assert_eq!(block_on(client.close(PATIENCE)).unsent.len(), 1);
}

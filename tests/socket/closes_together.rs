//! A close that is given up late takes its report along.

use super::*;
use futures::FutureExt;

const PEERS: u8 = 100;

/// `close` is dropped after its deadline, while the connections end, and called again
/// at once. The second call finds that the socket "has ended", and reports what is
/// there by then; the rest is reported by nobody, unless it is called a third time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_given_up_as_connections_end_leaves_its_report_to_the_next() {
    let large = bytes::Bytes::from(vec![0; 8 << 20]);
    for polls in 1..12 {
        let (server, endpoint) = bound().await;
        let mut deaf = Vec::new();
        for n in 0..PEERS {
            let mut raw = Raw::connect(&endpoint).await;
            raw.write(hello_v1(&[n; 16])).await;
            deaf.push(raw);
        }
        let all = usize::from(PEERS);
        within("the peers", server.wait_for_peers(all))
            .await
            .unwrap();
        for n in 0..PEERS {
            server.send_to([n; 16], large.clone()).await.unwrap();
            server.send_to([n; 16], "behind it").await.unwrap();
        }
        let mut given_up = Box::pin(server.close(Duration::ZERO));
        let mut reported = None;
        for _ in 0..polls {
            reported = (&mut given_up).now_or_never();
            if reported.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        drop(given_up);
        let report = match reported {
            Some(report) => report,
            None => within("the close", server.close(Duration::ZERO)).await,
        };
        assert_eq!(report.unsent.len(), 2 * all, "{polls}");
    }
}

/// The same for two calls at the same time: "the first that is done reports everything".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_closes_the_first_that_is_done_reports_everything() {
    let large = bytes::Bytes::from(vec![0; 8 << 20]);
    for apart in 0..12 {
        let (server, endpoint) = bound().await;
        let mut deaf = Vec::new();
        for n in 0..PEERS {
            let mut raw = Raw::connect(&endpoint).await;
            raw.write(hello_v1(&[n; 16])).await;
            deaf.push(raw);
        }
        let all = usize::from(PEERS);
        within("the peers", server.wait_for_peers(all))
            .await
            .unwrap();
        for n in 0..PEERS {
            server.send_to([n; 16], large.clone()).await.unwrap();
            server.send_to([n; 16], "behind it").await.unwrap();
        }
        let other = server.clone();
        let first = async move { other.close(Duration::ZERO).await };
        let second = async {
            tokio::time::sleep(Duration::from_millis(apart)).await;
            server.close(Duration::ZERO).await
        };
        let (first, second) = (Box::pin(first), Box::pin(second));
        let (report, _) = within("a close", futures::future::select(first, second))
            .await
            .factor_first();
        assert_eq!(report.unsent.len(), 2 * all, "{apart} ms apart");
    }
}

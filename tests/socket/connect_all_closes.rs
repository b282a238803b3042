//! Names that do not resolve, and sockets that close meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aiomsg::layer::BoxError;
use aiomsg::resolve::{Addresses, Name};
use tokio::time::{Instant, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A socket whose lookups take a second, and fail so often before they find an address.
fn slow(failures: u32) -> Socket {
    let tries = Arc::new(AtomicU32::new(0));
    let resolver = tower::service_fn(move |name: Name| {
        let fails = tries.fetch_add(1, Ordering::Relaxed) < failures;
        async move {
            sleep(SECOND).await;
            match fails {
                true => Err(BoxError::from("no server answers")),
                false => Ok(Addresses::new([([127, 0, 0, 1], name.port()).into()])),
            }
        }
    });
    Socket::builder().resolver(resolver).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_is_reported_and_repeated() {
    let client = slow(3);
    let mut events = client.events();
    let name = Endpoint::tcp("workers", 1);
    client.connect_all(name.clone()).unwrap();
    let mut last = Duration::ZERO;
    for _ in 0..3 {
        let (at, error, retry_in) = event(&mut events, "a failure", |event| match event {
            Event::LookupFailed {
                endpoint,
                error,
                retry_in,
            } => Some((endpoint, error.chain().to_string(), retry_in)),
            _ => None,
        })
        .await;
        assert_eq!(at, name);
        assert!(error.contains("no server answers"), "{error}");
        last = retry_in;
    }
    assert!((SECOND * 2..=SECOND * 4).contains(&last), "{last:?}");
    let added = event(&mut events, "the addresses", |event| match event {
        Event::AddressesChanged { added, .. } => Some(added.len()),
        _ => None,
    })
    .await;
    assert_eq!(added, 1);
}

/// The lookup is a part of the dial.
#[tokio::test]
async fn a_close_right_after_it_waits_for_the_lookup() {
    let (server, endpoint) = bound().await;
    let client = slow(0);
    let name = Endpoint::tcp("workers", endpoint.port().unwrap());
    client.connect_all(name).unwrap();
    client.send("the only one").await.unwrap();
    let report = client.close(PATIENCE).await;
    assert_eq!(report.unsent.len(), 0);
    let got = within("the message", server.recv()).await.unwrap();
    assert_eq!(got, "the only one");
}

/// Nothing waits to be sent, so nothing is waited for.
#[tokio::test(start_paused = true)]
async fn a_lookup_holds_up_no_close_without_messages() {
    let client = slow(0);
    client.connect_all("tcp://workers:1").unwrap();
    let start = Instant::now();
    client.close(PATIENCE).await;
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    let error = client.connect_all("tcp://workers:1").unwrap_err();
    assert!(error.is_closed(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_socket_ends_its_lookups() {
    let client = slow(1000);
    client.connect_all("tcp://workers:1").unwrap();
    sleep(SECOND * 5).await;
    drop(client);
    let runtime = tokio::runtime::Handle::current();
    within("all tasks to end", async {
        while runtime.metrics().num_alive_tasks() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

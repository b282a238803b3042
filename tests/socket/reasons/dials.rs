//! Tries to connect that fail.

use super::*;
use aiomsg::stats::FailureKind;
use tracing::Level;

/// Tries each second.
fn dialler() -> Socket {
    let builder = Socket::builder().reconnect_delay(|_| Duration::from_secs(1));
    builder.build().unwrap()
}

const NOT_YET: &str = "nobody listens there yet, will try again";
const FAILED: &str = "could not connect, will try again";

/// Programs start in any order.
#[tokio::test(start_paused = true)]
async fn where_nobody_listens_yet_it_is_no_warning_for_half_a_minute() {
    let (log, _guard) = Collected::start();
    let socket = dialler();
    socket.connect("mem://reasons-not-yet").unwrap();
    tokio::time::sleep(Duration::from_secs(29)).await;
    let lines = log.of(NOT_YET);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].level, Level::INFO);
    assert_eq!(lines[0].get("endpoint"), "mem://reasons-not-yet");
    assert!(log.warnings().is_empty());

    tokio::time::sleep(Duration::from_secs(2)).await;
    let lines = log.warnings();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].get("message"), FAILED);
    assert!(lines[0].get("reason").contains("refused"), "{lines:?}");
    assert_eq!(lines[0].more(), Some(30));

    // One a minute from then on, until somebody listens.
    tokio::time::sleep(2 * MINUTE).await;
    let lines = log.warnings();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2].more(), Some(60));
    let server = Socket::new().unwrap();
    server.bind("mem://reasons-not-yet").await.unwrap();
    socket.wait_for_peers(1).await.unwrap();
    drop(server);
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(log.warnings().len(), 3, "the patience begins anew");
}

/// By TCP and by a Unix socket, it is the system that says so.
#[tokio::test]
async fn a_port_without_a_listener_is_no_warning() {
    let (log, _guard) = Collected::start();
    let socket = Socket::new().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoints = vec![format!("tcp://{}", nobody.local_addr().unwrap())];
    drop(nobody);
    #[cfg(unix)]
    endpoints.push("unix:///no/such/folder/at/all".to_owned());
    let mut events = socket.events();
    for endpoint in &endpoints {
        socket.connect(&**endpoint).unwrap();
        crate::bad_input::dial_failed(&mut events).await;
        let lines = log.of(NOT_YET);
        assert!(
            lines.iter().any(|it| it.get("endpoint") == endpoint),
            "{lines:?}"
        );
    }
    assert!(log.warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn any_other_reason_is_a_warning_at_once() {
    let (log, _guard) = Collected::start();
    let builder = Socket::builder().reconnect_delay(|_| Duration::from_millis(500));
    let refusing = tower::layer::layer_fn(|_: aiomsg::layer::DialPath| {
        tower::service_fn(|_: Endpoint| async {
            Err::<aiomsg::layer::Io, _>(aiomsg::layer::BoxError::from("no credit"))
        })
    });
    let socket = builder.dial_layer(refusing).build().unwrap();
    socket.connect("mem://reasons-no-credit").unwrap();
    tokio::time::sleep(Duration::from_millis(50_250)).await;
    let first = log.of(FAILED);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].level, Level::WARN);
    assert!(first[0].get("reason").contains("no credit"), "{first:?}");
    assert_eq!(first[0].more(), None);
    let failures = socket.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        (failures[0].kind, failures[0].count),
        (FailureKind::Dial, 101)
    );
    assert!(failures[0].ago < Duration::from_secs(1));

    // The end of the socket says the rest.
    socket.close(Duration::ZERO).await;
    let lines = log.of(FAILED);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1].more(), Some(100));
}

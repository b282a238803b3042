use super::*;
use futures::FutureExt;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn kind(error: &Error) -> io::ErrorKind {
    assert!(error.is_io(), "{error}");
    error.io().unwrap().kind()
}

#[tokio::test]
async fn bytes_pass_and_the_end_is_seen() {
    let mut listener = MemListener::bind("mem-bytes", 1).unwrap();
    let mut near = connect("mem-bytes").await.unwrap();
    let mut far = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();

    near.write_all(b"hello").await.unwrap();
    drop(near);

    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"hello");
}

#[tokio::test]
async fn an_unknown_name_is_refused() {
    let error = connect("mem-unknown").await.unwrap_err();
    assert_eq!(kind(&error), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains("\"mem-unknown\""), "{error}");
}

#[test]
fn a_name_is_taken_until_its_listener_drops() {
    let first = MemListener::bind("mem-taken", 1).unwrap();
    let error = MemListener::bind("mem-taken", 1).unwrap_err();
    assert_eq!(kind(&error), io::ErrorKind::AddrInUse);

    drop(first);
    MemListener::bind("mem-taken", 1).unwrap();
}

#[tokio::test]
async fn a_full_backlog_makes_the_next_one_wait() {
    let mut listener = MemListener::bind("mem-full", 1).unwrap();
    let _first = connect("mem-full").await.unwrap();
    let mut second = Box::pin(connect("mem-full"));
    assert!((&mut second).now_or_never().is_none());

    poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    second.await.unwrap();
}

#[tokio::test]
async fn who_waits_is_refused_when_the_listener_drops() {
    let listener = MemListener::bind("mem-gone", 1).unwrap();
    let mut queued = connect("mem-gone").await.unwrap();
    let mut waiting = Box::pin(connect("mem-gone"));
    assert!((&mut waiting).now_or_never().is_none());

    drop(listener);

    let error = waiting.await.unwrap_err();
    assert_eq!(kind(&error), io::ErrorKind::ConnectionRefused);
    assert_eq!(queued.read(&mut [0]).await.unwrap(), 0);
}

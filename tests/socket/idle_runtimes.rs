//! A close waits for a runtime that nobody drives, beyond its deadline.

use super::*;

/// `close(deadline)`: "what is not done within `deadline` is not done". The socket was
/// made in a runtime of one thread that is alive, and that nobody is in any more, as
/// after a `block_on`. Its clock stands still, and with it the deadline.
#[test]
fn a_close_keeps_its_deadline_where_nobody_drives_the_runtime_of_the_socket() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let first = { runtime }.enable_all().build().unwrap();
    let socket = first.block_on(async { Socket::new().unwrap() });
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let second = tokio::runtime::Runtime::new().unwrap();
        second.block_on(async {
            socket.send("x").await.unwrap();
            let report = socket.close(Duration::from_millis(200)).await;
            let _ = tell.send(report.unsent.len());
        });
    });
    let unsent = told.recv_timeout(Duration::from_secs(5));
    assert_eq!(unsent, Ok(1), "the close ends");
    drop(first);
}

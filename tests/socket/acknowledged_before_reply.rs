//! The acknowledgement of a request waits behind its own reply.

use super::*;
use aiomsg::{AckMode, Delivery, Error};
use std::future::IntoFuture;
use tower::service_fn;

/// "without letting the acknowledgement wait behind messages of its own": `serve` hands
/// over the reply first, and its connection begins to write it before it hears that the
/// message is handled. A reply that takes longer than `ack_timeout` to arrive has its
/// request sent again and handled again; one that its asker does not take ends the
/// connection before the acknowledgement, each time.
#[tokio::test]
async fn the_acknowledgement_of_a_request_does_not_wait_behind_its_reply() {
    let server = Socket::builder().ack_mode(AckMode::Handled);
    let server = server.build().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let large = service_fn(|_: Delivery| async { Ok::<_, Error>(vec![7; 16 << 20]) });
    let serving = tokio::spawn(server.serve(large).into_future());
    let mut asker = Raw::connect(&endpoint).await;
    asker.write(hello_v1(&[1; 16])).await;
    let request = [&b"\0\0\0\x12\x04"[..], &[9; 16], b"?"].concat();
    asker.write(request).await;
    let ours = server.identity().as_bytes().try_into().unwrap();
    asker.expect(hello_v1(ours)).await;
    let mut frame = [0; 5];
    within("a frame", asker.0.read_exact(&mut frame))
        .await
        .unwrap();
    serving.abort();
    assert_eq!(frame, *b"\0\0\0\x11\x05", "the acknowledgement comes first");
}

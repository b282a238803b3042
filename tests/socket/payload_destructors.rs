//! The destructor of a payload runs under the lock of what is unacknowledged.

use super::*;
use aiomsg::DeliveryGuarantee;
use bytes::Bytes;

struct Owner(Box<dyn Fn() + Send + Sync>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        b"owned"
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A payload of a pool, whose owner looks at the socket (or sends) when the bytes are
/// free again. At-least-once: the thread of the runtime waits for itself for good, and
/// so does every thread that touches the socket. At-most-once it works.
#[test]
fn a_payload_whose_destructor_looks_at_the_socket_stalls_nothing() {
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let (server, endpoint) = bound().await;
                let builder = Socket::builder().delivery_guarantee(guarantee);
                let client = builder.build().unwrap();
                client.connect(endpoint).unwrap();
                within("the server", client.wait_for_peers(1))
                    .await
                    .unwrap();
                let again = client.clone();
                let looks = move || assert!(again.stats().sent_messages > 0);
                let payload = Bytes::from_owner(Owner(Box::new(looks)));
                client.send(payload).await.unwrap();
                assert_eq!(server.recv().await.unwrap(), "owned");
                tokio::time::sleep(Duration::from_millis(300)).await;
                client.stats();
                tell.send(()).unwrap();
            });
        });
        let done = told.recv_timeout(PATIENCE);
        assert!(done.is_ok(), "{guarantee:?}: the socket hangs");
    }
}

//! WebSocket to the Python library, which accepts it on the port of its raw peers.

use super::*;
use aiomsg::DeliveryGuarantee;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_2026_echoes_messages_of_all_sizes() {
    let peer = Peer::builder(Version::V2026)
        .bind("127.0.0.1:0")
        .start()
        .await;
    peer.echo().await;
    let socket = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .build()
        .unwrap();
    socket
        .connect(format!("ws://127.0.0.1:{}/", peer.port()))
        .unwrap();
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let sent = vec![size as u8; size];
        socket.send(sent.clone()).await.unwrap();
        let came = timeout(PATIENCE, socket.recv()).await;
        assert!(came.expect("the echo").unwrap() == sent, "{size} bytes");
    }
    assert!(socket.close(PATIENCE).await.is_clean());
}

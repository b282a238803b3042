//! A few poisons in a row hold up everything for a minute.

use super::*;

/// Each of them ends three connections, none of which lasts a second, so that the
/// delays before the next try grow up to 10 s and stay there. What waits behind four
/// of them arrives after 50 s; behind ten, after more than three minutes.
#[tokio::test]
async fn what_waits_behind_four_poisons_arrives_soon() {
    let (sender, endpoint) = bound().await;
    let receiver = Socket::builder().max_message_size(1 << 20).build().unwrap();
    receiver.connect(endpoint).unwrap();
    within("the peer", sender.wait_for_peers(1)).await.unwrap();
    for _ in 0..4 {
        sender.send(vec![7; 16 << 20]).await.unwrap();
    }
    sender.send("good").await.unwrap();
    // One is given up after 1.1 s.
    let got = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
    assert_eq!(got.expect("it arrives").unwrap(), "good");
}

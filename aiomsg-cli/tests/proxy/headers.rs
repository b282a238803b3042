//! Headers of messages go through.

use aiomsg::Outbound;

use super::*;

/// Sends messages with headers and without through a proxy, and a reply back.
async fn go_through(options: &[&str]) {
    let proxy = Proxy::start(options).await;
    let consumer = proxy.consumer().await;
    let careful = Socket::builder().at_least_once().build().unwrap();
    for socket in [careful, Socket::new().unwrap()] {
        let producer = proxy.joined(socket, "frontend").await;
        for n in 0..20 {
            let message = match n % 2 {
                0 => Outbound::new(format!("{n}\0job")).header("number", &n.to_string()),
                _ => Outbound::new(format!("{n}\0job")),
            };
            producer.send_message(message).await.unwrap();
        }
        for n in 0..20 {
            let job = recv(&consumer).await;
            let payload = job.payload().clone();
            assert!(
                payload.starts_with(format!("{n}").as_bytes()),
                "{payload:?}"
            );
            let expected = (n % 2 == 0).then(|| n.to_string());
            assert_eq!(job.headers().get("number"), expected.as_deref());
            let from = job.from().clone();
            consumer
                .send_message(Outbound::from(job).to(from))
                .await
                .unwrap();
        }
        if options.contains(&"--replies") {
            for n in 0..20 {
                let reply = recv(&producer).await;
                assert_eq!(reply.payload(), format!("{n}\0job").as_bytes());
                let expected = (n % 2 == 0).then(|| n.to_string());
                assert_eq!(reply.headers().get("number"), expected.as_deref());
            }
        }
    }
}

#[tokio::test]
async fn one_after_the_other() {
    go_through(&[]).await;
}

#[tokio::test]
async fn with_replies_and_acknowledgements() {
    go_through(&["--replies", "--at-least-once", "both"]).await;
}

#[cfg(feature = "spool")]
#[tokio::test]
async fn and_through_a_spool() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    go_through(&["--replies", "--spool", folder, "--spool-sync", "os"]).await;
}

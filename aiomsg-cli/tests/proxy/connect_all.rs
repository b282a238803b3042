//! A proxy that connects to every address of a name.

use std::fs;

use super::*;

#[tokio::test]
async fn it_connects_to_every_address_and_a_reload_ends_that() {
    let consumer = Socket::new().unwrap();
    let at = consumer.bind("tcp://127.0.0.1:0").await.unwrap();
    let sides = "[frontend]\nbind = [\"127.0.0.1:0\"]\n[backend]\nbind = [\"127.0.0.1:0\"]\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy.toml");
    let name = format!("tcp://localhost:{}", at.port().unwrap());
    fs::write(&file, format!("{sides}connect-all = [\"{name}\"]\n")).unwrap();
    let proxy = Proxy::with(&["--config", file.to_str().unwrap()]).await;
    proxy.program.after("backend: connecting to all of ").await;
    within("the proxy", consumer.wait_for_peers(1))
        .await
        .unwrap();
    let producer = proxy.producer().await;
    producer.send("a job").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "a job");

    fs::write(&file, sides).unwrap();
    proxy.program.signal("HUP").await;
    until("the end of the connection", || consumer.stats().peers == 0).await;
    // And again, by another reload.
    fs::write(&file, format!("{sides}connect-all = [\"{name}\"]\n")).unwrap();
    proxy.program.signal("HUP").await;
    within("the proxy", consumer.wait_for_peers(1))
        .await
        .unwrap();
}

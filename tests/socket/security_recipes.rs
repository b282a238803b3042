//! The recipes of docs/security.md, as they are printed there.

use std::path::Path;
use std::process::Command;

use super::*;
use aiomsg::TlsConfig;

/// Runs the commands under a heading.
fn follow(heading: &str, folder: &Path) {
    let page = include_str!("../../docs/security.md");
    let section = page.split("\n## ").find(|it| it.starts_with(heading));
    let section = section.expect("there is such a heading");
    let (_, rest) = section.split_once("```sh\n").expect("there are commands");
    let (commands, _) = rest.split_once("```").expect("they end");
    let output = Command::new("sh")
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}: {said}");
}

async fn talk(server: TlsConfig, client: TlsConfig, host: &str) {
    let server = Socket::builder().tls(server).build().unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let client = Socket::builder().tls(client).build().unwrap();
    let port = endpoint.port().unwrap();
    client.connect(Endpoint::tls(host, port)).unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(within("hello", server.recv()).await.unwrap(), "hello");
    assert!(server.peers()[0].certificate().is_some());
}

#[tokio::test]
async fn the_cookbook() {
    let folder = tempfile::tempdir().unwrap();
    follow("The recipe of the cookbook", folder.path());
    let at = |name: &str| folder.path().join(name);
    let tls = |ours: &str, theirs: &str| {
        TlsConfig::builder()
            .certificate_files(at(&format!("{ours}.cert")), at(&format!("{ours}.key")))
            .pin_file(at(&format!("{theirs}.cert")))
            .build()
            .unwrap()
    };
    talk(
        tls("server", "client"),
        tls("client", "server"),
        "127.0.0.1",
    )
    .await;
}

#[tokio::test]
async fn an_authority_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    follow("An authority of your own", folder.path());
    let at = |name: &str| folder.path().join(name);
    let tls = TlsConfig::builder()
        .certificate_files(at("server.cert"), at("server.key"))
        .trust_file(at("root.cert"))
        .build()
        .unwrap();
    for host in ["127.0.0.1", "localhost"] {
        talk(tls.clone(), tls.clone(), host).await;
    }
}

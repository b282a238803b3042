//! Certificates that are renewed while messages pass.

use std::path::Path;

use super::*;
use crate::authority::{Authority, Wanted};
use aiomsg::TlsConfig;

const RENEWALS: usize = 5;

/// Messages of the old connection for each renewal.
const BETWEEN: usize = 200;

fn renew(folder: &Path, root: &Authority, name: &str) {
    let issued = root.issue(Wanted::named(name));
    std::fs::write(folder.join("cert"), issued.chain).unwrap();
    std::fs::write(folder.join("key"), issued.key).unwrap();
}

/// What both ends have: they present what is in the files.
fn settings(folder: &Path, root: &Authority) -> TlsConfig {
    TlsConfig::builder()
        .certificate_files(folder.join("cert"), folder.join("key"))
        .trust_pem(root.pem())
        .build()
        .unwrap()
}

fn name_of(socket: &Socket) -> String {
    let peer = &socket.peers()[0];
    let certificate = peer.certificate().expect("it has presented one");
    certificate.common_name().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_new_connections_have_the_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::root("root");
    renew(folder.path(), &root, "number 0");
    let tls = settings(folder.path(), &root);
    let server = Socket::builder().tls(tls.clone()).build().unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let old = Socket::builder().tls(tls.clone()).build().unwrap();
    let mut events = old.events();
    old.connect(endpoint.clone()).unwrap();

    let sending = tokio::spawn({
        let old = old.clone();
        async move {
            for n in 0..RENEWALS * BETWEEN {
                old.send(n.to_string()).await.unwrap();
                if n % 10 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    });
    for renewal in 1..=RENEWALS {
        for n in (renewal - 1) * BETWEEN..renewal * BETWEEN {
            let message = within("the next", server.recv_text()).await.unwrap();
            assert_eq!(message, n.to_string(), "none is lost, in order");
        }
        let name = format!("number {renewal}");
        renew(folder.path(), &root, &name);
        tls.reload().unwrap();
        let new = Socket::builder().tls(tls.clone()).build().unwrap();
        new.connect(endpoint.clone()).unwrap();
        within("the server", new.wait_for_peers(1)).await.unwrap();
        assert_eq!(name_of(&new), name);
        let theirs = within("the new one", async {
            loop {
                if let Some(peer) = server.peer(new.identity()) {
                    return peer;
                }
                tokio::task::yield_now().await;
            }
        });
        let theirs = theirs.await;
        assert_eq!(theirs.certificate().unwrap().common_name(), Some(&*name));
        new.close(Duration::from_secs(5)).await;
    }
    sending.await.unwrap();
    assert_eq!(name_of(&old), "number 0", "it has never been interrupted");
    let up = event(&mut events, "the only connection", |event| match event {
        Event::PeerUp { peer } => Some(peer),
        _ => None,
    });
    up.await;
    assert_eq!(old.stats().connections, 1);
}

/// A connection that ends finds the new settings when it is made again, and
/// at-least-once brings over what was on its way.
#[tokio::test]
async fn a_connection_that_is_made_again_has_the_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::root("root");
    renew(folder.path(), &root, "before");
    let tls = settings(folder.path(), &root);
    let server = Socket::builder().tls(tls.clone()).build().unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let client = Socket::builder().tls(tls.clone()).at_least_once();
    let client = client.build().unwrap();
    client.connect(endpoint.clone()).unwrap();
    within("the first", client.wait_for_peers(1)).await.unwrap();
    assert_eq!(name_of(&client), "before");

    renew(folder.path(), &root, "after");
    tls.reload().unwrap();
    server.close(Duration::from_secs(5)).await;
    client.send("on its way").await.unwrap();
    let server = Socket::builder().tls(tls).build().unwrap();
    server.bind(endpoint).await.unwrap();
    let message = within("the message", server.recv()).await.unwrap();
    assert_eq!(message, "on its way");
    assert_eq!(name_of(&client), "after");
    assert_eq!(name_of(&server), "after");
}

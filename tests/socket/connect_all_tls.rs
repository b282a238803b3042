//! Connecting to every address of a name, with certificates.

use super::authority::{Authority, Wanted};
use super::connect_all::{Registry, workers};
use super::*;

#[tokio::test]
async fn a_certificate_must_have_the_name_and_not_the_address() {
    let authority = Authority::root("ours");
    let wanted = Wanted::named("w").dns("workers.example.com");
    let server = authority.issue(wanted).presented().build().unwrap();
    let make = || Socket::builder().tls(server.clone()).build().unwrap();
    let (_workers, port) = workers(make, "tls").await;

    let client = aiomsg::TlsConfig::builder().trust_pem(authority.pem());
    let registry = Registry::new([1, 2, 3]);
    let client = registry.socket().tls(client.build().unwrap());
    let client = client.build().unwrap();
    client
        .connect_all(format!("tls://workers.example.com:{port}"))
        .unwrap();
    within("all", client.wait_for_peers(3)).await.unwrap();
    let mut endpoints: Vec<_> = client
        .peers()
        .iter()
        .map(|it| it.endpoint.to_string())
        .collect();
    endpoints.sort();
    let expected = [1, 2, 3].map(|it| format!("tls://workers.example.com@127.0.0.{it}:{port}"));
    assert_eq!(endpoints, expected);

    let mut events = client.events();
    client
        .connect_all(format!("tls://others.example.com:{port}"))
        .unwrap();
    let (at, error) = event(&mut events, "a wrong name", |event| match event {
        Event::DialFailed {
            endpoint, error, ..
        } => Some((endpoint.to_string(), error.chain().to_string())),
        _ => None,
    })
    .await;
    assert!(at.starts_with("tls://others.example.com@127.0.0."), "{at}");
    assert!(error.contains("workers.example.com"), "{error}");
}

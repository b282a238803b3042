mod server;

use tower::ServiceExt;

use super::*;
use server::Server;

const SECOND: Duration = Duration::from_secs(1);

async fn resolve(server: &Server, host: &str, port: u16) -> Result<Addresses, Error> {
    let resolver = DnsResolver::with_servers([server.address]);
    let mut found = resolver.oneshot(Name::new(host, port)).await?;
    found.addresses.sort();
    Ok(found)
}

fn addresses(shown: &[&str]) -> Addresses {
    Addresses::new(shown.iter().map(|it| it.parse().unwrap()))
}

#[tokio::test]
async fn both_kinds_of_addresses_are_found_with_the_shorter_time_to_live() {
    let server = Server::start().await;
    server.address("jobs.test", 30, "10.0.0.1");
    server.address("jobs.test", 30, "10.0.0.2");
    server.address("jobs.test", 7, "fd00::1");
    let found = resolve(&server, "jobs.test", 25000).await.unwrap();
    let expected = addresses(&["10.0.0.1:25000", "10.0.0.2:25000", "[fd00::1]:25000"]);
    assert_eq!(found, expected.ttl(SECOND * 7));
}

/// A cache would repeat an old answer, and one answer would confirm itself.
#[tokio::test]
async fn every_lookup_asks_the_server() {
    let server = Server::start().await;
    server.address("jobs.test", 3600, "10.0.0.1");
    let resolver = DnsResolver::with_servers([server.address]);
    let resolve = || resolver.clone().oneshot(Name::new("jobs.test", 1));
    assert_eq!(resolve().await.unwrap().addresses.len(), 1);
    server.address("jobs.test", 3600, "10.0.0.2");
    assert_eq!(resolve().await.unwrap().addresses.len(), 2);
    server.remove("jobs.test");
    assert_eq!(resolve().await.unwrap(), Addresses::default());
    server.address("jobs.test", 3600, "10.0.0.3");
    let found = resolve().await.unwrap();
    assert_eq!(found, addresses(&["10.0.0.3:1"]).ttl(SECOND * 3600));
}

#[tokio::test]
async fn an_alias_is_followed_and_its_time_counts() {
    let server = Server::start().await;
    server.alias("jobs.test", 4, "target.test");
    server.address("target.test", 30, "10.0.0.1");
    let found = resolve(&server, "jobs.test", 1).await.unwrap();
    assert_eq!(found, addresses(&["10.0.0.1:1"]).ttl(SECOND * 4));
}

#[tokio::test]
async fn a_service_has_hosts_and_ports() {
    let server = Server::start().await;
    let service = "_jobs._tcp.example.test";
    server.service(service, 9, 10, "one.test", 7001);
    server.service(service, 9, 10, "two.test", 7002);
    server.service(service, 9, 10, "gone.test", 7003);
    server.service(service, 9, 20, "spare.test", 7004);
    server.address("one.test", 30, "10.0.0.1");
    server.address("one.test", 30, "fd00::1");
    server.address("two.test", 5, "10.0.0.2");
    server.address("spare.test", 1, "10.0.0.3");
    let found = resolve(&server, service, 0).await.unwrap();
    let expected = addresses(&["10.0.0.1:7001", "10.0.0.2:7002", "[fd00::1]:7001"]);
    assert_eq!(found, expected.ttl(SECOND * 5));

    let error = resolve(&server, service, 25000).await.unwrap_err();
    assert!(
        error.to_string().contains("write port 0 in place of 25000"),
        "{error}"
    );

    server.remove(service);
    server.service(service, 9, 0, ".", 0);
    assert_eq!(
        resolve(&server, service, 0).await.unwrap(),
        Addresses::default()
    );
}

/// The answer is too long for UDP, and there are more hosts than lookups at once.
#[tokio::test]
async fn a_service_may_have_many_hosts() {
    let server = Server::start().await;
    let service = "_jobs._tcp.example.test";
    for host in 0..40 {
        let name = format!("h{host}.test");
        server.service(service, 9, 0, &name, 7);
        server.address(&name, 9, &format!("10.0.0.{host}"));
    }
    let found = resolve(&server, service, 0).await.unwrap();
    assert_eq!(found.addresses.len(), 40);
}

#[tokio::test]
async fn a_service_may_not_have_any_number_of_hosts() {
    let server = Server::start().await;
    for port in 1..=1025 {
        server.service("_j._tcp.e.test", 9, 0, "h.test", port);
    }
    let error = resolve(&server, "_j._tcp.e.test", 0).await.unwrap_err();
    let words = "\"_j._tcp.e.test\" has 1025 hosts, and 1024 are allowed";
    assert!(error.to_string().contains(words), "{error}");
}

/// Half of the addresses would be missing, and their connections would end.
#[tokio::test]
async fn a_lookup_that_fails_in_part_has_failed() {
    let server = Server::start().await;
    server.address("jobs.test", 30, "10.0.0.1");
    server.fail_v6("jobs.test");
    let error = resolve(&server, "jobs.test", 1).await.unwrap_err();
    assert!(error.is_address(), "{error}");
    assert!(
        error.to_string().contains("\"jobs.test\" does not resolve"),
        "{error}"
    );
}

#[tokio::test]
async fn addresses_need_no_server_and_names_must_be_names() {
    let nobody = DnsResolver::with_servers([]);
    let resolve = |host: &str| nobody.clone().oneshot(Name::new(host, 7));
    assert_eq!(
        resolve("10.0.0.1").await.unwrap(),
        addresses(&["10.0.0.1:7"])
    );
    assert_eq!(resolve("::1").await.unwrap(), addresses(&["[::1]:7"]));
    let long = "a".repeat(64);
    let error = resolve(&long).await.unwrap_err();
    assert!(
        error.to_string().contains("is not a name of DNS"),
        "{error}"
    );
    let error = resolve("jobs.test").await.unwrap_err();
    assert!(error.is_address(), "{error}");
}

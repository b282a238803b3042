use super::*;

#[tokio::test]
async fn addresses_need_no_lookup() {
    for (host, shown) in [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")] {
        let found = Resolver::default().resolve(host, 7).await.unwrap();
        assert_eq!(found, [shown.parse().unwrap()]);
    }
}

/// Addresses of a link were refused, or lost their link.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn zones_are_resolved_by_name_and_number() {
    let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
    let index: u32 = index.trim().parse().unwrap();
    let custom = Resolver::new(|_, _| async { Ok(Vec::new()) });
    for resolver in [Resolver::default(), custom] {
        for zone in ["lo".to_owned(), index.to_string()] {
            for ip in ["fe80::1", "::1", "ff02::1"] {
                let found = resolver.resolve(&format!("{ip}%{zone}"), 7).await.unwrap();
                let expected = SocketAddrV6::new(ip.parse().unwrap(), 7, 0, index);
                assert_eq!(found, [SocketAddr::from(expected)]);
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_interface_that_is_not_there_is_named() {
    let resolver = Resolver::default();
    // A number was taken as it was, and led anywhere.
    for zone in ["nosuch0", "4000000000", "99999999999"] {
        for ip in ["fe80::1", "::1"] {
            let resolved = resolver.resolve(&format!("{ip}%{zone}"), 7).await;
            let error = resolved.unwrap_err();
            assert!(error.is_address(), "{error}");
            let said = error.to_string();
            assert!(said.contains(&format!("\"{zone}\"")), "{error}");
            assert!(said.contains("no such interface"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_an_address_error() {
    let error = Resolver::default()
        .resolve("nobody.invalid", 7)
        .await
        .unwrap_err();
    assert!(error.is_address(), "{error}");
    assert!(error.io().is_some(), "{error}");
    assert!(error.to_string().contains("nobody.invalid"), "{error}");
}

#[tokio::test]
async fn a_name_without_addresses_is_an_address_error() {
    let resolver = Resolver::new(|_, _| async { Ok(Vec::new()) });
    let error = resolver.resolve("empty.test", 7).await.unwrap_err();
    assert!(error.is_address(), "{error}");
}

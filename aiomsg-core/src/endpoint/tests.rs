use super::*;

#[test]
fn each_form_is_read_and_written() {
    for (text, shown) in [
        ("localhost:25000", "tcp://localhost:25000"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("tls://example.com:443", "tls://example.com:443"),
        ("tls://[::1]:443", "tls://[::1]:443"),
        ("[fe80::1%eth0]:1", "tcp://[fe80::1%eth0]:1"),
        ("tls://[fe80::1%2]:1", "tls://[fe80::1%2]:1"),
        ("tls://jobs@10.0.0.7:1", "tls://jobs@10.0.0.7:1"),
        ("tls://jobs@[fe80::1%2]:1", "tls://jobs@[fe80::1%2]:1"),
        ("unix:///run/a b.sock", "unix:///run/a b.sock"),
        ("unix://relative.sock", "unix://relative.sock"),
        ("unix://@app", "unix://@app"),
        ("mem://jobs", "mem://jobs"),
        ("ws://localhost:8080", "ws://localhost:8080/"),
        ("ws://localhost/a/b?c=d", "ws://localhost:80/a/b?c=d"),
        ("wss://localhost", "wss://localhost:443/"),
        ("wss://[::1]?a", "wss://[::1]:443/?a"),
        ("wss://[fe80::1%2]:1/", "wss://[fe80::1%2]:1/"),
        ("TCP://localhost:1", "tcp://localhost:1"),
        ("Tls://localhost:1", "tls://localhost:1"),
        ("UNIX:///Run/A", "unix:///Run/A"),
        ("Mem://Jobs", "mem://Jobs"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!(shown.parse::<Endpoint>().unwrap(), endpoint);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        ("", "port is missing"),
        ("localhost", "port is missing"),
        ("localhost:", "not a number"),
        ("localhost:65536", "not a number"),
        ("localhost:-1", "not a number"),
        ("localhost:+1", "not a number"),
        (":25000", "host is missing"),
        ("a b:1", "space"),
        ("::1:25000", "brackets"),
        ("[::1:25000", "not closed"),
        ("[::1]", "port is missing"),
        ("[localhost]:1", "not an IPv6"),
        ("[fe80::1%]:1", "zone"),
        ("[fe80::1%a%b]:1", "zone"),
        ("[fe80::1%a b]:1", "space"),
        ("[fe80::1%../x]:1", "slash"),
        ("[1.2.3.4%eth0]:1", "not an IPv6"),
        ("tls://jobs@host:1", "one address"),
        ("tls://jobs@10.0.0.7", "one address"),
        ("tls://@10.0.0.7:1", "host is missing"),
        ("tls://a@b@10.0.0.7:1", "one address"),
        ("tls://a:1@10.0.0.7:1", "without a port"),
        ("http://localhost:80", "scheme"),
        ("tcp://host:1/path", "not a number"),
        ("ws://host:x/", "not a number"),
        ("ws:///path", "host is missing"),
        ("ws://host/a b", "a space"),
        ("ws://host/#part", "a character"),
        ("wss://::1/", "brackets"),
        ("unix://", "path"),
        ("unix://a\0b", "zero byte"),
        ("mem://", "name"),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
        assert!(error.contains(&format!("\"{text}\"")), "{text}: {error}");
    }
}

#[test]
fn the_styles_of_other_libraries_are_translated() {
    for (text, instead) in [
        ("ipc:///run/app.sock", "unix:///run/app.sock"),
        ("ipc://app", "unix://app"),
        ("ipc://@app", "unix://@app"),
        ("inproc://jobs", "mem://jobs"),
        ("WS://*:80", "ws://0.0.0.0:80"),
        ("nats://host:4222", "tcp://host:4222"),
        ("http://localhost:80", "tcp://localhost:80"),
        ("tcp://*:25000", "tcp://0.0.0.0:25000"),
        ("TLS://*:25000", "tls://0.0.0.0:25000"),
        ("*:25000", "tcp://0.0.0.0:25000"),
        ("tcp://host:1/", "tcp://host:1"),
        ("host:1//", "tcp://host:1"),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains(&format!("\"{text}\" is")), "{error}");
        assert!(
            error.ends_with(&format!("; write \"{instead}\"")),
            "{error}"
        );
    }
}

/// What would be advised is no endpoint, either.
#[test]
fn advice_that_would_not_work_is_not_given() {
    for text in ["ipc://", "inproc://", "tcp://host/", "pgm://a;b:1"] {
        let error = text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(!error.contains("write"), "{error}");
    }
}

fn shows_what_is_read(endpoint: &Endpoint) {
    let shown = endpoint.to_string();
    assert_eq!(shown.parse::<Endpoint>().as_ref(), Ok(endpoint), "{shown}");
}

proptest::proptest! {
    /// The zone of a link's address was lost, and the address then led
    /// nowhere.
    #[test]
    fn an_endpoint_of_an_address_parses_back(
        bits: u128, link: bool, port: u16, flow in 0..1u32 << 20, zone: u32, v4: bool,
    ) {
        use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
        let bits = if link { 0xfe80 << 112 | bits >> 64 } else { bits };
        let address: SocketAddr = match v4 {
            true => (Ipv4Addr::from_bits(bits as u32), port).into(),
            false => SocketAddrV6::new(Ipv6Addr::from_bits(bits), port, flow, zone).into(),
        };
        let endpoint = Endpoint::from(address);
        shows_what_is_read(&endpoint);
        if !v4 && zone != 0 {
            let zone = format!("%{zone}]");
            assert!(endpoint.to_string().contains(&zone), "{endpoint}");
        }
    }

    #[test]
    fn what_is_read_and_shown_parses_back(
        scheme in "(tcp://|tls://|unix://|mem://|)",
        rest in "(\\PC{0,20}|[a-f0-9:\\[\\]%./@?]{0,12}:[0-9]{1,5}|\\[[a-f0-9:]{2,8}(%[a-z0-9.]{0,6})?\\]:[0-9]{1,4})",
    ) {
        if let Ok(endpoint) = format!("{scheme}{rest}").parse::<Endpoint>() {
            shows_what_is_read(&endpoint);
        }
    }
}

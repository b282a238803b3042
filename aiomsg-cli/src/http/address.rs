//! Addresses to look at a program by.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use aiomsg::Endpoint;

/// Where HTTP is served. Without a host, it is the loopback address.
pub(crate) type HttpAddress = SocketAddr;

/// Reads `host:port`, with the host an IP address or `localhost`, or `:port`, or
/// `port`.
pub(crate) fn parse(text: &str) -> Result<HttpAddress, String> {
    if let Some((address, zone)) = with_zone(text) {
        return address.ok_or_else(|| format!("\"{text}\": there is no interface \"{zone}\""));
    }
    let loopback = |port: &str| {
        let port = port
            .bytes()
            .all(|it| it.is_ascii_digit())
            .then(|| port.parse().ok());
        Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port??))
    };
    let address = match text.strip_prefix("localhost:").or(text.strip_prefix(':')) {
        Some(port) => loopback(port),
        None => text.parse().ok().or_else(|| loopback(text)),
    };
    address.ok_or_else(|| {
        format!(
            "\"{text}\" is not an address: expected a port (9000), which is one of the loopback \
             address, or an IP address and a port (0.0.0.0:9000, [::1]:9000)"
        )
    })
}

/// An address of a link, whose interface is named: `[fe80::1%eth0]:9000`. With
/// the name, in case that there is no such interface.
fn with_zone(text: &str) -> Option<(Option<SocketAddr>, String)> {
    let Endpoint::Tcp { host, port } = text.parse().ok()? else {
        return None;
    };
    let (ip, zone) = host.split_once('%')?;
    let ip = ip.parse().ok()?;
    // The system looks names of interfaces up for addresses of a link only.
    let found = (format!("fe80::1%{zone}").as_str(), port).to_socket_addrs();
    let address = found
        .ok()
        .into_iter()
        .flatten()
        .find_map(|found| match found {
            SocketAddr::V6(v6) => Some(SocketAddrV6::new(ip, port, 0, v6.scope_id()).into()),
            SocketAddr::V4(_) => None,
        });
    Some((address, zone.to_owned()))
}

/// A `Host` header without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a `Host` header names an address, or this machine, and not a name
/// that anybody may have made up to point here.
pub(crate) fn is_plain_host(host: &str) -> bool {
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = without_port(host);
    let name = name
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_it_is_loopback() {
        for text in ["9000", ":9000", "localhost:9000", "127.0.0.1:9000"] {
            assert_eq!(parse(text).unwrap().to_string(), "127.0.0.1:9000");
        }
        assert_eq!(parse("0.0.0.0:1").unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(parse("[::1]:1").unwrap().to_string(), "[::1]:1");
        for text in [
            "",
            ":",
            "x",
            "+1",
            "70000",
            "host:80",
            "::1:80",
            "127.0.0.1",
        ] {
            assert!(parse(text).unwrap_err().contains(&format!("\"{text}\"")));
        }
    }

    /// Only numbers of interfaces were read.
    #[cfg(target_os = "linux")]
    #[test]
    fn zones_are_read_by_name_and_number() {
        let lo = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let lo = lo.trim();
        for zone in ["lo", lo] {
            for ip in ["fe80::1", "::1"] {
                let address = parse(&format!("[{ip}%{zone}]:9000")).unwrap();
                assert_eq!(address.to_string(), format!("[{ip}%{lo}]:9000"));
                assert!(is_plain_host(&address.to_string()));
            }
        }
        let error = parse("[fe80::1%nosuch0]:9000").unwrap_err();
        assert!(error.contains("no interface \"nosuch0\""), "{error}");
    }

    #[test]
    fn names_that_others_may_own_are_told_apart() {
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:9000",
            "10.0.0.1",
            "[::1]",
            "[::1]:9",
        ] {
            assert!(is_plain_host(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9000",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9000",
        ] {
            assert!(!is_plain_host(host), "{host}");
        }
    }
}

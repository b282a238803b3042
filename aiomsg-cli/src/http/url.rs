//! Where a server is, and below which path: its own address, or that of a reverse
//! proxy in front of it.

use std::fmt;

use aiomsg::Endpoint;

use super::address;

/// A server, and the path that precedes those that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(super) endpoint: Endpoint,
    /// As the server is asked for.
    pub(super) host: String,
    /// Empty, or `/some/prefix`.
    prefix: String,
}

impl Url {
    /// The path of the server that has this path without a prefix.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.prefix)
    }
}

/// Reads what [`address::parse`] does, or `host:port` with a name as the host, or a URL
/// of `http`; each of them may have a path.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let wrong = |what: &str| format!("\"{text}\": {what}");
    let (is_url, rest) = match text.split_once("://") {
        None => (false, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (true, rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
            return Err(wrong(
                "https is not spoken here; expected http://, as in the address of the dashboard \
                 that the proxy prints",
            ));
        }
        Some((scheme, _)) => return Err(wrong(&format!("expected http://, not {scheme}://"))),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.contains('@') {
        return Err(wrong("there is a user in it, and none can be sent"));
    }
    let prefix = prefix(path).map_err(wrong)?;
    let (endpoint, host) = match address::parse(host) {
        Ok(address) if !is_url => (address.into(), address.to_string()),
        Err(what) if !is_url && !has_port(host) => {
            return Err(format!("{what}, or http://HOST:PORT/PATH"));
        }
        _ => (named(host).map_err(|what| wrong(&what))?, host.to_owned()),
    };
    if endpoint.port() == Some(0) {
        return Err(wrong("nobody listens at port 0"));
    }
    Ok(Url {
        endpoint,
        host,
        prefix,
    })
}

fn has_port(host: &str) -> bool {
    let behind_brackets = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    behind_brackets.contains(':')
}

fn named(host: &str) -> Result<Endpoint, String> {
    let endpoint = match has_port(host) {
        true => host.parse::<Endpoint>(),
        false => format!("{host}:80").parse(),
    };
    endpoint.map_err(|error| error.to_string())
}

/// A path, without a slash at its end.
fn prefix(path: &str) -> Result<String, &'static str> {
    if path.contains(['?', '#']) {
        return Err("there is a ? or a # in it; expected a path alone behind the host");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "a space, a control character or a letter beyond ASCII in a path is \
                    written as %XX",
        );
    }
    Ok(path.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, String) {
        let url = parse(text).unwrap();
        (url.endpoint.to_string(), url.to_string(), url.path("/api"))
    }

    #[test]
    fn addresses_and_urls_are_read() {
        for (text, endpoint, shown, path) in [
            ("9000", "127.0.0.1:9000", "127.0.0.1:9000", "/api"),
            (":9000/", "127.0.0.1:9000", "127.0.0.1:9000", "/api"),
            ("[::1]:9000", "[::1]:9000", "[::1]:9000", "/api"),
            ("10.0.0.1:9/a", "10.0.0.1:9", "10.0.0.1:9/a", "/a/api"),
            ("there:9000", "there:9000", "there:9000", "/api"),
            ("http://there", "there:80", "there", "/api"),
            ("HTTP://there:81/", "there:81", "there:81", "/api"),
            ("http://[::1]/a", "[::1]:80", "[::1]/a", "/a/api"),
            ("http://a.b:1/c/d/", "a.b:1", "a.b:1/c/d", "/c/d/api"),
            ("http://a/%20", "a:80", "a/%20", "/%20/api"),
            ("http://9000", "9000:80", "9000", "/api"),
        ] {
            let expected = (
                format!("tcp://{endpoint}"),
                format!("http://{shown}"),
                path.to_owned(),
            );
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_named() {
        for (text, what) in [
            ("", "expected a port"),
            ("nowhere", "http://HOST:PORT/PATH"),
            ("https://a/b", "https is not spoken"),
            ("tcp://a:1", "not tcp://"),
            ("http://", "host is missing"),
            ("http:///a", "host is missing"),
            ("http://a:x/", "port is not a number"),
            ("http://a:70000", "port is not a number"),
            ("a:x", "port is not a number"),
            ("http://a:0", "port 0"),
            ("0", "port 0"),
            ("http://::1/", "brackets"),
            ("http://[::1/", "bracket is not closed"),
            ("http://me@a/", "a user"),
            ("http://a/?x=1", "a ?"),
            ("http://a#b", "a #"),
            ("http://a/b c", "%XX"),
            ("http://a b/", "a space"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
            assert!(error.contains(text), "{text}: {error}");
        }
    }
}

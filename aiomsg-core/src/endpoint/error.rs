use std::fmt;

/// Text that is not an endpoint.
///
/// `Display` quotes the text, says what is wrong with it and, for the styles of other
/// libraries, what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    text: String,
    reason: Reason,
}

impl EndpointError {
    pub(super) fn new(text: &str, reason: Reason) -> Self {
        Self {
            text: text.to_owned(),
            reason,
        }
    }
}

impl std::error::Error for EndpointError {}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not an endpoint: {}", self.text, self.reason)?;
        match instead(&self.text, self.reason) {
            Some(instead) => write!(f, "; write \"{instead}\""),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("the scheme is none of tcp, tls, ws, wss, unix and mem")]
    UnknownScheme,
    #[error("the port is missing, as in \"host:25000\"")]
    NoPort,
    #[error("the port is not a number from 0 to 65535")]
    BadPort,
    #[error("the host is missing")]
    NoHost,
    #[error("the host of all addresses is 0.0.0.0, or [::]")]
    AnyHost,
    #[error("the host has a space, a slash or a control character in it")]
    BadHost,
    #[error("it ends with a slash")]
    SlashAtEnd,
    #[error("the path has a character that a request cannot have; a space is written \"%20\"")]
    BadPath,
    #[error("the bracket is not closed")]
    OpenBracket,
    #[error("the text in the brackets is not an IPv6 address")]
    NotIpv6,
    #[error("the zone is not the name or number of an interface, as in \"[fe80::1%eth0]:25000\"")]
    BadZone,
    #[error("an IPv6 address stands in brackets, as in \"[::1]:25000\"")]
    BareIpv6,
    #[error("behind the @ stands one address with its port, as in \"tls://name@10.0.0.7:25000\"")]
    BadAddress,
    #[error("before the @ stands a name without a port, as in \"tls://name@10.0.0.7:25000\"")]
    PortInName,
    #[error("the path is missing, as in \"unix:///run/app.sock\"")]
    NoPath,
    #[error("the path has a zero byte in it")]
    ZeroInPath,
    #[error("the name is missing, as in \"mem://jobs\"")]
    NoName,
}

/// The endpoint that the text probably means, if it is in the style of another library.
fn instead(text: &str, reason: Reason) -> Option<String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    let scheme = scheme.to_ascii_lowercase();
    let corrected = match (reason, &*scheme) {
        (Reason::UnknownScheme, "ipc") => format!("unix://{rest}"),
        (Reason::UnknownScheme, "inproc") => format!("mem://{rest}"),
        (Reason::UnknownScheme, "nats" | "zmq" | "amqp" | "mqtt" | "http") => {
            format!("tcp://{}", authority(rest))
        }
        (Reason::UnknownScheme, "ssl" | "https") => format!("tls://{}", authority(rest)),
        (Reason::AnyHost, _) => format!("{scheme}://{}", rest.replacen('*', "0.0.0.0", 1)),
        (Reason::SlashAtEnd, _) => format!("{scheme}://{}", rest.trim_end_matches('/')),
        _ => return None,
    };
    // Advice that does not work is worse than none.
    corrected
        .parse::<super::Endpoint>()
        .is_ok()
        .then_some(corrected)
}

/// The host and port of a URL, without its path.
fn authority(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[..end].replacen('*', "0.0.0.0", 1)
}

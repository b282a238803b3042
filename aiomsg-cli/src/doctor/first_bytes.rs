//! Other protocols, by the first bytes of their servers.

/// The protocol of a server that begins with these bytes.
pub(super) fn protocol(said: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: &[(&[u8], &str)] = &[
        (b"HTTP/", "http"),
        (b"SSH-", "ssh"),
        (b"\x15\x03", "tls"),
        (b"\x16\x03", "tls"),
        (b"220", "smtp or ftp"),
        (b"+OK", "pop3"),
        (b"* OK", "imap"),
        (b"-ERR", "redis"),
        (b"-DENIED", "redis"),
        (b"INFO {", "nats"),
        (b"AMQP", "amqp"),
        (b"RFB ", "vnc"),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00", "zeromq"),
    ];
    if let [_, 0 | 1, 0, 0, 10, ..] = said {
        return Some("mysql");
    }
    let known = BEGINNINGS.iter().find(|(bytes, _)| said.starts_with(bytes));
    known.map(|(_, name)| *name)
}

/// The first bytes, as far as they fit in a sentence.
pub(super) fn shown(said: &[u8]) -> String {
    said[..said.len().min(24)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_protocols_are_named_and_others_are_not() {
        for (said, name) in [
            (&b"HTTP/1.1 400 Bad Request"[..], Some("http")),
            (b"SSH-2.0-OpenSSH_9.2", Some("ssh")),
            (b"\x15\x03\x03\x00\x02\x02\x32", Some("tls")),
            (b"J\0\0\0\x0a8.0.36", Some("mysql")),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(protocol(said), name);
        }
        assert_eq!(shown(b"\"\0\xff"), "\\\"\\x00\\xff");
    }
}

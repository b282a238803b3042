//! Payloads that say who sent them, and show whether they are whole.

/// Which message it is: its host, the stream there, and its number in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) host: usize,
    pub(crate) stream: usize,
    pub(crate) number: usize,
}

const NAME: usize = 16;

/// The payload of a message, with so many bytes behind its name.
pub(crate) fn payload(name: Name, extra: usize) -> Vec<u8> {
    let Name {
        host,
        stream,
        number,
    } = name;
    let mut payload = format!("h{host:02}s{stream:02}n{number:09}").into_bytes();
    debug_assert_eq!(payload.len(), NAME);
    payload.extend((0..extra).map(|at| filler(name, at)));
    payload
}

/// The name of a payload; `None` where it is not one of ours, or not whole.
pub(crate) fn name(payload: &[u8]) -> Option<Name> {
    let (head, rest) = payload.split_at_checked(NAME)?;
    let head = std::str::from_utf8(head).ok()?.strip_prefix('h')?;
    let (host, head) = head.split_once('s')?;
    let (stream, number) = head.split_once('n')?;
    let name = Name {
        host: host.parse().ok()?,
        stream: stream.parse().ok()?,
        number: number.parse().ok()?,
    };
    let mut rest = rest.iter().enumerate();
    rest.all(|(at, byte)| *byte == filler(name, at))
        .then_some(name)
}

fn filler(name: Name, at: usize) -> u8 {
    (name.host + name.stream + name.number + at) as u8
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.stream, self.number)
    }
}

#[test]
fn a_payload_that_is_not_whole_has_no_name() {
    let it = Name {
        host: 3,
        stream: 1,
        number: 70_000,
    };
    let mut whole = payload(it, 100);
    assert_eq!(name(&whole), Some(it));
    whole[60] ^= 1;
    assert_eq!(name(&whole), None);
    assert_eq!(name(b"h03s01n"), None);
}

//! Payloads that say who sent them, as far as they can.

use crate::plan::Sizes;

/// How many bytes the name of a message takes: as many as an id, so that a
/// message can look like a header and have a name.
const NAME: usize = 16;

/// What a tiny message begins with, and nothing else does.
const TINY: u8 = 0x80;

/// The payload of one message.
pub(crate) fn payload(
    sizes: Sizes,
    (host, stream, number): (usize, usize, usize),
    rng: &mut fastrand::Rng,
) -> Vec<u8> {
    let name = format!("h{host:02}s{stream:02}n{number:09}");
    debug_assert_eq!(name.len(), NAME);
    let mut payload = name.into_bytes();
    match sizes {
        Sizes::Tiny => payload = vec![TINY | stream as u8, (number >> 8) as u8, number as u8],
        Sizes::Ambiguous => match rng.u32(0..6) {
            0 => payload.clear(),
            1 => payload = b"aiomsg-heartbeat".to_vec(),
            2 => payload.extend(b"\0REQ\0"),
            3 => payload.extend(b"\0REP\0"),
            4 => payload.extend(b"\0REQ\0and more"),
            _ => payload.extend(b"\0REP\0and more"),
        },
        Sizes::UpTo(most) => {
            let extra = rng.usize(0..most);
            payload.extend((0..extra).map(|at| (at + number) as u8));
        }
    }
    payload
}

/// Which stream a message belongs to, and its number there; `None` for one
/// without a name.
pub(crate) fn position(payload: &[u8]) -> Option<(usize, usize)> {
    if let &[first @ TINY..=u8::MAX, high, low] = payload {
        let number = usize::from(high) << 8 | usize::from(low);
        return Some((usize::from(first ^ TINY), number));
    }
    let name = std::str::from_utf8(payload.get(..NAME)?).ok()?;
    let (host_and_stream, number) = name.split_once('n')?;
    let (_, stream) = host_and_stream.split_once('s')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

/// The most bytes that a stream's payloads have.
pub(crate) fn largest(sizes: Sizes) -> usize {
    match sizes {
        Sizes::Tiny => 3,
        Sizes::Ambiguous => NAME + 16,
        Sizes::UpTo(most) => NAME + most,
    }
}

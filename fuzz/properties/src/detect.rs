//! The first bytes of a peer.

use aiomsg_core::{Dialect, Identity};
use aiomsg_transport::codec::hello::{self, Opening};
use bytes::BytesMut;

use crate::bytes_in_pieces::Cuts;

/// What the first bytes say does not change when more come, six of them are
/// enough, and a handshake that was taken off a stream is written the same.
pub fn detect(input: &[u8]) {
    let (cuts, wire) = Cuts::take(input);
    let mut decided: Option<Result<Opening, String>> = None;
    for len in 0..=wire.len().min(hello::MAX_LEN + 1) {
        let opening = hello::detect(&wire[..len]).map_err(|error| error.to_string());
        match (&decided, &opening) {
            // The reason may become clearer, as for HTTP.
            (Some(Err(_)), _) => assert!(opening.is_err(), "{len} bytes"),
            (Some(Ok(before)), _) => assert_eq!(opening.as_ref(), Ok(before), "{len} bytes"),
            (None, Ok(Opening::Incomplete)) => assert!(len < 6, "{len} bytes"),
            (None, Ok(Opening::Waiting)) => assert_eq!(wire[..len], hello::PROBE),
            (None, _) => decided = Some(opening),
        }
    }

    for dialect in [Dialect::V1, Dialect::V2019] {
        let whole = take(dialect, &[wire]);
        assert_eq!(take(dialect, &cuts.of(wire)), whole, "{dialect}, in pieces");
        if hello::detect(wire).is_ok_and(|opening| opening == Opening::Speaks(dialect)) {
            assert!(whole.is_ok(), "what is detected is understood");
        }
        if let Ok((Some(identity), rest)) = whole {
            let mut again = BytesMut::new();
            hello::encode(dialect, &identity, &mut again).unwrap();
            assert_eq!([&again[..], &rest[..]].concat(), wire);
            // Of 18 bytes whose first is that of a HELLO, an identity is taken
            // for one.
            if dialect == Dialect::V1 || !again.starts_with(b"\0\0\0\x12\x01") {
                assert_eq!(hello::detect(wire).unwrap(), Opening::Speaks(dialect));
            }
        }
    }
}

type Taken = Result<(Option<Identity>, Vec<u8>), String>;

fn take(dialect: Dialect, pieces: &[&[u8]]) -> Taken {
    let mut src = BytesMut::new();
    let mut identity = None;
    for piece in pieces {
        src.extend_from_slice(piece);
        if identity.is_none() {
            identity = hello::decode(dialect, &mut src).map_err(|error| error.to_string())?;
        }
    }
    Ok((identity, src.to_vec()))
}

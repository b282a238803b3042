use super::*;

/// A frame of a client, with a mask.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = [9, 8, 7, 6];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// Reads these bytes in pieces of this size.
fn read(role: Role, bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Asked>), WebSocketError> {
    let mut unframer = Unframer::new(role);
    let (mut payload, mut asked) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        let mut piece = piece.to_vec();
        let (len, result) = unframer.unframe(&mut piece, &mut |it| asked.push(it));
        payload.extend_from_slice(&piece[..len]);
        result?;
    }
    Ok((payload, asked))
}

#[test]
fn a_message_in_fragments_with_control_frames_between_is_one_stream_in_any_pieces() {
    let long = vec![7; 300];
    let huge = vec![8; 70_000];
    let bytes = [
        masked(0x02, b"in "),
        masked(0x89, b"are you there?"),
        masked(0x00, b""),
        masked(0x8a, b"unasked"),
        masked(0x80, b"pieces"),
        masked(0x82, &long),
        masked(0x82, b""),
        masked(0x82, &huge),
        masked(0x88, b"\x03\xe9bye"),
        b"whatever follows".to_vec(),
    ]
    .concat();
    let wanted = [&b"in pieces"[..], &long, &huge].concat();
    let controls = [Asked::Pong(b"are you there?".to_vec()), Asked::Close(1001)];
    for size in (1..400).chain([4096, 65_536, bytes.len()]) {
        let (payload, asked) = read(Role::Server, &bytes, size).unwrap();
        assert!(payload == wanted, "pieces of {size}");
        assert_eq!(asked, controls, "pieces of {size}");
    }
}

#[test]
fn the_frames_of_a_server_have_no_mask() {
    let (payload, _) = read(Role::Client, b"\x82\x05Hello", 2).unwrap();
    assert_eq!(payload, b"Hello");
    let error = read(Role::Client, &masked(0x82, b"Hello"), 64).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a frame of a server is masked (closed with 1002)"
    );
}

#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    for (bytes, code, word) in [
        (masked(0x81, b"text"), 1003, "text"),
        (masked(0x01, b"text"), 1003, "text"),
        (b"\x82\x01a".to_vec(), 1002, "not masked"),
        (masked(0xc2, b"a"), 1002, "reserved bit"),
        (masked(0xa2, b"a"), 1002, "reserved bit"),
        (masked(0x92, b"a"), 1002, "reserved bit"),
        (masked(0x83, b"a"), 1002, "opcode"),
        (masked(0x8b, b"a"), 1002, "opcode"),
        (masked(0x80, b"a"), 1002, "disorder"),
        (
            [masked(0x02, b"a"), masked(0x82, b"b")].concat(),
            1002,
            "disorder",
        ),
        (masked(0x09, b"a"), 1002, "fragmented or too long"),
        (masked(0x89, &[0; 126]), 1002, "fragmented or too long"),
        (masked(0x88, b"\x03"), 1002, "half a code"),
        (masked(0x88, b"\x03\xed"), 1002, "no valid code"),
        (masked(0x88, b"\0\0"), 1002, "no valid code"),
        (masked(0x88, b"\x03\xe8\xff"), 1002, "no valid code"),
        (
            b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(),
            1002,
            "too long",
        ),
    ] {
        for size in [1, 3, 512] {
            let error = read(Role::Server, &bytes, size).unwrap_err();
            let WebSocketError::Broken { code: is, reason } = error else {
                panic!("{error}");
            };
            assert_eq!(is, code, "{}", bytes.escape_ascii());
            assert!(reason.contains(word), "{reason}");
        }
    }
}

#[test]
fn an_announced_frame_costs_no_memory() {
    let mut unframer = Unframer::new(Role::Server);
    let mut head = *b"\x82\xff\x00\x00\x00\xff\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(unframer.unframe(&mut head, &mut |_| {}), (0, Ok(())));
    let mut piece = vec![1; 1000];
    assert_eq!(unframer.unframe(&mut piece, &mut |_| {}), (1000, Ok(())));
    assert!(unframer.header.capacity() + unframer.control.capacity() < 64);
}

proptest::proptest! {
    /// Whatever comes, in whatever pieces: no panic, and no more payload than came.
    #[test]
    fn garbage_is_survived(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        size in 1..50usize,
        server: bool,
    ) {
        let role = if server { Role::Server } else { Role::Client };
        if let Ok((payload, _)) = read(role, &bytes, size) {
            assert!(payload.len() <= bytes.len());
            let (whole, _) = read(role, &bytes, bytes.len()).unwrap();
            assert_eq!(payload, whole);
        }
    }
}

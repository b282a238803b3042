//! The bytes of a request.

use super::*;

#[test]
fn ids_are_lower_case_hexadecimal_digits() {
    let ids = Ids::new();
    for number in [0, 1, 255, 256, u64::MAX] {
        let id = ids.id_of(number);
        assert_eq!(id.len(), 32);
        assert!(
            id.iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        );
        assert_eq!(ids.number_of(&id), Some(number));
    }
    assert_ne!(Ids::new().id_of(0), ids.id_of(0), "of another run");
}

#[test]
fn only_what_we_write_is_an_id_of_ours() {
    let ids = Ids::new();
    let id = ids.id_of(0xabc);
    let text = String::from_utf8(id.to_vec()).unwrap();
    // Another number under the first half of one that is known.
    let last = text[31..].chars().next().unwrap();
    let flipped = if last == '0' { '1' } else { '0' };
    for other in [
        text[8..].to_owned(),
        text[..8].to_owned(),
        text[..31].to_owned(),
        format!("{text}0"),
        format!("{}+{}", &text[..8], &text[9..]),
        text.to_uppercase()
            .replace(|c: char| c.is_ascii_digit(), "A"),
        format!("{}{}", &text[..16], "ü".repeat(8)),
        format!("{}{flipped}", &text[..31]),
        String::new(),
    ] {
        assert_eq!(ids.number_of(other.as_bytes()), None, "{other}");
    }
    assert_eq!(ids.number_of(&[0xff; 32]), None);
}

/// They were a salt and a counter, so that a peer which had been asked once could
/// answer for every other.
#[test]
fn ids_that_follow_each_other_have_nothing_in_common() {
    let ids = Ids::new();
    let ids: Vec<_> = (0..100).map(|number| ids.id_of(number)).collect();
    for (n, a) in ids.iter().enumerate() {
        for b in &ids[n + 1..] {
            let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
            assert!(same < 16, "{same} digits of {a:?} and {b:?}");
        }
    }
}

#[test]
fn an_id_ends_within_64_bytes() {
    let message = |id: usize| [vec![b'x'; id], vec![0], vec![b'y'; 9]].concat();
    assert_eq!(end_of_id(&message(0)), Some(0));
    assert_eq!(end_of_id(&message(63)), Some(63));
    assert_eq!(end_of_id(&message(64)), None);
    assert_eq!(end_of_id(b""), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_an_id_a_zero_byte_and_the_payload() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let mut service = requests.layer().layer(wire.service());
    let _first = start(&mut service, "a\0b");
    let _second = start(&mut service, "");
    let (first, second) = (wire.sent(0), wire.sent(1));
    assert_eq!((&first.1[..], &second.1[..]), (&b"a\0b"[..], &b""[..]));
    assert_eq!((first.0.len(), second.0.len()), (32, 32));
    assert_ne!(first.0, second.0);
}

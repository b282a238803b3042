use super::*;
use crate::Outbound;

/// An owned payload is moved, wherever it came from.
#[test]
fn what_is_owned_is_not_copied() {
    fn stays(address: *const u8, payload: impl IntoPayload) {
        assert_eq!(payload.into_payload().as_ptr(), address);
    }

    let bytes = Bytes::from_static(b"static");
    stays(bytes.as_ptr(), bytes.clone());
    stays(bytes.as_ptr(), &bytes);
    let vec = b"vec".to_vec();
    stays(vec.as_ptr(), vec);
    let text = String::from("text");
    stays(text.as_ptr(), text);
    let boxed: Box<[u8]> = Box::from(&b"box"[..]);
    stays(boxed.as_ptr(), boxed);
    let mutable = BytesMut::from(&b"mutable"[..]);
    stays(mutable.as_ptr(), mutable);
    let cow: Cow<'_, str> = Cow::Owned("cow".to_owned());
    stays(cow.as_ptr(), cow);
}

#[test]
fn what_is_borrowed_is_copied_and_outlived() {
    let messages = {
        let (text, bytes) = (String::from("text"), vec![1, 2, 3]);
        [
            Outbound::new(&text),
            Outbound::new(&text[1..]),
            Outbound::new(&bytes),
            Outbound::new(&bytes[..2]),
            Outbound::new(b"abc"),
            Outbound::new(Cow::Borrowed(text.as_str())),
            Outbound::new(Cow::Borrowed(&bytes[2..])),
            Outbound::from(text.as_str()),
        ]
    };
    let payloads = messages.map(Outbound::into_payload);
    let expected: [&[u8]; 8] = [
        b"text",
        b"ext",
        &[1, 2, 3],
        &[1, 2],
        b"abc",
        b"text",
        &[3],
        b"text",
    ];
    assert_eq!(payloads.each_ref().map(AsRef::as_ref), expected);
}

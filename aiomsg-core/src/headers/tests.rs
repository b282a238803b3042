use super::*;

fn headers(all: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in all {
        headers.insert(name, value).unwrap();
    }
    headers
}

fn read(bytes: &'static [u8]) -> Result<Headers, Error> {
    Headers::from_bytes(Bytes::from_static(bytes), HeaderLimits::default())
}

#[test]
fn they_travel_byte_for_byte() {
    let wire = b"\x01a\0\x01b\x02cd\0\0";
    let both = headers(&[("a", "b"), ("cd", "")]);
    assert_eq!(&both.as_bytes()[..], wire);
    assert_eq!(read(wire).unwrap(), both);
    assert_eq!(both.iter().collect::<Vec<_>>(), [("a", "b"), ("cd", "")]);
    assert_eq!(format!("{both:?}"), r#"{"a": "b", "cd": ""}"#);
}

#[test]
fn a_name_is_there_once() {
    let mut all = headers(&[("a", "1"), ("b", "2"), ("A", "3")]);
    assert_eq!(all.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3")]);
    assert!(all.remove("B") && !all.remove("b"));
    assert_eq!((all.len(), all.get("b")), (1, None));
    assert!(all.remove("a") && all.is_empty());
}

#[test]
fn names_and_values_that_are_none_are_named() {
    let long = "x".repeat(256);
    let huge = "x".repeat(65_536);
    for (name, value, word) in [
        ("", "", "1 to 255"),
        (&*long, "", "this one has 256"),
        ("a b", "", "\"a b\""),
        ("ä", "", "letters"),
        ("a", "b\nc", "control"),
        ("a", &*huge, "65536"),
    ] {
        let mut before = headers(&[("k", "v")]);
        let error = before.insert(name, value).unwrap_err();
        assert!(error.is_config());
        let text = error.to_string();
        assert!(text.contains(word) && text.len() < 250, "{text}");
        assert_eq!(before, headers(&[("k", "v")]), "they stay as they were");
    }
    // To the byte.
    headers(&[(&long[1..], &huge[1..])]);
}

#[test]
fn bytes_of_a_peer_that_are_none_are_named() {
    for (wire, word) in [
        (&b"\x00\0\x01b"[..], "byte 0: a name has 1 to 255"),
        (b"\x01a\0\x01b\x01A\0\0", "byte 5: a name has lower-case"),
        (b"\x01a\0\x02b", "byte 0 is cut off"),
        (b"\x01a\0\x01b\x05", "byte 5 is cut off"),
        (b"\x01a\0\x01\xff", "not UTF-8"),
        (b"\x01a\0\x01\x1b", "control"),
        (b"\x01a\0\0\x01a\0\0", "byte 4: its name is there twice"),
    ] {
        let error = read(wire).unwrap_err();
        assert!(error.is_protocol());
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn limits_hold_to_the_byte_and_to_the_header() {
    let two = headers(&[("a", "b"), ("c", "d")]);
    for (count, bytes, word) in [
        (2, 10, None),
        (1, 10, Some("are 2")),
        (2, 9, Some("10 bytes")),
    ] {
        let limits = HeaderLimits { count, bytes };
        let own = two.excess(limits);
        let peer = Headers::from_bytes(two.as_bytes().clone(), limits);
        assert_eq!(own.is_none(), peer.is_ok());
        let text = peer.err().map(|it| it.to_string()).unwrap_or_default();
        assert_eq!(
            word.is_some(),
            own.is_some_and(|it| text.contains(&it)),
            "{text}"
        );
        assert!(text.contains(word.unwrap_or_default()), "{text}");
    }
}

#[test]
fn a_name_is_there_once_wherever_it_stands() {
    let names: Vec<_> = (0..20).map(|n| format!("name-{n}")).collect();
    let block = |names: &[String]| {
        let mut bytes = Vec::new();
        for name in names {
            let len = u8::try_from(name.len()).unwrap();
            bytes.extend([&[len], name.as_bytes(), &[0, 0]].concat());
        }
        Headers::from_bytes(bytes.into(), HeaderLimits::default())
    };
    assert_eq!(block(&names).unwrap().len(), 20);
    for first in 0..20 {
        let mut twice = names.clone();
        twice.push(names[first].clone());
        let error = block(&twice).unwrap_err().to_string();
        assert!(error.ends_with("its name is there twice"), "{error}");
    }
}

//! Identities as they are written on the command line.

use aiomsg::Identity;

/// Reads `hex:…`, or text as it is.
///
/// The log, Python and older tools show an identity as 32 digits without the prefix. Such
/// a text is refused: taken as it is, it would be another identity, which nobody has.
pub(crate) fn parse(text: &str) -> Result<Identity, String> {
    let bytes = match text.strip_prefix("hex:") {
        Some(digits) => from_hex(digits)?,
        None if is_bare_hex(text) => {
            return Err(format!(
                "\"{text}\" is the 32 digits of an identity without their prefix: write hex:{text}"
            ));
        }
        None => text.as_bytes().to_vec(),
    };
    Identity::new(bytes).map_err(|error| error.to_string())
}

/// An identity as [`parse`] reads it: printable text as it is, and else `hex:…`.
pub(crate) fn show(identity: &Identity) -> String {
    match std::str::from_utf8(identity.as_bytes()) {
        Ok(text) if is_plain(text) => text.to_owned(),
        _ => format!("hex:{identity}"),
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_graphic())
        && !text.starts_with("hex:")
        && !is_bare_hex(text)
}

/// Whether the text looks like the 16 bytes of an identity in hexadecimal.
fn is_bare_hex(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn from_hex(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("\"{digits}\" is not pairs of hexadecimal digits");
    if digits.len() % 2 == 1 {
        return Err(wrong());
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let pairs = (0..digits.len()).step_by(2);
    let bytes = pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    bytes.collect::<Result<_, _>>().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_hex_are_read_and_nonsense_is_named() {
        assert_eq!(parse("server").unwrap().as_bytes(), b"server");
        assert_eq!(parse("hex:00ff").unwrap().as_bytes(), [0, 255]);
        assert!(parse("hex:0").unwrap_err().contains("pairs"));
        assert!(parse("hex:+1").unwrap_err().contains("pairs"));
        assert!(parse("hex:é").unwrap_err().contains("pairs"));
        assert!(parse("").is_err());
        let digits = "822e0ab5b0974f188767a76853e440c8";
        assert!(
            parse(digits)
                .unwrap_err()
                .ends_with(&format!("write hex:{digits}"))
        );
        assert_eq!(parse(&format!("hex:{digits}")).unwrap().len(), 16);
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for bytes in [
            &b"server"[..],
            b"two words",
            b"hex:00",
            &[0, 255],
            "é".as_bytes(),
            &[b'a'; 32],
            &[b'x'; 255],
        ] {
            let identity = Identity::new(bytes).unwrap();
            assert_eq!(parse(&show(&identity)), Ok(identity));
        }
    }
}

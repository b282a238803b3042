use super::*;
use proptest::prelude::*;

#[test]
fn what_is_no_fingerprint_is_refused() {
    let colons = "AB:".repeat(31) + "AB";
    assert!(colons.parse::<Fingerprint>().is_ok());
    for wrong in [
        "",
        "AB",
        &colons.replace(':', "-"),
        &colons.replacen(':', "A", 1),
        &"G".repeat(64),
        &"é".repeat(32),
        &format!("{colons}:"),
    ] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read(bytes: [u8; 32]) {
        let fingerprint = Fingerprint::from(bytes);
        let shown = fingerprint.to_string();
        prop_assert_eq!(shown.parse(), Ok(fingerprint));
        prop_assert_eq!(shown.replace(':', "").to_lowercase().parse(), Ok(fingerprint));
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = text.parse::<Fingerprint>();
    }
}

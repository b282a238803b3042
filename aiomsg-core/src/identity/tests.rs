use super::*;

#[test]
fn lengths_at_the_edges() {
    assert!(Identity::new([]).is_err());
    for len in [1, 15, 16, 17, 255] {
        let identity = Identity::new(vec![7; len]).unwrap();
        assert_eq!(identity.len(), len);
        assert_eq!(identity.as_bytes(), vec![7; len]);
    }
    let error = Identity::new(vec![7; 256]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an identity has 1 to 255 bytes, this one has 256"
    );
}

#[test]
fn a_prefix_is_another_identity() {
    assert_ne!(Identity::new("a").unwrap(), Identity::new("a\0").unwrap());
}

#[test]
fn the_short_form_hides_the_rest() {
    assert_eq!(
        Identity::new("server").unwrap().short().to_string(),
        "73657276…"
    );
    assert_eq!(Identity::new("c1").unwrap().short().to_string(), "6331");
}

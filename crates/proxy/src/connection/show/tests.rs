use super::*;

#[test]
fn a_text_is_cut_between_characters_and_is_always_text() {
    let long = "é".repeat(200);
    for (bytes, expected) in [
        (&b"/plain"[..], "/plain"),
        (b"", ""),
        (b"\xff/", "\u{fffd}/"),
        (&long.as_bytes()[..300], &long[..256]),
        (&[b"x", long.as_bytes()].concat(), &format!("x{}", &long[..254])),
        (&b"a".repeat(9_000), &"a".repeat(256)),
    ] {
        assert_eq!(&*text(bytes), expected);
    }
    assert!(text(&[0xff; 400]).len() <= TEXT_BYTES_MAX);
}

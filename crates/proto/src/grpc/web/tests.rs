use proptest::prelude::*;

use super::*;
use crate::field::Span;
use crate::head::Version;

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    list.iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
    fields
}

fn call(list: &[(&str, &str)]) -> RequestHead {
    let method = Method::Post;
    RequestHead { method, fields: fields(list), ..RequestHead::of_stream(None) }
}

/// What the endpoint is told the body is, and what an answer of our own says.
fn types(list: &[(&str, &str)]) -> Option<(String, String)> {
    Dialect::of(&call(list)).map(|it| (it.request_type(), it.answer_type()))
}

#[test]
fn a_call_is_a_post_of_one_of_the_media_types() {
    for (value, expected) in [
        ("application/grpc-web", Some(("application/grpc", "application/grpc-web"))),
        (
            "Application/GRPC-Web+proto",
            Some(("application/grpc+proto", "application/grpc-web+proto")),
        ),
        (
            "application/grpc-web+json ; charset=utf-8",
            Some(("application/grpc+json", "application/grpc-web+json")),
        ),
        ("application/grpc-web-text", Some(("application/grpc", "application/grpc-web-text"))),
        (
            "application/grpc-web-text+proto;a=b;c",
            Some(("application/grpc+proto", "application/grpc-web-text+proto")),
        ),
        ("application/grpc", None),
        ("application/grpc+proto", None),
        ("application/grpc-we", None),
        ("application/grpc-web-", None),
        ("application/grpc-webtext", None),
        ("application/grpc-web+", None),
        ("application/grpc-web+a b", None),
        ("application/grpc-web-text-other", None),
        ("", None),
    ] {
        let expected = expected.map(|(asked, said)| (asked.to_owned(), said.to_owned()));
        assert_eq!(types(&[("Content-Type", value)]), expected, "{value}");
    }
    assert_eq!(types(&[]), None);
    let other =
        RequestHead { method: Method::Put, ..call(&[("content-type", "application/grpc-web")]) };
    assert_eq!(Dialect::of(&other), None);
}

#[test]
fn the_answer_is_text_if_the_client_accepts_that_and_else_as_the_request() {
    for (sent, accepted, expected) in [
        ("application/grpc-web-text", "application/grpc-web-text", true),
        ("application/grpc-web", "text/html, application/grpc-web-text+proto;q=0.5", true),
        ("application/grpc-web-text", "application/grpc-web", false),
        ("application/grpc-web-text", "*/*", true),
        ("application/grpc-web", "*/*", false),
    ] {
        let dialect = Dialect::of(&call(&[("content-type", sent), ("accept", accepted)])).unwrap();
        assert_eq!(dialect.reads_text, expected, "{sent} {accepted}");
    }
}

#[test]
fn the_head_of_an_answer_becomes_one_of_the_client() {
    for (asked, said, expected) in [
        ("application/grpc-web", "application/grpc", Some("application/grpc-web")),
        ("application/grpc-web+proto", "application/grpc", Some("application/grpc-web+proto")),
        ("application/grpc-web", "application/grpc+json;x", Some("application/grpc-web+json")),
        ("application/grpc-web-text", "APPLICATION/GRPC", Some("application/grpc-web-text")),
        ("application/grpc-web", "text/html", None),
        ("application/grpc-web", "application/grpc-web", None),
    ] {
        let dialect = Dialect::of(&call(&[("content-type", asked)])).unwrap();
        let fields = fields(&[("a", "1"), ("Content-Type", said), ("trailer", "x"), ("b", "2")]);
        let (status, version, reason) = (200, Version::Http2, Span::default());
        let mut head = ResponseHead { status, version, fields, reason };
        assert_eq!(dialect.translate_head(&mut head), expected.is_some(), "{said}");
        let Some(expected) = expected else { continue };
        let left: Vec<_> = head.fields.iter().map(|field| (field.name, field.value)).collect();
        let now = (&b"content-type"[..], expected.as_bytes());
        assert_eq!(left, [(&b"a"[..], &b"1"[..]), (b"b", b"2"), now]);
        assert!(!head.fields.contains(FieldName::Trailer));
    }
}

#[test]
fn trailers_are_a_frame_of_lines_with_small_letters() {
    let mut out = b"before".to_vec();
    let trailers = [("Grpc-Status", "5"), ("grpc-message", "no: such"), ("content-length", "1")];
    put_trailers(&mut out, &fields(&trailers));
    assert_eq!(out, b"before\x80\0\0\0\x28grpc-status: 5\r\ngrpc-message: no: such\r\n");
    out.clear();
    put_trailers(&mut out, &fields(&[("x", "1\r\ngrpc-status: 0")]));
    assert_eq!(out, b"\x80\0\0\0\0");
}

/// What `pieces` say, and whether that is all.
fn decode(pieces: &[&str]) -> Option<Vec<u8>> {
    let (mut decoder, mut out) = (TextDecoder::default(), Vec::new());
    pieces.iter().try_for_each(|piece| decoder.decode(piece.as_bytes(), &mut out)).ok()?;
    decoder.end().ok().map(|()| out)
}

#[test]
fn text_is_read_however_it_is_cut_and_padded() {
    for (pieces, expected) in [
        (&[][..], Some(&b""[..])),
        (&["YWJj"], Some(b"abc")),
        (&["YW", "Jj", ""], Some(b"abc")),
        (&["Y", "W", "J", "jZGVm"], Some(b"abcdef")),
        (&["YQ=="], Some(b"a")),
        (&["YQ==Yg==Yw=="], Some(b"abc")),
        (&["YQ=", "=YWI=YWJj", "YQ=="], Some(b"aababca")),
        // What is missing, or not of the alphabet.
        (&["YQ"], None),
        (&["YWJjY"], None),
        (&["YQ=a"], None),
        (&["Y==="], None),
        (&["===="], None),
        (&["YW\nJj"], None),
        (&["YW-_"], None),
        (&["YW", "J\u{e4}"], None),
        // Bits that stand for nothing: two texts would say the same.
        (&["YR=="], None),
    ] {
        assert_eq!(decode(pieces).as_deref(), expected, "{pieces:?}");
    }
}

proptest! {
    #[test]
    fn what_is_put_in_pieces_is_read_in_others(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
        size in 1..9_usize,
    ) {
        let mut text = Vec::new();
        pieces.iter().for_each(|piece| put_text(&mut text, piece));
        let (mut decoder, mut out) = (TextDecoder::default(), Vec::new());
        for piece in text.chunks(size) {
            prop_assert_eq!(decoder.decode(piece, &mut out), Ok(()));
        }
        prop_assert_eq!((decoder.end(), out), (Ok(()), pieces.concat()));
    }
}

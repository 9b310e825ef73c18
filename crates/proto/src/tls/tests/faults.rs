//! What is refused, why, and what the client is told.

use super::wire::{Message, record, server_names, vector_8, vector_16};
use super::*;

/// Refused with `fault` and an alert of this number, as a whole and byte by byte.
fn refuse(rows: &[(&str, Vec<u8>)], fault: HelloFault, alert: u8) {
    for (what, wire) in rows {
        assert_eq!(read(wire), malformed(fault), "{what}");
        assert_eq!(read_growing(wire, 0..wire.len()), malformed(fault), "{what}, byte by byte");
    }
    let error = HelloError::Malformed(fault);
    assert_eq!(error.alert().map(Alert::code), Some(alert), "{fault:?}");
    assert_eq!(error.reason(), fault.reason());
}

/// A hello in one record with this one extension.
fn with(kind: u16, content: &[u8]) -> Vec<u8> {
    Message::with(vec![(kind, content.to_vec())]).wire()
}

#[test]
fn other_protocols_are_not_tls_from_the_first_byte_that_shows_it() {
    let others: [&[u8]; 7] = [
        b"G",
        b"\x05",
        b"\0",
        b"\x15\x03\x01",
        b"\x16\x02",
        b"\x16\xfe\xff",
        b"\x80\x2e\x01\x03\x01",
    ];
    for bytes in others {
        assert_eq!(read(bytes), Err(HelloError::NotTls), "{}", bytes.escape_ascii());
    }
    assert_eq!(HelloError::NotTls.alert(), None);
    for bytes in [&b""[..], b"\x16", b"\x16\x03", b"\x16\x03\x04"] {
        assert_eq!(read(bytes), Ok(None), "{}", bytes.escape_ascii());
    }
}

#[test]
fn records_that_must_not_come_are_refused() {
    let message = Message::default().bytes();
    let then = |bytes: &[u8]| [&record(&message[..9]), bytes].concat();
    let alert = then(&[21, 3, 3, 0, 2, 1, 0]);
    let data = then(&[23]);
    refuse(&[("an alert", alert), ("data", data)], HelloFault::ForeignRecord, 10);
    refuse(&[("2.0", then(&[22, 2])), ("DTLS", then(&[22, 0xfe]))], HelloFault::RecordVersion, 70);
    let rows = [("at first", record(b"")), ("in between", then(&record(b"")))];
    refuse(&rows, HelloFault::EmptyRecord, 10);
    let rows = [("by one", vec![22, 3, 1, 0x40, 1]), ("by far", then(&[22, 3, 3, 0xff, 0xff]))];
    refuse(&rows, HelloFault::LongRecord, 22);
    assert_eq!(read(&[22, 3, 1, 0x40, 0]), Ok(None));
}

#[test]
fn a_handshake_begins_with_a_client_hello_and_nothing_in_its_last_record() {
    let other = |kind| Message { kind, ..Message::default() }.wire();
    let rows = [0, 2, 16, 255].map(|kind| ("another message", other(kind)));
    refuse(&rows, HelloFault::OtherMessage, 10);
    let message = Message::default().bytes();
    let (start, end) = message.split_at(9);
    let rows = [
        ("a byte in the only record", record(&[&message[..], &[0]].concat())),
        ("a second hello", record(&[&message[..], &message].concat())),
        ("in the second record", [record(start), record(&[end, &[0]].concat())].concat()),
    ];
    refuse(&rows, HelloFault::BehindHello, 10);
}

#[test]
fn a_hello_of_another_version_than_3_is_refused() {
    let rows = [0x0002, 0x0200, 0x0400, 0xfefd]
        .map(|version| ("version", Message { version, ..Message::default() }.wire()));
    refuse(&rows, HelloFault::LegacyVersion, 70);
}

#[test]
fn a_structure_has_all_its_fields_and_nothing_else() {
    let message = Message::with(vec![(0xaaaa, vec![1, 2, 3])]).bytes();
    // Each shorter message is whole by its own length; without any extensions it is one, too.
    let extensions_at = message.len() - 9;
    for end in (4..message.len()).filter(|&end| end != extensions_at) {
        let mut shorter = message[..end].to_vec();
        shorter[3] = (end - 4) as u8;
        refuse(&[("a shorter message", record(&shorter))], HelloFault::Truncated, 50);
    }
    let rows = [
        ("a name", with(0, &vector_16(&[0, 0, 2, b'a']))),
        ("a name's length", with(0, &vector_16(&[0, 0]))),
        ("a list of names", with(0, &[0, 9, 0, 0, 1, b'a'])),
        ("an empty server name extension", with(0, b"")),
        ("a protocol", with(16, &vector_16(&[1, b'a', 2, b'b']))),
        ("a list of protocols", with(16, &[0, 9, 2, b'h', b'2'])),
        ("an empty ALPN extension", with(16, b"")),
        ("a list of versions", with(43, &[4, 3, 4])),
        ("an empty extension of versions", with(43, b"")),
    ];
    refuse(&rows, HelloFault::Truncated, 50);
    let rows = [
        ("a hello", Message { rest: vec![0], ..Message::with(Vec::new()) }.wire()),
        ("a list of names", with(0, &[0, 4, 0, 0, 1, b'a', 0])),
        ("a list of protocols", with(16, &[0, 2, 1, b'a', 0])),
        ("a list of versions", with(43, &[2, 3, 4, 0])),
    ];
    refuse(&rows, HelloFault::TrailingBytes, 50);
}

#[test]
fn lists_have_a_length_that_they_may_have() {
    let plain = Message::default;
    let rows = [
        ("a session of 33 bytes", Message { session: vec![0; 33], ..plain() }.wire()),
        ("no cipher suite", Message { cipher_suites: Vec::new(), ..plain() }.wire()),
        ("half a cipher suite", Message { cipher_suites: vec![0x13, 1, 0x13], ..plain() }.wire()),
        ("no compression method", Message { compression: Vec::new(), ..plain() }.wire()),
        ("no name", with(0, &vector_16(b""))),
        ("an empty name", with(0, &vector_16(&[0, 0, 0]))),
        ("no protocol", with(16, &vector_16(b""))),
        ("an empty protocol", with(16, &vector_16(&[1, b'a', 0]))),
        ("only an empty protocol", with(16, &vector_16(&[0]))),
        ("no version", with(43, &vector_8(b""))),
        ("half a version", with(43, &vector_8(&[3, 4, 3]))),
        ("128 versions", with(43, &vector_8(&[3; 255]))),
    ];
    refuse(&rows, HelloFault::Length, 50);
}

#[test]
fn an_extension_comes_once() {
    let repeated = |kind, first: &[u8], second: &[u8]| {
        let extensions = vec![(kind, first.to_vec()), (1, Vec::new()), (kind, second.to_vec())];
        Message::with(extensions).wire()
    };
    let name = |name: &[u8]| server_names(&[(0, name)]).1;
    let rows = [
        ("two names", repeated(0, &name(b"a"), &name(b"b"))),
        ("the same name", repeated(0, &name(b"a"), &name(b"a"))),
        ("an unknown one", repeated(0x1234, b"", b"")),
        ("GREASE", repeated(0x0a0a, b"", b"\0")),
    ];
    refuse(&rows, HelloFault::RepeatedExtension, 47);
    let names = Message::with(vec![server_names(&[(0, b"a"), (0, b"b")])]).wire();
    refuse(&[("two names in one list", names)], HelloFault::SeveralNames, 47);
}

#[test]
fn as_many_extensions_as_allowed_are_read_and_not_one_more() {
    let with =
        |count: u16| Message::with((0..count).map(|kind| (100 + kind, Vec::new())).collect());
    assert!(matches!(read(&with(128).wire()), Ok(Some(_))));
    refuse(&[("one more", with(129).wire())], HelloFault::ManyExtensions, 40);
}

#[test]
fn a_name_that_is_none_is_nobodys() {
    let named = |name| Message::with(vec![server_names(&[(0, name)])]).wire();
    refuse(&[("a bad name", named(b"a..b"))], HelloFault::HostName, 112);
}

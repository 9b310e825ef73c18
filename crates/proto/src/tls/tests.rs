use std::ops::Range;

use proptest::prelude::*;

use super::*;
use wire::{Extension, Message, protocols, record, records, server_name, versions};

mod faults;
mod names;
mod wire;

type Outcome = Result<Option<ClientHello>, HelloError>;

fn read(received: &[u8]) -> Outcome {
    ClientHelloReader::new(HELLO_BYTES_MAX).read(received)
}

/// Shows a reader the first so many bytes each time until it answers, and asks once more: the answer stays the same.
fn read_growing(received: &[u8], ends: impl IntoIterator<Item = usize>) -> Outcome {
    let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
    for end in ends {
        let outcome = reader.read(&received[..end]);
        if outcome != Ok(None) {
            assert_eq!(reader.read(&received[..end]), outcome, "{end}");
            return outcome;
        }
    }
    reader.read(received)
}

fn names(hello: &ClientHello) -> Vec<String> {
    hello.protocols().map(|protocol| protocol.escape_ascii().to_string()).collect()
}

fn malformed(fault: HelloFault) -> Outcome {
    Err(HelloError::Malformed(fault))
}

/// What clients really sent; how each was made stands in its file.
const CAPTURED: [(&str, &str); 7] = [
    ("openssl", include_str!("tests/openssl.hex")),
    ("openssl_old", include_str!("tests/openssl_old.hex")),
    ("curl", include_str!("tests/curl.hex")),
    ("gnutls", include_str!("tests/gnutls.hex")),
    ("java", include_str!("tests/java.hex")),
    ("rustls", include_str!("tests/rustls.hex")),
    ("rustls_ech", include_str!("tests/rustls_ech.hex")),
];

fn captured(name: &str) -> Vec<u8> {
    let (_, text) = CAPTURED.iter().find(|(other, _)| *other == name).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// All that a hello says, on a line.
fn summary(hello: &ClientHello) -> String {
    let name = hello.server_name.as_deref().unwrap_or("no name");
    let supported =
        hello.supported_version.map_or("none".into(), |version| format!("{version:04x}"));
    let versions =
        [hello.record_version, hello.legacy_version].map(|version| format!("{version:04x}"));
    let ech = if hello.has_ech { ", ech" } else { "" };
    format!("{name}, {:?}, {} {supported}{ech}", names(hello), versions.join(" "))
}

#[test]
fn the_hellos_of_real_clients_are_understood() {
    let rows = [
        ("openssl", 340, r#"shop.example.com, ["h2", "http/1.1"], 0301 0303 0304"#),
        ("openssl_old", 188, r#"no name, [], 0301 0303 none"#),
        ("curl", 517, r#"www.example.org, ["h2", "http/1.1"], 0301 0303 0304"#),
        ("gnutls", 421, r#"mail.example.net, ["imap", "managesieve"], 0301 0303 0304"#),
        ("java", 465, r#"java.example.com, [], 0303 0303 0304"#),
        ("rustls", 1488, r#"api.example.com, ["h2", "http/1.1"], 0301 0303 0304"#),
        ("rustls_ech", 1921, r#"public.example.com, ["h2"], 0301 0303 0304, ech"#),
    ];
    assert_eq!(rows.map(|(client, ..)| client), CAPTURED.map(|(client, _)| client));
    for (client, length, expected) in rows {
        let wire = captured(client);
        let hello = read(&wire).unwrap().unwrap();
        assert_eq!((wire.len(), summary(&hello).as_str()), (length, expected), "{client}");
    }
}

#[test]
fn a_hello_that_is_cut_off_anywhere_is_not_whole_yet() {
    for (client, _) in CAPTURED {
        let wire = captured(client);
        let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
        for end in 0..wire.len() {
            assert_eq!(read(&wire[..end]), Ok(None), "{client} {end}");
            assert_eq!(reader.read(&wire[..end]), Ok(None), "{client} {end}");
        }
        assert_eq!(reader.read(&wire), read(&wire), "{client}");
        assert!(matches!(read(&wire), Ok(Some(_))), "{client}");
    }
}

#[test]
fn what_was_read_once_is_not_looked_at_again() {
    let wire = records(&captured("rustls")[5..], &[1, 100, 7]);
    let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
    for end in 1..=wire.len() {
        let mut received = wire[..end].to_vec();
        // The header of a record is read when all of it is there.
        received[..end.saturating_sub(5)].fill(0);
        let outcome = reader.read(&received);
        assert_eq!(outcome, if end == wire.len() { read(&wire) } else { Ok(None) }, "{end}");
    }
}

#[test]
fn fewer_bytes_than_before_are_nothing_new() {
    let wire = captured("openssl");
    let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
    for end in [100, 7, 0, 101] {
        assert_eq!(reader.read(&wire[..end]), Ok(None), "{end}");
    }
    assert_eq!(reader.read(&wire), read(&wire));
}

#[test]
fn what_follows_the_hello_in_records_of_its_own_is_left_alone() {
    let hello = captured("java");
    for behind in [&[20, 3, 3, 0, 1, 1][..], &[23, 3, 3, 0, 1, 0], &[0xff; 100]] {
        assert_eq!(read(&[&hello[..], behind].concat()), read(&hello));
    }
}

#[test]
fn a_hello_in_records_of_one_byte_is_understood() {
    for (client, _) in CAPTURED {
        let mut wire = records(&captured(client)[5..], &[1]);
        wire[2] = captured(client)[2];
        assert_eq!(read(&wire), read(&captured(client)), "{client}");
    }
}

#[test]
fn the_limit_is_exact_and_counts_the_headers_of_records() {
    let message = Message::with(vec![server_name(b"a.example")]).bytes();
    for wire in [record(&message), records(&message, &[10]), records(&message, &[1])] {
        for limit in 0..wire.len() {
            let mut reader = ClientHelloReader::new(limit);
            let outcome =
                (0..=limit).map(|end| reader.read(&wire[..end])).find(|found| *found != Ok(None));
            assert_eq!(outcome, Some(Err(HelloError::TooLarge)), "{limit} of {}", wire.len());
        }
        assert_eq!(ClientHelloReader::new(wire.len()).read(&wire), read(&wire));
    }
}

#[test]
fn the_usual_limit_is_16_kib_in_64_records() {
    let padded = |padding| Message::with(vec![(21, vec![0; padding])]).bytes();
    let message = padded(16 * 1024 - padded(0).len());
    assert_eq!(message.len(), 16 * 1024);
    assert!(matches!(read(&record(&message)), Ok(Some(_))));
    assert!(matches!(read(&records(&message, &[256])), Ok(Some(_))));
    assert_eq!(read(&records(&message, &[255])), Err(HelloError::TooLarge));
}

#[test]
fn a_message_that_says_it_is_too_large_is_not_waited_for() {
    assert_eq!(read(&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]), Err(HelloError::TooLarge));
    assert_eq!(read(&[22, 3, 1, 0x40, 0, 1, 1, 0, 50]), Err(HelloError::TooLarge));
    assert_eq!(read(&[22, 3, 1, 0x40, 0, 1, 0, 0x41, 0x40]), Err(HelloError::TooLarge));
    assert_eq!(read(&[22, 3, 1, 0x40, 0, 1, 0, 0x40, 0]), Ok(None));
    assert_eq!(HelloError::TooLarge.alert(), Some(Alert::HandshakeFailure));
}

#[test]
fn versions_and_protocols_that_only_keep_servers_tolerant_are_ignored() {
    let hello = Message::with(vec![
        (0x3a3a, Vec::new()),
        versions(&[0x7f1c, 0xfefd, 0x0302, 0x0304, 0x0303, 0xfafa]),
        protocols(&[b"\x0a\x0a", b"h2", b"\xfa\xfa", b"\x0a\x1a", b"\x0a", b"\x0a\x0a\x0a", b"aa"]),
        (0xdada, vec![0]),
    ]);
    let expected = r#"no name, ["h2", "\\n\\x1a", "\\n", "\\n\\n\\n", "aa"], 0301 0303 0304"#;
    let hello = read(&hello.wire()).unwrap().unwrap();
    assert_eq!((summary(&hello).as_str(), hello.version()), (expected, 0x0304));
    let hello = Message::with(vec![versions(&[0x0a0a, 0x7f1c])]);
    let hello = read(&hello.wire()).unwrap().unwrap();
    assert_eq!((hello.supported_version, hello.version()), (None, 0x0303));
}

#[test]
fn a_hello_from_before_tls_1_2_may_have_no_extensions() {
    for extensions in [None, Some(Vec::new())] {
        let hello = Message { version: 0x0301, extensions, ..Message::default() };
        let hello = read(&hello.wire()).unwrap().unwrap();
        assert_eq!(
            (summary(&hello).as_str(), hello.version()),
            ("no name, [], 0301 0301 none", 0x0301)
        );
    }
}

#[test]
fn an_alert_is_a_record_that_a_client_understands() {
    assert_eq!(Alert::UnrecognizedName.fatal_record(), [21, 3, 3, 0, 2, 2, 112]);
    assert_eq!(Alert::NoApplicationProtocol.fatal_record(), [21, 3, 3, 0, 2, 2, 120]);
    assert_eq!(Alert::MissingExtension.fatal_record(), [21, 3, 3, 0, 2, 2, 109]);
    assert_eq!(Alert::InternalError.fatal_record(), [21, 3, 3, 0, 2, 2, 80]);
}

/// A message with extensions that matter, that do not, and that are wrong.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |length: Range<usize>| prop::collection::vec(any::<u8>(), length);
    let extension = prop_oneof![
        "[a-zA-Z0-9_.-]{1,20}".prop_map(|name| server_name(name.as_bytes())),
        prop::collection::vec("[a-z0-9/.]{1,9}", 1..4)
            .prop_map(|list| { protocols(&list.iter().map(String::as_bytes).collect::<Vec<_>>()) }),
        prop::collection::vec(any::<u16>(), 1..5).prop_map(|list| versions(&list)),
        (prop::sample::select(&[0, 16, 43, 0xfe0d, 51][..]), bytes(0..40)),
        (any::<u16>(), bytes(0..300)),
    ];
    prop::collection::vec(extension, 0..8).prop_map(|extensions| Message::with(extensions).bytes())
}

/// Where bytes end each time that they are looked at.
fn ends(length: usize, steps: &[usize]) -> Vec<usize> {
    let steps = steps.iter().cycle().scan(0, |end, step| {
        *end += step;
        Some(*end)
    });
    steps.take_while(|&end| end <= length).collect()
}

/// How bytes begin that are taken for a hello for a while.
const BEGINNINGS: [&[u8]; 4] =
    [b"", b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\x00\xff\x01\x00\x00\x70\x03\x03"];

proptest! {
    #[test]
    fn records_and_segments_make_no_difference(
        message in message(),
        sizes in prop::collection::vec(1..400_usize, 1..6),
        steps in prop::collection::vec(1..300_usize, 1..6),
    ) {
        let wire = records(&message, &sizes);
        let whole = read(&record(&message));
        prop_assert_eq!(&read(&wire), &whole);
        prop_assert_eq!(&read_growing(&wire, ends(wire.len(), &steps)), &whole);
        // Only the last byte of a message that is well framed decides.
        prop_assert_eq!(read_growing(&wire, 0..wire.len()), whole);
        prop_assert_eq!(read(&wire[..wire.len() - 1]), Ok(None));
    }

    #[test]
    fn damaged_hellos_are_read_alike_however_they_come(
        client in prop::sample::select(&CAPTURED[..]),
        sizes in prop::collection::vec(1..700_usize, 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut wire = records(&captured(client.0)[5..], &sizes);
        for (place, byte) in damage {
            let place = place.index(wire.len());
            wire[place] = byte;
        }
        prop_assert_eq!(read_growing(&wire, 0..wire.len()), read(&wire));
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_come(
        begin in prop::sample::select(&BEGINNINGS[..]),
        bytes in prop::collection::vec(prop_oneof![Just(0), Just(3), Just(22), any::<u8>()], 0..200),
    ) {
        let wire = [begin, &bytes].concat();
        prop_assert_eq!(read_growing(&wire, 0..wire.len()), read(&wire));
    }

    #[test]
    fn what_a_client_says_is_what_is_read(
        label in "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?",
        list in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..256), 1..8),
        kinds in prop::collection::hash_set(100..0x0a00_u16, 0..9),
        length in 0..500_usize,
    ) {
        let name = format!("{label}.{label}.example");
        let borrowed: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
        let mut extensions: Vec<Extension> = kinds.into_iter().map(|kind| (kind, vec![kind as u8; length])).collect();
        extensions.insert(extensions.len() / 2, server_name(name.to_ascii_uppercase().as_bytes()));
        extensions.push(protocols(&borrowed));
        let hello = read(&Message::with(extensions).wire()).unwrap().unwrap();
        prop_assert_eq!(hello.server_name.as_deref(), Some(name.as_str()));
        let grease = |protocol: &&[u8]| matches!(**protocol, [a, b] if a == b && a & 15 == 10);
        prop_assert!(hello.protocols().eq(borrowed.into_iter().filter(|protocol| !grease(protocol))));
    }
}

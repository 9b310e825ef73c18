//! Which strings are taken for the name of a host.

use super::wire::{Message, server_name, server_names};
use super::*;

/// Types and names.
type Names<'a> = &'a [(u8, &'a [u8])];

fn named(name: &[u8]) -> Result<Option<String>, HelloError> {
    let hello = read(&Message::with(vec![server_name(name)]).wire())?.unwrap();
    Ok(hello.server_name.map(String::from))
}

#[test]
fn names_of_hosts_come_in_lower_case() {
    let label = "a".repeat(63);
    let longest = [&label[..], &label, &label, &label[..61]].join(".");
    assert_eq!(longest.len(), 253);
    let rows = [
        ("a", "a"),
        ("localhost", "localhost"),
        ("Shop.EXAMPLE.com", "shop.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("r3---sn-1.example", "r3---sn-1.example"),
        ("_dmarc.db_1_.example", "_dmarc.db_1_.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("1.2.3.4a", "1.2.3.4a"),
        ("0.a", "0.a"),
        ("a.", "a"),
        ("a.Example.", "a.example"),
        (&longest, &longest),
    ];
    for (sent, expected) in rows {
        assert_eq!(named(sent.as_bytes()), Ok(Some(expected.into())), "{sent}");
    }
}

#[test]
fn what_cannot_be_the_name_of_a_host_is_refused() {
    let label = "a".repeat(63);
    let too_long = [&label[..], &label, &label, &label[..62]].join(".");
    let too_long_label = "a".repeat(64);
    let refused: [&[u8]; 24] = [
        b".",
        b"a..",
        b".a",
        b"a..b",
        b"-a",
        b"a-",
        b"a.-b",
        b"a-.b",
        b"-",
        b"a b",
        b" a",
        b"a\0",
        b"a\0.b",
        b"a\n",
        b"a/b",
        b"a:443",
        b"*.example",
        b"user@a",
        b"a%2eb",
        b"b\xc3\xbccher.example",
        b"\xff",
        b"[a]",
        too_long.as_bytes(),
        too_long_label.as_bytes(),
    ];
    for name in refused {
        let expected = Err(HelloError::Malformed(HelloFault::HostName));
        assert_eq!(named(name), expected, "{}", name.escape_ascii());
    }
}

#[test]
fn an_address_is_not_a_name() {
    let addresses = [
        "192.0.2.1",
        "127.1",
        "0",
        "1.2.3.4.5",
        "a.1",
        "2001:db8::1",
        "::",
        "::ffff:192.0.2.1",
        "[::1]",
        "192.0.2.1.",
    ];
    for address in addresses {
        assert_eq!(named(address.as_bytes()), Ok(None), "{address}");
    }
}

#[test]
fn names_of_unknown_types_are_skipped() {
    let rows: [(Names<'_>, Option<&str>); 3] = [
        (&[(1, b"?")], None),
        (&[(1, b"?"), (0, b"a"), (1, b"?")], Some("a")),
        (&[(0, b"a"), (255, b"\0")], Some("a")),
    ];
    for (names, expected) in rows {
        let hello = read(&Message::with(vec![server_names(names)]).wire()).unwrap().unwrap();
        assert_eq!(hello.server_name.as_deref(), expected, "{names:?}");
    }
}

//! Any bytes as an answer's head. What we accept goes on as exactly one answer, for us and for hyper alike.
#![no_main]

use evenkeel_fuzz::heads::{self, DATE};
use evenkeel_fuzz::hyper_client;
use evenkeel_fuzz::pieces::cut;
use evenkeel_fuzz::stream;
use evenkeel_proto::field::FieldName;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::{
    Connection, Framing, LAST_CHUNK, Outward, chunk_prefix, interim_head, response_framing,
    response_head,
};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::Additions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = heads::response(bytes);
    heads::assert_same_when_cut(&heads::response(&bytes[..cut(bytes)]), &whole);
    let Ok(Some((head, _))) = whole else { return };
    // 101 is what `upgrade_and_websocket` is about.
    if head.is_interim() {
        pass_on_interim(&head);
    } else if head.status != 101 {
        pass_on(&head, Method::Get);
        pass_on(&head, Method::Head);
    }
});

fn pass_on(head: &ResponseHead, method: Method) {
    let Ok(framing) = response_framing(head, method) else { return };
    // As for a client of HTTP/1.1.
    let framing = if framing == Framing::UntilClose { Framing::Chunked } else { framing };
    let outward = Outward {
        framing,
        connection: Connection::Implied,
        trailers: framing == Framing::Chunked,
        additions: Additions {
            request_id: b"0123456789abcdef",
            date: DATE,
            strict_transport: None,
        },
    };
    let mut wire = Vec::new();
    response_head(&mut wire, head, &outward);
    let (again, length) = heads::response(&wire).expect("readable").expect("whole");
    assert_eq!(length, wire.len());
    assert_eq!((again.status, again.reason()), (head.status, head.reason()));
    assert_eq!(response_framing(&again, method), Ok(framing));
    assert_fields_went_on(head, &again);
    assert_hyper_agrees(&again, method, framing, wire);
}

fn assert_fields_went_on(head: &ResponseHead, again: &ResponseHead) {
    let mut expected = heads::unchanged(&head.fields);
    if !head.fields.contains(FieldName::Date) {
        expected.push((b"Date".to_vec(), DATE.into()));
    }
    expected.push((b"Via".to_vec(), format!("{} evenkeel", head.version.via()).into_bytes()));
    assert_eq!(heads::unchanged(&again.fields), expected);
}

fn pass_on_interim(head: &ResponseHead) {
    let mut wire = Vec::new();
    interim_head(&mut wire, head);
    let (again, length) = heads::response(&wire).expect("readable").expect("whole");
    assert_eq!((length, again.status), (wire.len(), head.status));
    assert_eq!(heads::all(&again.fields), heads::unchanged(&head.fields));
    wire.extend_from_slice(SENTINEL);
    let seen = hyper_client::answers(b"GET", &wire, SENTINEL);
    let [one, two] = seen.unwrap_or_else(|error| panic!("{error}: {}", wire.escape_ascii()));
    assert_eq!((one.status, two.status), (299, 299));
}

fn assert_hyper_agrees(head: &ResponseHead, method: Method, framing: Framing, mut wire: Vec<u8>) {
    let Some(body) = put_body(&mut wire, framing) else { return };
    let strict = stream::answer(&wire, method.label());
    let strict = strict.unwrap_or_else(|error| panic!("{error}: {}", wire.escape_ascii()));
    assert!(strict.is_some_and(|answer| answer.complete && answer.end == wire.len()));
    let seen = hyper_client::answers(method.label().as_bytes(), &wire, SENTINEL);
    let [one, two] = seen.unwrap_or_else(|error| panic!("{error}: {}", wire.escape_ascii()));
    assert_eq!((one.status, two.status), (head.status, 299), "{}", wire.escape_ascii());
    assert_eq!(one.body, body, "{}", wire.escape_ascii());
    for field in head.fields.iter() {
        let ours = head.fields.iter().filter(|other| other.name.eq_ignore_ascii_case(field.name));
        let theirs = one.fields.iter().filter(|other| other.0.eq_ignore_ascii_case(field.name));
        let ours: Vec<_> = ours.map(|other| other.value).collect();
        assert_eq!(ours, theirs.map(|other| &other.1[..]).collect::<Vec<_>>());
    }
    assert_eq!(head.fields.count(), one.fields.len());
}

fn put_body(wire: &mut Vec<u8>, framing: Framing) -> Option<Vec<u8>> {
    let body = match framing {
        Framing::Length(length) if length > 10_000 => return None,
        Framing::Length(length) => vec![b'x'; length as usize],
        Framing::Chunked => b"hello".to_vec(),
        Framing::Empty | Framing::UntilClose => Vec::new(),
    };
    if framing == Framing::Chunked {
        chunk_prefix(wire, body.len());
        wire.extend_from_slice(&[&body, &b"\r\n"[..], LAST_CHUNK].concat());
    } else {
        wire.extend_from_slice(&body);
    }
    Some(body)
}

const SENTINEL: &[u8] = b"HTTP/1.1 299 sentinel\r\nContent-Length: 2\r\n\r\nok";

//! Any bytes as a request's head. What we accept goes on as exactly one request, for us and for hyper alike: the invariant
//! without which requests can be smuggled.
#![no_main]

use evenkeel_fuzz::heads::{self, ALL_NAMES, ENDPOINT};
use evenkeel_fuzz::hyper_server::{self, Seen};
use evenkeel_fuzz::pieces::cut;
use evenkeel_fuzz::stream;
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::forward::expects_continue;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{Framing, LAST_CHUNK, chunk_prefix, request_framing, request_head};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::Onward;
use evenkeel_proto::path::{Ambiguity, EmptySegments, PathRules};
use evenkeel_proto::upgrade;
use hyper::http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for names in ALL_NAMES {
        let whole = heads::request(bytes, names);
        heads::assert_same_when_cut(&heads::request(&bytes[..cut(bytes)], names), &whole);
        for listener in [STRICT, LOOSE] {
            if let Ok(Some((head, _))) = heads::request(bytes, names) {
                pass_on(head, &listener);
            }
        }
    }
});

/// As the proxy does it: refused, or rendered and judged.
fn pass_on(mut head: RequestHead, listener: &Listener) {
    let Ok(framing) = request_framing(&head) else { return };
    // Never passed on.
    if matches!(head.method, Method::Connect | Method::Trace) {
        return;
    }
    if head.normalise_path(&listener.paths).is_err() {
        return;
    }
    let Ok(expects_continue) = expects_continue(&head, framing) else { return };
    let Ok(offer) = upgrade::offered(&head, framing) else { return };
    let offers_upgrade = offer.is_some();
    let client = heads::client(listener.trusts);
    let (endpoint, deadline) = (ENDPOINT, None);
    let onward = Onward {
        client,
        framing,
        expects_continue,
        offers_upgrade,
        offers_websocket: offers_upgrade,
        endpoint,
        deadline,
        call: None,
    };
    let mut wire = Vec::new();
    request_head(&mut wire, &head, &onward);
    let again = assert_ours_agrees(&head, framing, &wire, listener);
    assert_hyper_agrees(&again, framing, wire);
}

fn assert_ours_agrees(
    head: &RequestHead,
    framing: Framing,
    wire: &[u8],
    listener: &Listener,
) -> RequestHead {
    let parsed = heads::request(wire, UnusualNames::Keep).expect("what we write we can read");
    let (mut again, length) = parsed.expect("what we write is whole");
    assert_eq!(length, wire.len());
    assert_eq!(again.method_token(), head.method_token());
    assert_eq!(again.path(), head.path());
    assert_eq!(again.authority(), head.authority().or(Some(ENDPOINT.as_bytes())));
    assert_eq!(request_framing(&again), Ok(framing));
    let mut expected = heads::unchanged_request(&head.fields, listener.trusts);
    expected.push((b"Via".to_vec(), format!("{} evenkeel", head.version.via()).into_bytes()));
    assert_eq!(heads::unchanged_request(&again.fields, listener.trusts), expected);
    again.normalise_path(&listener.paths).expect("a path in normal form");
    assert_eq!(again.path(), head.path(), "a path in normal form stays");
    again
}

/// One request with its body, then another: hyper must see these two.
fn assert_hyper_agrees(head: &RequestHead, framing: Framing, mut wire: Vec<u8>) {
    let Some(body) = put_body(&mut wire, framing) else { return };
    let strict = stream::requests(&wire);
    let strict = strict.unwrap_or_else(|error| panic!("{error}: {}", wire.escape_ascii()));
    assert!(strict.len() == 1 && strict[0].complete, "{strict:?}");
    wire.extend_from_slice(b"GET /sentinel HTTP/1.1\r\nHost: sentinel\r\n\r\n");
    let seen = hyper_server::requests(&wire);
    if is_refused_by_hyper(head) && seen.is_empty() {
        return;
    }
    let show = || format!("{}\n{seen:#?}", wire.escape_ascii());
    let [one, two] = &seen[..] else { panic!("not two requests: {}", show()) };
    assert_eq!((two.target.as_str(), two.method.as_str()), ("/sentinel", "GET"), "{}", show());
    assert_eq!(one.method.as_bytes(), head.method_token());
    assert_eq!(one.target.as_bytes(), head.path());
    assert_eq!(one.body.as_ref(), Some(&body), "{}", show());
    assert_same_fields(head, one);
}

fn assert_same_fields(head: &RequestHead, seen: &Seen) {
    for field in head.fields.iter() {
        let named = |name: &[u8]| name.eq_ignore_ascii_case(field.name);
        let ours = head.fields.iter().filter(|other| named(other.name)).map(|other| other.value);
        assert_eq!(ours.collect::<Vec<_>>(), seen.values(field.name));
    }
    assert_eq!(head.fields.count(), seen.fields.len());
}

/// A body that fits; `None` if it would be too much.
fn put_body(wire: &mut Vec<u8>, framing: Framing) -> Option<Vec<u8>> {
    let body = match framing {
        Framing::Length(length) if length > 10_000 => return None,
        Framing::Length(length) => vec![b'x'; length as usize],
        Framing::Chunked => b"hello".to_vec(),
        Framing::Empty | Framing::UntilClose => Vec::new(),
    };
    if framing == Framing::Chunked {
        chunk_prefix(wire, body.len());
        wire.extend_from_slice(&body);
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(LAST_CHUNK);
    } else {
        wire.extend_from_slice(&body);
    }
    Some(body)
}

/// hyper's type for targets takes fewer characters than we do. To refuse the whole is no misunderstanding.
fn is_refused_by_hyper(head: &RequestHead) -> bool {
    PathAndQuery::try_from(head.path()).is_err()
}

/// What decides how a request goes on.
struct Listener {
    trusts: bool,
    paths: PathRules,
}

const STRICT: Listener = Listener {
    trusts: false,
    paths: PathRules {
        encoded_slash: Ambiguity::Refuse,
        encoded_nul: Ambiguity::Refuse,
        backslash: Ambiguity::Refuse,
        overlong_utf8: Ambiguity::Refuse,
        bad_escape: Ambiguity::Refuse,
        dot_segments: Ambiguity::Refuse,
        empty_segments: EmptySegments::Keep,
    },
};

const LOOSE: Listener = Listener {
    trusts: true,
    paths: PathRules {
        encoded_slash: Ambiguity::Keep,
        encoded_nul: Ambiguity::Keep,
        backslash: Ambiguity::Keep,
        overlong_utf8: Ambiguity::Keep,
        bad_escape: Ambiguity::Keep,
        dot_segments: Ambiguity::Keep,
        empty_segments: EmptySegments::Merge,
    },
};

//! Heads parsed and rendered as the proxy does it. Called by the targets.

use std::net::{IpAddr, Ipv4Addr};

use evenkeel_proto::field::{Field, FieldName, Fields, UnusualNames};
use evenkeel_proto::forward::{ClientFacts, claims_client, end_to_end};
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{ParseError, ParseLimits, parse_request, parse_response};

pub type Parsed<H> = Result<Option<(H, usize)>, ParseError>;

pub const ALL_NAMES: [UnusualNames; 3] =
    [UnusualNames::Drop, UnusualNames::Refuse, UnusualNames::Keep];

/// What a rendered head says about the client.
pub const fn client(trusted: bool) -> ClientFacts<'static> {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let request_id = b"0123456789abcdef";
    ClientFacts { address, scheme: "http", trusted, request_id, certificate: None }
}

pub const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

pub const ENDPOINT: &str = "endpoint.example:80";

pub fn limits(names: UnusualNames) -> ParseLimits {
    ParseLimits { fields: 100, target_bytes: 8192, names }
}

pub fn request(bytes: &[u8], names: UnusualNames) -> Parsed<RequestHead> {
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(bytes);
    let parsed = parse_request(&mut fields, bytes.len(), limits(names));
    assert!(
        !matches!(parsed, Ok(None)) || fields.buffer == bytes,
        "an unfinished head was changed"
    );
    parsed
}

pub fn response(bytes: &[u8]) -> Parsed<ResponseHead> {
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(bytes);
    let parsed = parse_response(&mut fields, bytes.len(), limits(UnusualNames::Keep));
    assert!(
        !matches!(parsed, Ok(None)) || fields.buffer == bytes,
        "an unfinished head was changed"
    );
    parsed
}

/// A head that was decided upon before all of it had come was decided upon as it is now.
pub fn assert_same_when_cut<H>(part: &Parsed<H>, whole: &Parsed<H>) {
    match (part, whole) {
        (Ok(None), _) => {}
        (Ok(Some((_, part))), Ok(Some((_, whole)))) => assert_eq!(part, whole, "another end"),
        (Err(part), Err(whole)) => assert_eq!(part, whole, "another error"),
        (Ok(Some(_)), _) => panic!("a part was accepted, the whole is not"),
        (Err(error), _) => panic!("a part is {error:?}, the whole is not"),
    }
}

pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The fields of an answer that go on unchanged to the client.
pub fn unchanged(fields: &Fields) -> Pairs {
    pairs(end_to_end(fields))
}

/// The fields of a request that go on unchanged to the endpoint.
pub fn unchanged_request(fields: &Fields, trusted: bool) -> Pairs {
    let stays = |field: &Field<'_>| {
        field.id != FieldName::MaxForwards && (trusted || !claims_client(field))
    };
    pairs(end_to_end(fields).filter(stays))
}

/// All fields.
pub fn all(fields: &Fields) -> Pairs {
    pairs(fields.iter())
}

fn pairs<'a>(fields: impl Iterator<Item = Field<'a>>) -> Pairs {
    fields.map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

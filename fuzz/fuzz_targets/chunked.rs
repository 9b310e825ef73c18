//! A chunked body in pieces: the first byte says how it is cut, the others are the body. What we take for a body hyper takes for
//! the same body with the same end.
#![no_main]

use evenkeel_fuzz::hyper_server;
use evenkeel_fuzz::pieces::pieces;
use evenkeel_proto::http1::{
    BodyDecoder, BodyError, Framing, LAST_CHUNK, chunk_prefix, parse_trailers, trailer_section,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, wire)) = bytes.split_first() else { return };
    let whole = decode(&[wire]);
    let cut = decode(&pieces(wire, seed));
    let (whole, cut) = match (whole, cut) {
        (Ok(whole), Ok(cut)) => (whole, cut),
        (whole, cut) => {
            assert_eq!(whole.err(), cut.err(), "it depends on how it is cut");
            return;
        }
    };
    assert_eq!(whole, cut, "it depends on how it is cut");
    if whole.done {
        assert_hyper_agrees(&whole, wire);
        assert_survives_encoding(&whole);
    }
});

#[derive(Debug, PartialEq)]
struct Body {
    payload: Vec<u8>,
    consumed: usize,
    done: bool,
    trailers: Vec<u8>,
}

fn decode(pieces: &[&[u8]]) -> Result<Body, BodyError> {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let mut body = Body { payload: Vec::new(), consumed: 0, done: false, trailers: Vec::new() };
    for piece in pieces {
        let mut piece = piece.to_vec();
        let decoded = decoder.decode(&mut piece)?;
        assert!(decoded.payload <= decoded.consumed && decoded.consumed <= piece.len());
        assert!(decoder.is_done() || decoded.consumed == piece.len(), "it stopped before its end");
        body.payload.extend_from_slice(&piece[..decoded.payload]);
        body.consumed += decoded.consumed;
    }
    assert_eq!(decoder.end_of_stream().is_ok(), decoder.is_done());
    Ok(Body { done: decoder.is_done(), trailers: decoder.trailers().to_vec(), ..body })
}

fn assert_hyper_agrees(body: &Body, wire: &[u8]) {
    // Trailers that are no fields we drop, hyper refuses them with all that they belong to.
    if !body.trailers.is_empty() && parse_trailers(&body.trailers).is_none() {
        return;
    }
    let mut stream = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    stream.extend_from_slice(&wire[..body.consumed]);
    stream.extend_from_slice(b"GET /sentinel HTTP/1.1\r\nHost: sentinel\r\n\r\n");
    let seen = hyper_server::requests(&stream);
    let show = || format!("{}\n{seen:#?}", stream.escape_ascii());
    let [one, two] = &seen[..] else { panic!("not two requests: {}", show()) };
    assert_eq!(one.body.as_ref(), Some(&body.payload), "{}", show());
    assert_eq!(two.target, "/sentinel", "{}", show());
}

/// What goes on is what came, in chunks of ours.
fn assert_survives_encoding(body: &Body) {
    let mut wire = Vec::new();
    for chunk in body.payload.chunks(7) {
        chunk_prefix(&mut wire, chunk.len());
        wire.extend_from_slice(&[chunk, b"\r\n"].concat());
    }
    let without = wire.len();
    wire.extend_from_slice(LAST_CHUNK);
    let again = decode(&[&wire]).expect("what we write we can read");
    assert_eq!((&again.payload, again.consumed, again.done), (&body.payload, wire.len(), true));
    if let Some(trailers) = parse_trailers(&body.trailers) {
        wire.truncate(without);
        trailer_section(&mut wire, &trailers);
        let again = decode(&[&wire]).expect("trailers that we write we can read");
        assert_eq!((&again.payload, again.consumed, again.done), (&body.payload, wire.len(), true));
        assert!(again.trailers.is_empty() || parse_trailers(&again.trailers).is_some());
    }
}

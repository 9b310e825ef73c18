//! The text of gRPC-Web, behind one byte that says how it is cut: what it says does not depend on that, and is written as the same text, piece by
//! piece. The fields of an answer, as trailers: a frame with a line for each that may go on.
#![no_main]

use evenkeel_fuzz::heads;
use evenkeel_fuzz::pieces::pieces;
use evenkeel_proto::field::Fields;
use evenkeel_proto::grpc::web::{TextDecoder, put_text, put_trailers};
use evenkeel_proto::trailer::is_trailer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, text)) = bytes.split_first() else { return };
    let said = decode(&[text]);
    assert_eq!(decode(&pieces(text, seed)), said, "it depends on how it is cut");
    if said.is_some() {
        assert_eq!(written_again(text), text);
    }
    let mut written = Vec::new();
    pieces(text, seed).into_iter().for_each(|piece| put_text(&mut written, piece));
    assert_eq!(decode(&[&written]).as_deref(), Some(text));
    if let Ok(Some((answer, _))) = heads::response(text) {
        assert_frame(&answer.fields);
    }
});

fn decode(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let (mut decoder, mut out) = (TextDecoder::default(), Vec::new());
    for piece in pieces {
        decoder.decode(piece, &mut out).ok()?;
    }
    decoder.end().ok().map(|()| out)
}

/// Each piece ends where the text is padded.
fn written_again(mut text: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    while !text.is_empty() {
        let padding = text.iter().position(|&byte| byte == b'=');
        let (piece, rest) = text.split_at(padding.map_or(text.len(), |at| at / 4 * 4 + 4));
        put_text(&mut written, &decode(&[piece]).expect("it was read before"));
        text = rest;
    }
    written
}

fn assert_frame(trailers: &Fields) {
    let mut frame = Vec::new();
    put_trailers(&mut frame, trailers);
    let (header, lines) = frame.split_at(5);
    assert_eq!((header[0], header[1..].to_vec()), (0x80, (lines.len() as u32).to_be_bytes().into()));
    let breaks = lines.windows(2).filter(|pair| pair == b"\r\n").count();
    assert_eq!(breaks, trailers.iter().filter(is_trailer).count());
    assert_eq!(lines.iter().filter(|byte| b"\r\n".contains(byte)).count(), 2 * breaks);
}

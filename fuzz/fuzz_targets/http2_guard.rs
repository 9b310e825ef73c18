//! Both directions of an HTTP/2 connection: the first byte says who is at the other end and how the bytes are cut, the others are
//! frames; those that go are marked by the reserved bit of their stream. What the guard objects to does not depend on how bytes are
//! cut, nothing passes behind it, and what passes without an objection are frames as a reader without a state finds them.
#![no_main]

use std::sync::Arc;

use evenkeel_fuzz::pieces::pieces;
use evenkeel_proto::http2::frame::{FrameHeader, FrameKind, HEADER_BYTES};
use evenkeel_proto::http2::{Guard, Limits, Objection, Side};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, wire)) = bytes.split_first() else { return };
    let frames = frames(wire);
    let whole = run(&frames, seed, |bytes| vec![bytes]);
    let cut = run(&frames, seed, |bytes| pieces(bytes, seed));
    assert_eq!(cut.1, whole.1, "it depends on how it is cut");
    assert!(cut.0 >= whole.0, "less passes in pieces");
    if whole.1.is_none() {
        assert_frames(&frames);
    }
});

/// How much passed, and what was objected to.
type Outcome = (usize, Option<Objection>);

/// The frames of the input, the last one perhaps cut, and whether each goes or comes.
fn frames(mut wire: &[u8]) -> Vec<(&[u8], bool)> {
    let mut frames = Vec::new();
    while let Some(header) = wire.first_chunk::<HEADER_BYTES>() {
        let end = HEADER_BYTES + FrameHeader::read(header).length as usize;
        let (frame, rest) = wire.split_at(end.min(wire.len()));
        frames.push((frame, header[5] & 0x80 != 0));
        wire = rest;
    }
    frames
}

fn run<'a>(
    frames: &[(&'a [u8], bool)],
    seed: u8,
    cut: impl Fn(&'a [u8]) -> Vec<&'a [u8]>,
) -> Outcome {
    let (side, limits) = match seed & 1 {
        0 => (Side::FacingClient, Limits::facing_client()),
        _ => (Side::FacingEndpoint, Limits::facing_endpoint()),
    };
    let mut guard = Guard::new(side, Arc::new(limits));
    let mut passed = 0;
    for (now, &(frame, goes)) in frames.iter().enumerate() {
        for piece in cut(frame) {
            if goes {
                guard.sent(piece, now as u64);
                continue;
            }
            let verdict = guard.inbound(piece, now as u64);
            passed += verdict.pass;
            assert_eq!(verdict.objection, guard.objection());
            match verdict.objection {
                None => assert_eq!(verdict.pass, piece.len()),
                Some(objection) => {
                    assert!(!objection.fault.name().is_empty());
                    return (passed, Some(objection));
                }
            }
        }
    }
    (passed, guard.objection())
}

/// What must be so if all of it passed.
fn assert_frames(frames: &[(&[u8], bool)]) {
    let comes = frames.iter().filter(|(_, goes)| !goes);
    let headers = comes.filter_map(|(frame, _)| frame.first_chunk()).map(FrameHeader::read);
    let mut block = None;
    for (index, header) in headers.enumerate() {
        assert!(index > 0 || header.kind == FrameKind::Settings, "something precedes SETTINGS");
        assert!(header.length <= 1 << 14, "a large frame");
        let continues = header.kind == FrameKind::Continuation;
        assert_eq!(block.is_some(), continues, "a block is interleaved");
        assert!(block.is_none_or(|stream| stream == header.stream), "with another stream");
        if continues || header.kind == FrameKind::Headers {
            block = (header.flags & 4 == 0).then_some(header.stream);
        }
        assert_ne!(header.kind, FrameKind::PushPromise);
    }
}

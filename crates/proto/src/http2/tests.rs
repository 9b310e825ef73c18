//! The guard as a whole.

use std::sync::Arc;

use proptest::prelude::*;

use super::frame::*;
use super::*;

mod floods;
mod rules;
mod states;

/// A connection after the peer's SETTINGS, at time 0.
struct Connection {
    guard: Guard,
    now: u64,
}

impl Connection {
    fn new(side: Side) -> Self {
        let limits = match side {
            Side::FacingClient => Limits::facing_client(),
            Side::FacingEndpoint => Limits::facing_endpoint(),
        };
        Self { guard: Guard::new(side, Arc::new(limits)), now: 0 }
    }

    fn begun(side: Side) -> Self {
        let mut connection = Self::new(side);
        assert_eq!(connection.comes(&SETTINGS), None);
        connection
    }

    /// What is objected to in bytes of the peer.
    fn comes(&mut self, bytes: &[u8]) -> Option<Fault> {
        let verdict = self.guard.inbound(bytes, self.now);
        assert_eq!(verdict.objection, self.guard.objection());
        assert!(verdict.objection.is_some() || verdict.pass == bytes.len());
        verdict.objection.map(|objection| objection.fault)
    }

    fn goes(&mut self, bytes: &[u8]) {
        self.guard.sent(bytes, self.now);
    }
}

const SETTINGS: [u8; 9] = *b"\0\0\0\x04\0\0\0\0\0";

fn frame(kind: FrameKind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { length: payload.len() as u32, kind, flags, stream };
    [&header.write()[..], payload].concat()
}

/// HEADERS with a whole block.
fn headers(stream: u32, flags: u8) -> Vec<u8> {
    frame(FrameKind::Headers, END_HEADERS | flags, stream, b"\x90")
}

fn data(stream: u32, flags: u8) -> Vec<u8> {
    frame(FrameKind::Data, flags, stream, &[b'x'; 1000])
}

fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    frame(FrameKind::RstStream, 0, stream, &(code as u32).to_be_bytes())
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(FrameKind::WindowUpdate, 0, stream, &increment.to_be_bytes())
}

/// Frames of which many are right and any may be wrong.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![Just(0), Just(4), Just(5), Just(0xc), Just(0x2c), any::<u8>()];
    let stream = prop_oneof![8 => 0..6_u32, 1 => any::<u32>()];
    let payload = prop_oneof![
        Just(b"\x90\x90\x90".to_vec()),
        Just(b"\0\0\0\x01".to_vec()),
        Just(b"\x01\0\0\0\0\x01\x90\x90".to_vec()),
        Just(b"\0\x04\0\0\0\0".to_vec()),
        Just(b"abcdefgh".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    (0..11_u8, flags, stream, payload).prop_map(|(kind, flags, stream, payload)| {
        frame(FrameKind::from_byte(kind), flags, stream, &payload)
    })
}

proptest! {
    #[test]
    fn a_verdict_does_not_depend_on_where_bytes_are_cut(
        frames in prop::collection::vec(any_frame(), 0..12),
        sizes in prop::collection::vec(1..20_usize, 1..20),
        is_client: bool,
    ) {
        let side = if is_client { Side::FacingClient } else { Side::FacingEndpoint };
        let wire = [&SETTINGS[..], &headers(1, 0), &frames.concat()].concat();
        let [mut whole, mut cut] = [(); 2].map(|()| Connection::new(side));
        for connection in [&mut whole, &mut cut] {
            connection.goes(&headers(1, 0));
        }
        let verdict = whole.guard.inbound(&wire, 0);
        let (mut rest, mut passed) = (&wire[..], 0);
        for &size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            let part = cut.guard.inbound(piece, 0);
            passed += part.pass;
            rest = after;
            if rest.is_empty() || part.objection.is_some() {
                break;
            }
        }
        prop_assert_eq!(cut.guard.objection(), verdict.objection);
        prop_assert!(passed >= verdict.pass);
    }

    #[test]
    fn nothing_that_comes_or_goes_makes_it_panic(
        wire in prop::collection::vec(any::<u8>(), 0..300),
        now: u64,
    ) {
        for side in [Side::FacingClient, Side::FacingEndpoint] {
            let mut connection = Connection::begun(side);
            connection.goes(&wire);
            let _ = connection.guard.inbound(&wire, now);
            let _ = connection.guard.left_of_frame();
        }
    }
}

#[test]
fn what_is_before_a_bad_frame_passes_and_nothing_behind_it() {
    let good = [headers(1, 0), data(1, 0)].concat();
    let wire = [&good[..], &window_update(0, 0), &data(1, 0)].concat();
    let mut connection = Connection::begun(Side::FacingClient);
    let objection = Objection { fault: Fault::ZeroIncrement, last_stream: 1 };
    let expected = Verdict { pass: good.len(), objection: Some(objection) };
    assert_eq!(connection.guard.inbound(&wire, 0), expected);
    let nothing = Verdict { pass: 0, ..expected };
    assert_eq!(connection.guard.inbound(&SETTINGS, 0), nothing, "it objects for good");
    assert_eq!(objection.goaway(), goaway(1, ErrorCode::ProtocolError));
}

#[test]
fn our_own_goaway_fits_only_between_frames() {
    let mut connection = Connection::begun(Side::FacingClient);
    let wire = data(1, 0);
    for (end, expected) in [(0, Some(0)), (5, None), (9, Some(1000)), (12, Some(997))] {
        let mut guard = Connection::begun(Side::FacingClient).guard;
        guard.sent(&wire[..end], 0);
        assert_eq!(guard.left_of_frame(), expected, "after {end} bytes");
    }
    connection.goes(&wire);
    assert_eq!(connection.guard.left_of_frame(), Some(0));
}

#[test]
fn a_guard_is_small() {
    assert!(size_of::<Guard>() <= 512, "{}", size_of::<Guard>());
}

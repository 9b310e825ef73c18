//! A request that may offer another protocol, the answer to it, and what is said then. An offer and its acceptance are the same
//! on the other side of the proxy, and frames end where they end however they are cut.
#![no_main]

use evenkeel_fuzz::heads::{self, ENDPOINT};
use evenkeel_fuzz::pieces::pieces;
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{Framing, request_framing, request_head, switch_head};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::Onward;
use evenkeel_proto::upgrade::{Offer, accepted, offered, protocols};
use evenkeel_proto::websocket::{Frames, close_frame, masked_close_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    follow_frames(bytes);
    let Ok(Some((request, length))) = heads::request(bytes, UnusualNames::Drop) else { return };
    let Ok(framing) = request_framing(&request) else { return };
    if matches!(request.method, Method::Connect | Method::Trace) {
        return;
    }
    let Ok(Some(offer)) = offered(&request, framing) else { return };
    assert!(matches!(framing, Framing::Empty | Framing::Length(0)), "an offer with a body");
    assert_offer_goes_on(&request, framing, &offer);
    let Ok(Some((answer, _))) = heads::response(&bytes[length..]) else { return };
    if answer.status == 101 {
        assert_acceptance_goes_on(&request, &answer, &offer);
    }
});

fn assert_offer_goes_on(request: &RequestHead, framing: Framing, offer: &Offer) {
    let onward = Onward {
        client: heads::client(false),
        framing,
        expects_continue: false,
        offers_upgrade: true,
        endpoint: ENDPOINT,
        deadline: None,
        call: None,
        offers_websocket: false,
    };
    let mut wire = Vec::new();
    request_head(&mut wire, request, &onward);
    let (again, _) = heads::request(&wire, UnusualNames::Drop).expect("readable").expect("whole");
    assert_eq!(offered(&again, framing), Ok(Some(*offer)), "{}", wire.escape_ascii());
    assert!(protocols(&again.fields).eq(protocols(&request.fields)));
}

fn assert_acceptance_goes_on(request: &RequestHead, answer: &ResponseHead, offer: &Offer) {
    let Ok(protocol) = accepted(offer, request, answer) else { return };
    assert!(protocols(&request.fields).any(|other| other.eq_ignore_ascii_case(protocol)));
    let mut wire = Vec::new();
    switch_head(&mut wire, answer, protocol, b"0123456789abcdef");
    let (again, length) = heads::response(&wire).expect("readable").expect("whole");
    assert_eq!((length, again.status), (wire.len(), 101));
    assert_eq!(accepted(offer, request, &again), Ok(protocol), "{}", wire.escape_ascii());
}

fn follow_frames(bytes: &[u8]) {
    let (mut whole, mut cut) = (Frames::default(), Frames::default());
    whole.pass(bytes);
    let seed = bytes.first().copied().unwrap_or_default();
    pieces(bytes, seed).into_iter().for_each(|piece| cut.pass(piece));
    let state = |frames: &Frames| (frames.is_between_frames(), frames.has_closed());
    assert_eq!(state(&whole), state(&cut), "it depends on how it is cut");
    assert_eq!(state(&whole), reference(bytes));
    if whole.is_between_frames() {
        let [a, b, c, d] = [seed, 1, 2, 3];
        for frame in [&close_frame(1001)[..], &masked_close_frame(1001, [a, b, c, d])] {
            whole.pass(frame);
            assert_eq!(state(&whole), (true, true));
        }
    }
}

/// RFC 6455 §5.2 once more, from the end of one frame to the next.
fn reference(mut bytes: &[u8]) -> (bool, bool) {
    let mut closed = false;
    while !bytes.is_empty() {
        let Some((opcode, length)) = frame(bytes) else { return (false, closed) };
        closed |= opcode == 8;
        let Some(rest) = usize::try_from(length).ok().and_then(|length| bytes.get(length..)) else {
            return (false, closed);
        };
        bytes = rest;
    }
    (true, closed)
}

/// A frame's opcode and whole length, if its head is there.
fn frame(bytes: &[u8]) -> Option<(u8, u128)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (head, length) = match second & 127 {
        126 => (4, u128::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u128::from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?))),
        length => (2, u128::from(length)),
    };
    Some((first & 15, head + length + if second & 128 == 0 { 0 } else { 4 }))
}

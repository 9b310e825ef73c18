//! Each state of a stream with each frame (RFC 9113 §5.1).

use super::*;

#[derive(Clone, Copy, Debug)]
enum Before {
    Idle,
    Open,
    PeerEnded,
    WeEnded,
    BothEnded,
    PeerReset,
    WeReset,
    /// Its number was left out.
    Skipped,
    /// It is not the peer's to open.
    NotTheirs,
}

/// DATA, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE, CONTINUATION, PUSH_PROMISE, and a frame of an unknown type.
fn frames(stream: u32) -> [Vec<u8>; 8] {
    [
        data(stream, 0),
        headers(stream, END_STREAM),
        frame(FrameKind::Priority, 0, stream, b"\0\0\0\0\x10"),
        reset(stream, ErrorCode::Cancel),
        window_update(stream, 1),
        frame(FrameKind::Continuation, END_HEADERS, stream, b"\x90"),
        frame(FrameKind::PushPromise, END_HEADERS, stream, b"\0\0\0\x02\x90"),
        frame(FrameKind::Unknown(0x10), 0, stream, b"\0\0\0\x01u=1"),
    ]
}

/// What is objected to for each of [`frames`].
fn outcomes(before: Before, side: Side) -> [Option<Fault>; 8] {
    [0, 1, 2, 3, 4, 5, 6, 7].map(|index| {
        let (mut connection, stream) = reach(before, side);
        connection.comes(&frames(stream)[index])
    })
}

/// Bytes that come, or that go.
type Way = fn(&mut Connection, &[u8]);

fn reach(before: Before, side: Side) -> (Connection, u32) {
    let mut connection = Connection::begun(side);
    let (first, then): (Way, Way) = match side {
        Side::FacingClient => (comes, goes),
        Side::FacingEndpoint => (goes, comes),
    };
    first(&mut connection, &headers(3, 0));
    then(&mut connection, &headers(3, 0));
    match before {
        Before::Idle => return (connection, 5),
        Before::Skipped => return (connection, 1),
        Before::NotTheirs => return (connection, 2),
        Before::Open => {}
        Before::PeerEnded => comes(&mut connection, &data(3, END_STREAM)),
        Before::WeEnded => goes(&mut connection, &data(3, END_STREAM)),
        Before::BothEnded => {
            comes(&mut connection, &data(3, END_STREAM));
            goes(&mut connection, &data(3, END_STREAM));
        }
        Before::PeerReset => comes(&mut connection, &reset(3, ErrorCode::Cancel)),
        Before::WeReset => goes(&mut connection, &reset(3, ErrorCode::NoError)),
    }
    (connection, 3)
}

fn comes(connection: &mut Connection, bytes: &[u8]) {
    assert_eq!(connection.comes(bytes), None);
}

fn goes(connection: &mut Connection, bytes: &[u8]) {
    connection.goes(bytes);
}

const IDLE: Option<Fault> = Some(Fault::IdleStream);
const CLOSED: Option<Fault> = Some(Fault::ClosedStream);
const ID: Option<Fault> = Some(Fault::StreamId);
const CONTINUATION: Option<Fault> = Some(Fault::Continuation);
const PUSH: Option<Fault> = Some(Fault::Push);

#[test]
fn frames_of_clients_are_judged_by_the_state_of_their_stream() {
    let rows = [
        (Before::Idle, [IDLE, None, None, IDLE, IDLE]),
        (Before::Open, [None, None, None, None, None]),
        (Before::PeerEnded, [CLOSED, CLOSED, None, None, None]),
        (Before::WeEnded, [None, None, None, None, None]),
        (Before::BothEnded, [CLOSED, CLOSED, None, None, None]),
        (Before::PeerReset, [CLOSED, CLOSED, None, None, None]),
        (Before::WeReset, [None, None, None, None, None]),
        (Before::Skipped, [None, ID, None, None, None]),
        (Before::NotTheirs, [IDLE, ID, None, IDLE, IDLE]),
    ];
    check(Side::FacingClient, &rows);
}

#[test]
fn frames_of_endpoints_are_judged_by_the_state_of_their_stream() {
    let rows = [
        (Before::Idle, [IDLE, IDLE, None, IDLE, IDLE]),
        (Before::Open, [None, None, None, None, None]),
        (Before::PeerEnded, [CLOSED, CLOSED, None, None, None]),
        (Before::WeEnded, [None, None, None, None, None]),
        (Before::BothEnded, [CLOSED, CLOSED, None, None, None]),
        (Before::PeerReset, [CLOSED, CLOSED, None, None, None]),
        (Before::WeReset, [None, None, None, None, None]),
        (Before::Skipped, [None, None, None, None, None]),
        (Before::NotTheirs, [IDLE, ID, None, IDLE, IDLE]),
    ];
    check(Side::FacingEndpoint, &rows);
}

fn check(side: Side, rows: &[(Before, [Option<Fault>; 5])]) {
    for &(before, [a, b, c, d, e]) in rows {
        let expected = [a, b, c, d, e, CONTINUATION, PUSH, None];
        assert_eq!(outcomes(before, side), expected, "{before:?}, {side:?}");
    }
}

#[test]
fn an_answer_has_a_head_before_its_body() {
    let mut connection = Connection::begun(Side::FacingEndpoint);
    connection.goes(&headers(1, END_STREAM));
    assert_eq!(connection.comes(&data(1, 0)), Some(Fault::DataBeforeHead));
}

#[test]
fn streams_above_our_goaway_are_not_judged() {
    let mut connection = Connection::begun(Side::FacingClient);
    comes(&mut connection, &headers(1, 0));
    connection.goes(&goaway(1, ErrorCode::NoError));
    for bytes in [headers(3, 0), data(3, END_STREAM), data(3, 0), reset(3, ErrorCode::Cancel)] {
        comes(&mut connection, &bytes);
    }
    assert_eq!(connection.comes(&data(0, 0)), Some(Fault::NoStream));
    assert_eq!(connection.guard.objection().map(|objection| objection.last_stream), Some(1));
}

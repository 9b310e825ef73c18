//! What there can be too much of (RFC 9113 §10.5): exactly how much passes, and that honest work is never too much.

use super::*;

/// How many times `feed` can be done before it is objected to, and to what.
fn fed(side: Side, mut feed: impl FnMut(&mut Connection, u32) -> Option<Fault>) -> (u32, Fault) {
    let mut connection = Connection::begun(side);
    connection.comes(&headers(1, 0));
    let fault = |n| feed(&mut connection, n).map(|fault| (n, fault));
    (0..100_000).find_map(fault).expect("there is a bound")
}

/// The same for one frame.
fn repeated(wire: &[u8]) -> (u32, Fault) {
    fed(Side::FacingClient, |connection, _| connection.comes(wire))
}

#[test]
fn each_flood_ends_where_its_burst_does() {
    use FrameKind as Kind;
    let rows = [
        // One of the 32 was the first.
        (Flood::Settings, 31, SETTINGS.to_vec()),
        (Flood::Pings, 64, frame(Kind::Ping, 0, 0, b"12345678")),
        (Flood::Pings, 64, frame(Kind::Ping, ACK, 0, b"12345678")),
        // The stream has earned two, or four.
        (Flood::Priorities, 102, frame(Kind::Priority, 0, 9, b"\0\0\0\0\0")),
        (Flood::Unknown, 102, frame(Kind::Unknown(0xfa), 0, 0, b"")),
        (Flood::WindowUpdates, 204, window_update(1, 1)),
        (Flood::EmptyData, 64, frame(Kind::Data, 0, 1, b"")),
        (Flood::EmptyData, 64, frame(Kind::Data, PADDED, 1, b"\x03\0\0\0")),
        (Flood::TinyData, 10_000, frame(Kind::Data, 0, 1, b"x")),
        (Flood::Headers, 102, headers(1, 0)),
        (Flood::GoAways, 8, goaway(0, ErrorCode::NoError).to_vec()),
        (Flood::Resets, 200, reset(1, ErrorCode::Cancel)),
    ];
    for (flood, passed, wire) in rows {
        assert_eq!(repeated(&wire), (passed, flood.into()));
        assert_eq!(Fault::from(flood).code(), ErrorCode::EnhanceYourCalm);
    }
}

#[test]
fn rapid_resets_end_and_so_do_those_that_we_are_made_to_send() {
    let rapid = fed(Side::FacingClient, |connection, n| {
        let wire = [headers(2 * n + 3, END_STREAM), reset(2 * n + 3, ErrorCode::Cancel)];
        connection.comes(&wire.concat())
    });
    assert_eq!(rapid, (200, Flood::Resets.into()), "CVE-2023-44487");
    let made = fed(Side::FacingClient, |connection, n| {
        connection.goes(&reset(2 * n + 3, ErrorCode::ProtocolError));
        connection.comes(&headers(2 * n + 3, 0))
    });
    assert_eq!(made, (100, Flood::MadeResets.into()), "CVE-2025-8671");
}

#[test]
fn blocks_are_bounded_in_frames_in_bytes_and_in_fields() {
    let continued = |payload: &[u8]| {
        fed(Side::FacingClient, |connection, n| {
            let kind = if n == 0 { FrameKind::Headers } else { FrameKind::Continuation };
            connection.comes(&frame(kind, 0, 3, payload))
        })
    };
    assert_eq!(continued(b"\x90"), (17, Fault::ManyContinuations), "CVE-2024-27316");
    assert_eq!(continued(b""), (16, Flood::EmptyFragments.into()), "CVE-2019-9516");
    let long = [&b"\x00\x01a\x7f\xff\xff\x7f"[..], &[b'x'; 16_000]].concat();
    assert_eq!(continued(&long), (4, Fault::LargeBlock));
    assert_eq!(continued(&[0x90; 600]), (1, Fault::ManyFields), "CVE-2026-47774");
}

#[test]
fn open_streams_are_bounded() {
    let (opened, fault) =
        fed(Side::FacingClient, |connection, n| connection.comes(&headers(2 * n + 3, 0)));
    assert_eq!((opened, fault), (2047, Fault::ManyStreams));
}

#[test]
fn one_byte_of_window_does_not_earn_the_next() {
    let (updates, fault) = fed(Side::FacingClient, |connection, _| {
        connection.goes(&frame(FrameKind::Data, 0, 1, b"x"));
        connection.comes(&window_update(1, 1))
    });
    assert_eq!(fault, Flood::WindowUpdates.into(), "CVE-2019-9511");
    assert!((200..230).contains(&updates), "{updates}");
}

#[test]
fn a_flood_may_go_on_at_its_rate() {
    let mut connection = Connection::begun(Side::FacingClient);
    for _ in 0..10_000 {
        connection.now += 250_000_000;
        assert_eq!(connection.comes(&frame(FrameKind::Ping, 0, 0, b"12345678")), None);
    }
}

#[test]
fn honest_work_is_never_a_flood_even_if_no_time_passes() {
    let mut connection = Connection::begun(Side::FacingClient);
    for stream in (1..100_001).step_by(2) {
        let priority = frame(FrameKind::Unknown(0x10), 0, 0, b"\0\0\0\x01u=1");
        let wire = [priority, headers(stream, 0), data(stream, 0), headers(stream, END_STREAM)];
        assert_eq!(connection.comes(&wire.concat()), None);
        connection.goes(&headers(stream, 0));
        for flags in [0, 0, END_STREAM] {
            connection.goes(&data(stream, flags));
            let ping = frame(FrameKind::Ping, 0, 0, b"bandwidt");
            let wire = [window_update(0, 1000), window_update(stream, 1000), ping].concat();
            assert_eq!(connection.comes(&wire), None, "{stream}");
        }
        if stream % 4 == 1 {
            // A client that cancels as the answer ends.
            assert_eq!(connection.comes(&reset(stream, ErrorCode::Cancel)), None);
        }
    }
}

#[test]
fn resets_of_our_own_will_are_no_fault_of_the_peer() {
    let mut connection = Connection::begun(Side::FacingClient);
    for stream in (1..10_001).step_by(2) {
        assert_eq!(connection.comes(&headers(stream, 0)), None);
        connection.goes(&reset(stream, ErrorCode::InternalError));
        assert_eq!(connection.comes(&data(stream, END_STREAM)), None, "still under way");
    }
}

//! Rules of single frames and of blocks of fields, each with its section of RFC 9113 and the code that it asks for.

use super::*;

type Row = (&'static str, Vec<u8>, Fault, ErrorCode);

/// Judges each row on a connection of a client, where stream 1 is open.
fn check(rows: &[Row]) {
    for (what, wire, fault, code) in rows {
        let mut connection = Connection::begun(Side::FacingClient);
        assert_eq!(connection.comes(&headers(1, 0)), None);
        assert_eq!(connection.comes(wire), Some(*fault), "{what}");
        assert_eq!(fault.code(), *code, "{what}");
    }
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(FrameKind::Settings, 0, 0, &payload)
}

#[test]
fn lengths_are_those_of_their_types() {
    use FrameKind as Kind;
    let row = |what, wire| (what, wire, Fault::FrameLength, ErrorCode::FrameSizeError);
    check(&[
        row("§6.1: DATA without the length of its padding", frame(Kind::Data, PADDED, 1, b"")),
        row("§6.2: HEADERS without it", frame(Kind::Headers, PADDED | END_HEADERS, 3, b"")),
        row("§6.2: without a priority", frame(Kind::Headers, PRIORITY | END_HEADERS, 3, b"1234")),
        row("§6.3: PRIORITY of 4", frame(Kind::Priority, 0, 1, b"1234")),
        row("§6.3: PRIORITY of 6", frame(Kind::Priority, 0, 1, b"123456")),
        row("§6.4: RST_STREAM of 3", frame(Kind::RstStream, 0, 1, b"123")),
        row("§6.5: an acknowledgement of something", frame(Kind::Settings, ACK, 0, b"1")),
        row("§6.5: SETTINGS of 5", frame(Kind::Settings, 0, 0, b"12345")),
        row("§6.7: PING of 6", frame(Kind::Ping, 0, 0, b"123456")),
        row("§6.8: GOAWAY of 7", frame(Kind::GoAway, 0, 0, b"1234567")),
        row("§6.9: WINDOW_UPDATE of 3", frame(Kind::WindowUpdate, 0, 1, b"123")),
    ]);
    let large = FrameHeader { length: 16_385, kind: Kind::Data, flags: 0, stream: 1 };
    let wire = large.write().to_vec();
    check(&[("§4.2", wire, Fault::LargeFrame, ErrorCode::FrameSizeError)]);
    let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    // Behind SETTINGS it is a frame like any other.
    check(&[("§4.2", answer.clone(), Fault::LargeFrame, ErrorCode::FrameSizeError)]);
    assert_eq!(Connection::new(Side::FacingEndpoint).comes(&answer), Some(Fault::Http1));
}

#[test]
fn frames_are_on_the_connection_or_on_a_stream() {
    use FrameKind as Kind;
    let none = |what, wire| (what, wire, Fault::NoStream, ErrorCode::ProtocolError);
    let on = |what, wire| (what, wire, Fault::OnStream, ErrorCode::ProtocolError);
    check(&[
        none("§6.1", data(0, 0)),
        none("§6.2", headers(0, 0)),
        none("§6.3", frame(Kind::Priority, 0, 0, b"12345")),
        none("§6.4", reset(0, ErrorCode::Cancel)),
        none("§6.10", frame(Kind::Continuation, END_HEADERS, 0, b"\x90")),
        on("§6.5", frame(Kind::Settings, 0, 1, b"")),
        on("§6.7", frame(Kind::Ping, 0, 1, b"12345678")),
        on("§6.8", frame(Kind::GoAway, 0, 1, b"12345678")),
    ]);
}

#[test]
fn padding_is_less_than_what_it_is_in() {
    use FrameKind as Kind;
    let row = |what, wire| (what, wire, Fault::Padding, ErrorCode::ProtocolError);
    let flags = PADDED | END_HEADERS;
    check(&[
        row("§6.1", frame(Kind::Data, PADDED, 1, b"\x05data")),
        row("§6.1, nothing else", frame(Kind::Data, PADDED, 1, b"\x01")),
        row("§6.2", frame(Kind::Headers, flags, 3, b"\x02\x90")),
        row("§6.2, a priority", frame(Kind::Headers, flags | PRIORITY, 3, b"\x02\0\0\0\0\0\x90")),
    ]);
    let mut connection = Connection::begun(Side::FacingClient);
    let padded = frame(Kind::Headers, flags | PRIORITY, 1, b"\x02\0\0\0\0\0\x90\xff\xff");
    assert_eq!(connection.comes(&padded), None, "padding is not read as fields");
    assert_eq!(connection.comes(&frame(Kind::Data, PADDED, 1, b"\x04data")), None);
}

#[test]
fn settings_have_values_that_they_may_have() {
    let row = |what, wire| (what, wire, Fault::SettingValue, ErrorCode::ProtocolError);
    check(&[
        row("§6.5.2 ENABLE_PUSH", setting(2, 2)),
        row("§6.5.2 MAX_FRAME_SIZE, small", setting(5, (1 << 14) - 1)),
        row("§6.5.2 MAX_FRAME_SIZE, large", setting(5, 1 << 24)),
        row("RFC 8441 §3 ENABLE_CONNECT_PROTOCOL", setting(8, 2)),
        row("RFC 9218 §2.1 NO_RFC7540_PRIORITIES", setting(9, 2)),
        (
            "§6.5.2 INITIAL_WINDOW_SIZE",
            setting(4, 1 << 31),
            Fault::SettingWindow,
            ErrorCode::FlowControlError,
        ),
        (
            "§6.5.3",
            frame(FrameKind::Settings, ACK, 0, b""),
            Fault::SettingsAck,
            ErrorCode::ProtocolError,
        ),
        (
            "§10.5",
            frame(FrameKind::Settings, 0, 0, &[0; 33 * 6]),
            Fault::ManySettings,
            ErrorCode::EnhanceYourCalm,
        ),
    ]);
    let mut endpoint = Connection::begun(Side::FacingEndpoint);
    assert_eq!(endpoint.comes(&setting(2, 0)), None);
    assert_eq!(endpoint.comes(&setting(2, 1)), Some(Fault::SettingValue), "§6.5.2");
    let mut client = Connection::begun(Side::FacingClient);
    for (id, value) in [(1, u32::MAX), (2, 1), (4, STREAM_MAX), (5, 1 << 14), (0x0a0a, 7)] {
        assert_eq!(client.comes(&setting(id, value)), None, "{id}");
    }
    client.goes(&SETTINGS);
    assert_eq!(client.comes(&frame(FrameKind::Settings, ACK, 0, b"")), None);
}

#[test]
fn the_last_of_several_settings_is_judged_as_the_first() {
    let wire = frame(FrameKind::Settings, 0, 0, b"\0\x03\0\0\0\x64\0\x04\0\0\0\0\0\x02\0\0\0\x02");
    check(&[("§6.5.3", wire, Fault::SettingValue, ErrorCode::ProtocolError)]);
}

#[test]
fn a_connection_begins_with_settings() {
    for wire in [headers(1, 0), frame(FrameKind::Settings, ACK, 0, b"")] {
        for side in [Side::FacingClient, Side::FacingEndpoint] {
            assert_eq!(Connection::new(side).comes(&wire), Some(Fault::NoSettings), "§3.4");
        }
    }
}

#[test]
fn blocks_of_fields_are_whole_and_on_their_own() {
    use FrameKind as Kind;
    let open = || frame(Kind::Headers, 0, 3, b"\x00\x02a");
    let then = |bytes: &[u8]| [&open()[..], bytes].concat();
    let row = |what, wire| (what, wire, Fault::Interleaved, ErrorCode::ProtocolError);
    let bad = |what, wire| (what, wire, Fault::Compression, ErrorCode::CompressionError);
    check(&[
        row("§6.2: DATA", then(&data(3, 0))),
        row("§4.3: PRIORITY", then(&frame(Kind::Priority, 0, 3, b"12345"))),
        row("§4.3: HEADERS of another stream", then(&headers(5, 0))),
        row("§5.5: an unknown frame", then(&frame(Kind::Unknown(99), 0, 3, b""))),
        row("§6.10: another stream", then(&frame(Kind::Continuation, 4, 1, b""))),
        bad("§4.3: cut", frame(Kind::Headers, END_HEADERS, 3, b"\x40")),
        bad("§4.3: cut at the end", then(&frame(Kind::Continuation, END_HEADERS, 3, b"b"))),
    ]);
    let mut connection = Connection::begun(Side::FacingClient);
    let rest = frame(Kind::Continuation, END_HEADERS, 3, b"b\x01c");
    assert_eq!(connection.comes(&then(&rest)), None);
    assert_eq!(connection.comes(&rest), Some(Fault::Continuation), "§6.10");
}

#[test]
fn trailers_of_clients_have_no_pseudo_header_fields() {
    let method = frame(FrameKind::Headers, END_HEADERS | END_STREAM, 1, b"\x82");
    check(&[("§8.1", method, Fault::PseudoTrailer, ErrorCode::ProtocolError)]);
    let mut endpoint = Connection::begun(Side::FacingEndpoint);
    endpoint.goes(&headers(1, END_STREAM));
    assert_eq!(endpoint.comes(&headers(1, 0)), None, "100");
    let status = frame(FrameKind::Headers, END_HEADERS | END_STREAM, 1, b"\x88");
    assert_eq!(endpoint.comes(&status), None, "200 behind it");
}

#[test]
fn what_grows_and_depends_does_so_on_others() {
    use FrameKind as Kind;
    let own = |what, wire| (what, wire, Fault::SelfDependency, ErrorCode::ProtocolError);
    let zero = |what, wire| (what, wire, Fault::ZeroIncrement, ErrorCode::ProtocolError);
    check(&[
        own("RFC 7540 §5.3.1", frame(Kind::Priority, 0, 1, b"\x80\0\0\x01\0")),
        own("the same", frame(Kind::Headers, END_HEADERS | PRIORITY, 3, b"\0\0\0\x03\0\x90")),
        zero("§6.9, a stream", window_update(1, 0)),
        zero("§6.9, the connection", window_update(0, 1 << 31)),
    ]);
}

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_status_is_read_in_every_form_that_a_fresh_connection_has() {
    for (block, status) in [
        (&b"\x88"[..], Some(200)),
        (b"\x8e", Some(500)),
        (b"\x48\x03302", Some(302)),
        (b"\x08\x03103", Some(103)),
        // RFC 7541 §C.6.1, and 421 and 503 by the same code.
        (b"\x48\x82\x64\x02", Some(302)),
        (b"\x48\x82\x68\x41", Some(421)),
        (b"\x48\x83\x6c\x0c\xff", Some(503)),
        (b"\xbe", None),
        (b"", None),
    ] {
        let frame = Frame { kind: Kind::Headers, flags: 0, stream: 1, payload: block.to_vec() };
        assert_eq!(frame.status(), status, "{block:?}");
    }
}

#[test]
fn frames_are_read_as_they_were_written_until_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let answer = [
            frame(Kind::Headers, END_HEADERS, 1, b"\x88"),
            frame(Kind::Data, 0, 3, b"another"),
            frame(Kind::Data, END_STREAM, 1, b"well"),
            frame(Kind::RstStream, 0, 3, &8_u32.to_be_bytes()),
            frame(Kind::GoAway, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 11]),
        ];
        socket.write_all(&answer.concat()).unwrap();
    });
    let mut client = Http2Client::connect_silently(address).unwrap();
    let answered = Outcome::Answered { status: 200, body: b"well".to_vec() };
    assert_eq!(client.outcome(1, SOON).unwrap(), answered);
    assert_eq!(client.outcome(3, SOON).unwrap(), Outcome::Reset(8));
    assert_eq!(client.goaway(SOON).unwrap(), Some(11));
    server.join().unwrap();
}

#[test]
fn long_strings_have_long_lengths() {
    let block = Block::new().field("a", "b".repeat(127 + 128));
    assert_eq!(block[..6], [0, 1, b'a', 0x7f, 0x80, 1]);
    assert_eq!(block.len(), 6 + 255);
}

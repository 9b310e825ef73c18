//! The beginning of a TLS connection in pieces: the first byte says how it is cut, the others are what a client sends. What we
//! read does not depend on segments and records, and where rustls reads a name and protocols, we read the same ones.
#![no_main]

use evenkeel_fuzz::pieces::pieces;
use evenkeel_proto::tls::{ClientHello, ClientHelloReader, HELLO_BYTES_MAX, HelloError};
use libfuzzer_sys::fuzz_target;
use rustls::server::{Accepted, Acceptor};

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, wire)) = bytes.split_first() else { return };
    let whole = read(wire);
    assert_eq!(read_growing(wire, seed), whole, "it depends on how it is cut");
    match whole {
        Ok(Some(hello)) => {
            assert_records_make_no_difference(&hello, wire, seed);
            assert_rustls_agrees(&hello, wire);
        }
        Ok(None) => assert!(wire.len() < HELLO_BYTES_MAX, "more can change nothing"),
        Err(error) => assert!(!error.reason().is_empty()),
    }
});

type Outcome = Result<Option<ClientHello>, HelloError>;

fn read(wire: &[u8]) -> Outcome {
    ClientHelloReader::new(HELLO_BYTES_MAX).read(wire)
}

fn read_growing(wire: &[u8], seed: u8) -> Outcome {
    let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
    let mut end = 0;
    for piece in pieces(wire, seed) {
        end += piece.len();
        let outcome = reader.read(&wire[..end]);
        if outcome != Ok(None) {
            assert_eq!(reader.read(&wire[..end]), outcome, "asked again it says something else");
            return outcome;
        }
    }
    reader.read(wire)
}

fn assert_records_make_no_difference(hello: &ClientHello, wire: &[u8], seed: u8) {
    let message = joined(wire);
    let mut again = Vec::new();
    for fragment in pieces(&message, seed) {
        again.extend_from_slice(&[22, wire[1], wire[2], 0, fragment.len() as u8]);
        again.extend_from_slice(fragment);
    }
    match read(&again) {
        Err(HelloError::TooLarge) => assert!(again.len() > HELLO_BYTES_MAX),
        outcome => assert_eq!(outcome.as_ref(), Ok(&Some(hello.clone()))),
    }
}

/// The one message that a hello is, out of its records.
fn joined(mut wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let (head, rest) = wire.split_at(5);
        let (fragment, rest) = rest.split_at(usize::from(u16::from_be_bytes([head[3], head[4]])));
        message.extend_from_slice(fragment);
        wire = rest;
        if let &[1, a, b, c, ..] = &message[..] {
            let length = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            if message.len() >= length {
                assert_eq!(message.len(), length, "the record goes on");
                return message;
            }
        }
    }
}

/// What rustls refuses may be anything: it looks at more than we do.
fn assert_rustls_agrees(hello: &ClientHello, wire: &[u8]) {
    let Some(accepted) = accept(wire) else { return };
    let theirs = accepted.client_hello();
    assert_eq!(
        hello.server_name,
        theirs.server_name().map(|name| {
            let name = name.to_ascii_lowercase();
            name.strip_suffix('.').unwrap_or(&name).into()
        })
    );
    let protocols: Vec<&[u8]> = theirs.alpn().into_iter().flatten().collect();
    let is_grease = |protocol: &&&[u8]| matches!(**protocol, [a, b] if a == b && a & 15 == 10);
    assert!(hello.protocols().eq(protocols.iter().filter(|p| !is_grease(p)).copied()));
}

fn accept(mut wire: &[u8]) -> Option<Accepted> {
    let mut acceptor = Acceptor::default();
    while !wire.is_empty() {
        acceptor.read_tls(&mut wire).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(accepted);
        }
    }
    None
}

use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::Client;

const SOON: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

#[test]
fn small_answers_follow_each_other_on_one_connection() {
    let origin = FastOrigin::start(0, 13).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    for _ in 0..100 {
        let response = client.exchange(REQUEST, SOON).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "Hello, world\n"));
    }
    assert!(client.leftover().is_empty());
}

#[test]
fn pipelined_and_torn_heads_get_one_answer_each() {
    let origin = FastOrigin::start(0, 1).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    client.send(&REQUEST.repeat(50)).unwrap();
    for byte in REQUEST.chunks(1) {
        client.send(byte).unwrap();
    }
    for _ in 0..51 {
        assert_eq!(client.read_response(SOON).unwrap().body.len(), 1);
    }
    client.finish_sending().unwrap();
    assert_eq!(client.read_to_end(SOON).unwrap(), b"");
}

#[test]
fn large_answers_survive_a_slow_reader_that_has_ended_its_own_side() {
    let origin = FastOrigin::start(0, 1 << 20).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    // More than the socket buffers hold, and nobody reads yet: the origin has to park the rest.
    client.send(&REQUEST.repeat(16)).unwrap();
    client.finish_sending().unwrap();
    for _ in 0..16 {
        let body = client.read_response(SOON).unwrap().body;
        assert_eq!(body.len(), 1 << 20);
        assert!(body.chunks(13).all(|line| line[0] == b'H'));
    }
    assert_eq!(client.read_to_end(SOON).unwrap(), b"");
}

#[test]
fn a_client_that_vanishes_does_not_stop_it() {
    let origin = FastOrigin::start(0, 5).unwrap();
    let mut vanishing = Client::connect(origin.address()).unwrap();
    vanishing.send(REQUEST).unwrap();
    vanishing.reset().unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    assert_eq!(client.exchange(REQUEST, SOON).unwrap().body, b"Hello");
}

#[test]
fn dropping_it_frees_the_port() {
    let origin = FastOrigin::start(0, 1).unwrap();
    let address = origin.address();
    drop(origin);
    assert!(TcpStream::connect(address).is_err());
}

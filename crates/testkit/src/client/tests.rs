use std::net::TcpListener;
use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A client whose other side has sent `answer` and closed.
fn answered_with(answer: &'static [u8]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::connect(listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    thread::spawn(move || stream.write_all(answer));
    client
}

fn read(answer: &'static [u8]) -> io::Result<Response> {
    answered_with(answer).read_response(SOON)
}

#[test]
fn two_answers_in_one_segment_are_told_apart() {
    let mut client = answered_with(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: 1.1 a\r\n\r\nfirst\
          HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n\
          3;x=y\r\nsec\r\n3\r\nond\r\n0\r\nChecksum: 7\r\n\r\nextra",
    );
    let first = client.read_response(SOON).unwrap();
    assert_eq!((first.status, first.reason.as_str(), first.text().as_str()), (200, "OK", "first"));
    assert_eq!(first.header("VIA"), Some("1.1 a"));
    let second = client.read_response(SOON).unwrap();
    assert_eq!((second.status, second.text().as_str()), (404, "second"));
    assert_eq!(second.trailers.get("checksum"), Some("7"));
    assert_eq!(client.read_to_end(SOON).unwrap(), b"extra");
}

#[test]
fn the_end_of_the_connection_ends_a_body_without_length() {
    let response = read(b"HTTP/1.0 200 OK\r\n\r\nall of it").unwrap();
    assert_eq!((response.framing, response.text().as_str()), (Framing::Close, "all of it"));
}

#[test]
fn answers_without_a_body_leave_the_next_one_alone() {
    let mut client = answered_with(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    );
    let mut status = |method| client.read_response_to(method, SOON).unwrap().status;
    assert_eq!([status("GET"), status("GET"), status("HEAD"), status("GET")], [100, 304, 200, 204]);
    assert!(client.leftover().is_empty());
}

#[test]
fn cut_answers_are_errors() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let error = read(answer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
    }
}

#[test]
fn wrongly_framed_answers_are_errors() {
    for answer in [
        &b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"[..],
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let error = read(answer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    }
}

#[test]
fn silence_is_a_timeout_that_shows_what_came() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 2").unwrap();
    let error = client.read_response(Duration::from_millis(30)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("HTTP/1.1 2"), "{error}");
}

#[test]
fn a_drip_goes_on_until_the_other_side_has_had_enough() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    client.send_in_pieces(b"GET /", 2).unwrap();
    let drip = client.drip(b'a', Duration::from_millis(1)).unwrap();
    let mut bytes = [0; 10];
    io::Read::read_exact(&mut stream, &mut bytes).unwrap();
    assert_eq!(&bytes, b"GET /aaaaa");
    stream.write_all(b"enough").unwrap();
    drop(stream);
    // Unread bytes make a reset of the close; either is an end.
    let rest = client.read_until_gone(SOON).unwrap();
    assert!(b"enough".starts_with(&rest), "{rest:?}");
    drop(drip);
}

#[test]
fn a_client_comes_from_the_address_that_it_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = Ipv4Addr::new(127, 1, 2, 3);
    let client = Client::connect_from(source, listener.local_addr().unwrap()).unwrap();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!((peer, peer.ip()), (client.stream().local_addr().unwrap(), source.into()));
}

/// The configurations of a server that proves to be `localhost`, and of a client that trusts nobody else.
fn tls() -> (Arc<rustls::ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let certificate = made.cert.der().clone();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let server = rustls::ServerConfig::builder().with_no_client_auth();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (server.with_single_cert(vec![certificate], key).unwrap().into(), client.into())
}

#[test]
fn over_tls_questions_and_answers_are_the_same() {
    let (server, config) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let session = rustls::ServerConnection::new(server).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        let mut question = [0; 8];
        io::Read::read_exact(&mut stream, &mut question).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstextra").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        question
    });
    let mut client =
        Client::connect_tls(address, ServerName::try_from("localhost").unwrap(), config).unwrap();
    assert_eq!(client.exchange(b"question", SOON).unwrap().text(), "first");
    assert_eq!(client.read_to_end(SOON).unwrap(), b"extra");
    assert_eq!(&server.join().unwrap(), b"question");
}

#[test]
fn a_server_that_is_another_is_not_spoken_to() {
    let (server, config) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut session = rustls::ServerConnection::new(server).unwrap();
        session.complete_io(&mut socket)
    });
    let another = ServerName::try_from("another.test").unwrap();
    let error = Client::connect_tls(address, another, config).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    server.join().unwrap().unwrap_err();
}

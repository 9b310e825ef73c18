use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use evenkeel_plan::tls::{Terms, Told};
use rustls::crypto::aws_lc_rs::{DEFAULT_KX_GROUPS, default_provider};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ExtractedSecrets, RootCertStore,
    ServerConfig, StreamOwned,
};

mod retry;

use super::*;
use crate::io::Io;

type Client = StreamOwned<ClientConnection, UnixStream>;

/// A configuration of the server, and one of a client who trusts it.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    configs_by(DEFAULT_KX_GROUPS, DEFAULT_KX_GROUPS)
}

/// The same of those who agree on keys in these ways.
fn configs_by(server: Groups<'_>, client: Groups<'_>) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = |groups: Groups<'_>| {
        Arc::new(CryptoProvider { kx_groups: groups.to_vec(), ..default_provider() })
    };
    let server = ServerConfig::builder_with_provider(provider(server));
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider(client));
    let client = client.with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

type Groups<'a> = &'a [&'static dyn SupportedKxGroup];

/// Terms that stay.
#[derive(Debug)]
struct Fixed(Arc<ServerConfig>, Told);

impl Terms for Fixed {
    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }

    fn edition(&self) -> u64 {
        0
    }

    fn told(&self) -> &Told {
        &self.1
    }
}

/// A server's connection, and what `client` does at its other end.
fn meet<T: Send + 'static>(
    client: impl FnOnce(UnixStream, Arc<ClientConfig>) -> T + Send + 'static,
) -> (Io, JoinHandle<T>) {
    meet_for(Protocol::Http, client)
}

/// The same for something else than requests.
fn meet_for<T: Send + 'static>(
    carries: Protocol,
    client: impl FnOnce(UnixStream, Arc<ClientConfig>) -> T + Send + 'static,
) -> (Io, JoinHandle<T>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (server_config, client_config) = configs();
    let client = thread::spawn(move || client(theirs, client_config));
    let challenge = Arc::clone(&server_config);
    let certificates = Arc::default();
    let terms = Arc::new(Fixed(server_config, Told::default()));
    let termination = Termination { terms, challenge, certificates };
    (Io::terminate(ours.into(), termination, carries), client)
}

/// The same of a client who speaks TLS.
fn meet_tls<T: Send + 'static>(
    client: impl FnOnce(Client) -> T + Send + 'static,
) -> (Io, JoinHandle<T>) {
    meet(|socket, config| {
        let name = ServerName::try_from("test").unwrap();
        client(StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket))
    })
}

async fn shake_hands(io: &Io) -> Result<(), HandshakeError> {
    poll_fn(|cx| io.poll_handshake(cx)).await
}

async fn receive(io: &Io, buffer: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| io.poll_recv(cx, buffer)).await
}

/// All that comes, read into a buffer of so many bytes.
async fn receive_all(io: &Io, size: usize) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match receive(io, &mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn send(io: &Io, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let (first, second) = bytes.split_at(bytes.len() / 3);
        let sent = poll_fn(|cx| io.poll_send(cx, first, second)).await.unwrap();
        bytes = &bytes[sent..];
    }
    poll_fn(|cx| io.poll_flush(cx)).await.unwrap();
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|position| (position % 251) as u8).collect()
}

#[tokio::test]
async fn what_is_sent_arrives_whatever_its_length_and_the_buffers() {
    for (length, size) in
        [(1, 1), (13, 100), (100_000, 100), (1_000_000, 8_192), (3_000_000, 262_144)]
    {
        let (io, client) = meet_tls(move |mut client| {
            client.write_all(&pattern(length)).unwrap();
            let mut echo = vec![0; length];
            client.read_exact(&mut echo).unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            (echo, client.read(&mut [0]).unwrap())
        });
        shake_hands(&io).await.unwrap();
        assert_eq!((io.handshake(), io.server_name().as_deref()), (Handshake::Full, Some("test")));
        let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
        while all.len() < length {
            let count = receive(&io, &mut buffer).await.unwrap();
            all.extend_from_slice(&buffer[..count]);
        }
        send(&io, &all).await;
        assert_eq!(receive(&io, &mut buffer).await.unwrap(), 0, "the client says the end");
        io.finish();
        let (echo, rest) = client.join().unwrap();
        assert!(echo == pattern(length) && rest == 0, "{length} in {size}");
    }
}

/// A client that reads nothing for a while must not make us hold more than one piece.
#[tokio::test]
async fn a_client_that_does_not_read_is_waited_for() {
    let (io, client) = meet_tls(|mut client| {
        let mut first = [0];
        client.read_exact(&mut first).unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        1 + rest.len()
    });
    shake_hands(&io).await.unwrap();
    let bytes = pattern(8_000_000);
    send(&io, &bytes).await;
    assert!(io.flushed() > 0, "it took longer than to write");
    io.finish();
    assert_eq!(client.join().unwrap(), bytes.len());
}

#[tokio::test]
async fn the_end_is_said_to_a_client_that_reads_late() {
    let (begin, begins) = mpsc::channel();
    let (io, client) = meet_tls(move |mut client| {
        client.write_all(b"x").unwrap();
        begins.recv().unwrap();
        client.read_to_end(&mut Vec::new())
    });
    shake_hands(&io).await.unwrap();
    let (bytes, mut sent) = (pattern(100_000), 0);
    while let Poll::Ready(count) = poll_fn(|cx| Poll::Ready(io.poll_send(cx, &bytes, &[]))).await {
        sent += count.unwrap();
    }
    assert!(poll_fn(|cx| Poll::Ready(io.poll_end(cx))).await.is_pending());
    begin.send(()).unwrap();
    poll_fn(|cx| io.poll_end(cx)).await.unwrap();
    drop(io);
    assert_eq!(client.join().unwrap().unwrap(), sent);
}

#[tokio::test]
async fn an_end_that_nobody_said_is_an_error() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"half").unwrap();
    });
    shake_hands(&io).await.unwrap();
    assert!(receive_all(&io, 100).await.is_err());
    client.join().unwrap();
}

#[tokio::test]
async fn an_end_of_ours_is_said_unless_it_is_broken_off() {
    for broken in [false, true] {
        let (io, client) = meet_tls(|mut client| {
            client.write_all(b"x").unwrap();
            client.read_to_end(&mut Vec::new())
        });
        shake_hands(&io).await.unwrap();
        receive(&io, &mut [0; 10]).await.unwrap();
        // As whoever passes bytes both ways does, for the case that it is cut off itself.
        io.reset_on_close(true);
        send(&io, b"y").await;
        io.reset_on_close(broken);
        drop(io);
        assert_eq!(client.join().unwrap().is_err(), broken);
    }
}

/// Whoever passes bytes both ways has passed on all that one side had to say, and goes on with the other.
#[tokio::test]
async fn a_half_that_has_ended_is_said_to_have_although_a_close_would_be_none() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"x").unwrap();
        let heard = client.read_to_end(&mut Vec::new());
        client.write_all(b"more").unwrap();
        client.conn.send_close_notify();
        client.flush().unwrap();
        heard
    });
    shake_hands(&io).await.unwrap();
    receive(&io, &mut [0; 10]).await.unwrap();
    io.reset_on_close(true);
    send(&io, b"y").await;
    io.finish();
    assert_eq!(receive_all(&io, 10).await.unwrap(), b"more");
    assert_eq!(client.join().unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_by_whoever_waits_for_that() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"x").unwrap();
        let mut answer = [0; 2];
        client.read_exact(&mut answer).unwrap();
        client.conn.send_close_notify();
        client.flush().unwrap();
        client.sock.set_nonblocking(false).unwrap();
        client
    });
    shake_hands(&io).await.unwrap();
    receive(&io, &mut [0; 10]).await.unwrap();
    let mut gone = pin!(poll_fn(|cx| io.poll_gone(cx)));
    let still_there = poll_fn(|cx| Poll::Ready(gone.as_mut().poll(cx).is_pending())).await;
    assert!(still_there);
    send(&io, b"ok").await;
    gone.await;
    // The socket is still open: it was said in a record.
    drop(client.join().unwrap());
}

#[tokio::test]
async fn new_keys_are_taken_and_the_connection_stays_quiet() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.conn.refresh_traffic_keys().unwrap();
        client.flush().unwrap();
        client.write_all(b"y").unwrap();
        client.read_exact(&mut [0]).unwrap();
    });
    shake_hands(&io).await.unwrap();
    for expected in [b"x", b"y"] {
        let mut byte = [0];
        receive(&io, &mut byte).await.unwrap();
        assert_eq!(&byte, expected);
        send(&io, b"z").await;
    }
    client.join().unwrap();
}

#[tokio::test]
async fn who_speaks_clear_text_is_told_so_in_clear_text() {
    let (io, client) = meet(|mut client, _| {
        client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(matches!(shake_hands(&io).await, Err(HandshakeError::Refused(_))));
    drop(io);
    let answer = client.join().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
}

/// It got an answer of HTTP, whatever it spoke.
#[tokio::test]
async fn who_speaks_clear_text_where_no_requests_come_is_told_nothing() {
    for (begins, is_stranger) in [(&b"LIST\r\n"[..], true), (b"\x16\x03\x01\xff\xff\x01", false)] {
        let (io, client) = meet_for(Protocol::Tcp, move |mut client, _| {
            client.write_all(begins).unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).map(|_| answer)
        });
        assert!(matches!(shake_hands(&io).await, Err(HandshakeError::Refused(_))));
        assert_eq!(io.is_stranger(), is_stranger);
        io.finish();
        drop(io);
        assert_eq!(client.join().unwrap().unwrap().is_empty(), is_stranger);
    }
}

/// Each beginning, and the alert that answers it (RFC 8446 §6); `None` for nothing.
#[tokio::test]
async fn what_is_no_handshake_is_refused_with_an_alert() {
    let huge = [&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[0; 16_379]].concat();
    for (bytes, alert) in [
        (&b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"[..], Some(10)),
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", Some(50)),
        (b"\x16\x03\x01\xff\xff\x01", Some(22)),
        (&huge, Some(40)),
        (b"\x00\x01\x02", None),
        (b"", None),
    ] {
        let sent = bytes.to_vec();
        let (io, client) = meet(move |mut client, _| {
            client.write_all(&sent).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).map(|_| answer)
        });
        assert!(shake_hands(&io).await.is_err(), "{bytes:?}");
        io.finish();
        let mut scratch = vec![0; 1000];
        while poll_fn(|cx| io.poll_discard(cx, &mut scratch)).await.is_ok_and(|count| count > 0) {}
        drop(io);
        let answer = client.join().unwrap().unwrap_or_default();
        let expected = alert.map(|alert| vec![21, 3, 3, 0, 2, 2, alert]).unwrap_or_default();
        assert_eq!(answer, expected, "{:?}", &bytes[..bytes.len().min(20)]);
    }
}

/// A client that sends a byte at a time costs no more than time.
#[tokio::test]
async fn a_handshake_that_comes_byte_by_byte_is_one() {
    let (io, client) = meet(|socket, config| {
        let name = ServerName::try_from("test").unwrap();
        let mut conn = ClientConnection::new(config, name).unwrap();
        let mut socket = Dripping(socket, 1);
        while conn.is_handshaking() {
            conn.complete_io(&mut socket).unwrap();
        }
        conn.writer().write_all(b"hello").unwrap();
        conn.complete_io(&mut socket).unwrap();
        conn.send_close_notify();
        while conn.wants_write() {
            conn.write_tls(&mut socket).unwrap();
        }
    });
    shake_hands(&io).await.unwrap();
    assert_eq!(receive_all(&io, 100).await.unwrap(), b"hello");
    client.join().unwrap();
}

/// Writes so many bytes at a time.
struct Dripping(UnixStream, usize);

impl io::Read for Dripping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl io::Write for Dripping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(self.1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An idle session holds the library's state, and no buffers.
#[tokio::test]
async fn a_session_with_nothing_under_way_holds_no_buffer() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(&pattern(20_000)).unwrap();
        client.read_exact(&mut [0; 20_000]).unwrap();
        client
    });
    shake_hands(&io).await.unwrap();
    let mut received = 0;
    while received < 20_000 {
        received += receive(&io, &mut [0; 3_000]).await.unwrap();
    }
    send(&io, &pattern(20_000)).await;
    assert_eq!(io.tls.as_ref().unwrap().state.borrow().records.held(), 0);
    drop(client.join().unwrap());
}

/// What we say to a server, and what it says, also where its messages come in many pieces.
#[tokio::test]
async fn we_are_a_client_as_well() {
    ask_a_server(None).await;
    ask_a_server(Some(40)).await;
}

async fn ask_a_server(record_bytes_max: Option<usize>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (server_config, client_config) = configs();
    let mut server_config = Arc::unwrap_or_clone(server_config);
    server_config.max_fragment_size = record_bytes_max;
    let server_config = Arc::new(server_config);
    let server = thread::spawn(move || {
        let conn = rustls::ServerConnection::new(server_config).unwrap();
        let mut server = StreamOwned::new(conn, Dripping(theirs, 30));
        let mut question = vec![0; 100_000];
        server.read_exact(&mut question).unwrap();
        server.write_all(&question).unwrap();
        server.conn.send_close_notify();
        server.flush().unwrap();
        question
    });
    let name = ServerName::try_from("test").unwrap();
    let io = Io::new(ours.into()).originate((client_config, 0), name).unwrap();
    shake_hands(&io).await.unwrap();
    send(&io, &pattern(100_000)).await;
    assert!(receive_all(&io, 5_000).await.unwrap() == pattern(100_000));
    assert!(server.join().unwrap() == pattern(100_000));
}

/// Tickets come when nobody expects anything: the connection is as good as before.
#[tokio::test]
async fn a_connection_to_an_endpoint_that_has_sent_tickets_is_quiet() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (server_config, client_config) = configs();
    let mut server_config = Arc::unwrap_or_clone(server_config);
    server_config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let server = thread::spawn(move || {
        let conn = rustls::ServerConnection::new(server_config.into()).unwrap();
        let mut server = StreamOwned::new(conn, theirs);
        server.read_exact(&mut [0]).unwrap();
        server.write_all(b"y").unwrap();
        server
    });
    let name = ServerName::try_from("test").unwrap();
    let io = Io::new(ours.into()).originate((client_config, 0), name).unwrap();
    shake_hands(&io).await.unwrap();
    send(&io, b"x").await;
    let server = server.join().unwrap();
    poll_fn(|cx| io.poll_readable(cx)).await.unwrap();
    let mut answer = [0; 10];
    assert_eq!(receive(&io, &mut answer).await.unwrap(), 1);
    assert!(io.is_quiet());
    drop(server);
    poll_fn(|cx| io.poll_readable(cx)).await.unwrap();
    assert!(!io.is_quiet());
}

#[tokio::test]
async fn a_server_that_is_somebody_else_is_not_spoken_to() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (server_config, client_config) = configs();
    let server = thread::spawn(move || {
        let conn = rustls::ServerConnection::new(server_config).unwrap();
        StreamOwned::new(conn, theirs).read(&mut [0]).unwrap_err().to_string()
    });
    let name = ServerName::try_from("another").unwrap();
    let io = Io::new(ours.into()).originate((client_config, 0), name).unwrap();
    let Err(HandshakeError::Refused(error)) = shake_hands(&io).await else { panic!("spoken to") };
    assert!(error.to_string().contains("not valid for name"), "{error}");
    drop(io);
    let heard = server.join().unwrap();
    assert!(heard.contains("BadCertificate"), "{heard}");
}

/// CVE-2026-1642: what comes in clear text before the handshake is done is no answer.
#[tokio::test]
async fn clear_text_of_a_server_before_the_handshake_is_done_ends_it() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    let name = ServerName::try_from("test").unwrap();
    let io = Io::new(ours.into()).originate((configs().1, 0), name).unwrap();
    assert!(matches!(shake_hands(&io).await, Err(HandshakeError::Refused(_))));
}

#[tokio::test]
async fn half_a_record_waits_for_the_other_half_while_we_write() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.conn.writer().write_all(b"y").unwrap();
        let mut record = Vec::new();
        client.conn.write_tls(&mut record).unwrap();
        client.sock.write_all(&record[..record.len() / 2]).unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        client.sock.write_all(&record[record.len() / 2..]).unwrap();
        client.read_exact(&mut byte).unwrap();
    });
    shake_hands(&io).await.unwrap();
    let mut byte = [0];
    assert_eq!(receive(&io, &mut byte).await.unwrap(), 1);
    send(&io, b"a").await;
    poll_fn(|cx| io.poll_readable(cx)).await.unwrap();
    assert!(poll_fn(|cx| Poll::Ready(io.poll_recv(cx, &mut byte).is_pending())).await);
    send(&io, b"b").await;
    assert_eq!(receive(&io, &mut byte).await.unwrap(), 1);
    assert_eq!(&byte, b"y");
    send(&io, b"c").await;
    client.join().unwrap();
}

/// Whatever comes in the place of a record, there is an error, and nothing that was decrypted is taken for the whole.
#[tokio::test]
async fn what_was_changed_on_the_way_ends_the_session() {
    for position in [3, 4, 5, 20, 40] {
        let (io, client) = meet_tls(move |mut client| {
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            client.conn.writer().write_all(&[b'y'; 30]).unwrap();
            let mut record = Vec::new();
            client.conn.write_tls(&mut record).unwrap();
            record[position] ^= 1;
            client.sock.write_all(&record).unwrap();
            client.sock.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = client.read(&mut [0]);
        });
        shake_hands(&io).await.unwrap();
        let mut bytes = [0; 100];
        assert_eq!(receive(&io, &mut bytes).await.unwrap(), 1);
        send(&io, b"a").await;
        for _ in 0..2 {
            assert!(receive(&io, &mut bytes).await.is_err(), "{position}");
        }
        io.finish();
        drop(io);
        client.join().unwrap();
    }
}

/// Each of them costs us a derivation of keys, and the client next to nothing.
#[tokio::test]
async fn a_flood_of_new_keys_ends_the_session() {
    let (io, client) = meet_tls(|mut client| {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        for updates in 1_u32..1_000_000 {
            client.conn.refresh_traffic_keys().unwrap();
            if client.conn.complete_io(&mut client.sock).is_err() {
                return updates;
            }
        }
        u32::MAX
    });
    shake_hands(&io).await.unwrap();
    let mut byte = [0];
    receive(&io, &mut byte).await.unwrap();
    send(&io, b"a").await;
    assert!(receive(&io, &mut byte).await.is_err());
    drop(io);
    assert!(client.join().unwrap() < 100_000);
}

/// Rule 50: what a client says first may come in records of a byte each.
#[tokio::test]
async fn a_hello_in_records_of_one_byte_is_one() {
    let (io, client) = meet(|mut socket, config| {
        let name = ServerName::try_from("test").unwrap();
        let mut conn = ClientConnection::new(config, name).unwrap();
        let mut hello = Vec::new();
        conn.write_tls(&mut hello).unwrap();
        let (header, message) = hello.split_at(5);
        assert_eq!(usize::from(header[3]) << 8 | usize::from(header[4]), message.len());
        for byte in message {
            socket.write_all(&[header[0], header[1], header[2], 0, 1, *byte]).unwrap();
        }
        let mut client = StreamOwned::new(conn, socket);
        client.write_all(b"x").unwrap();
        client.flush().unwrap();
        client
    });
    shake_hands(&io).await.unwrap();
    assert_eq!(receive(&io, &mut [0; 10]).await.unwrap(), 1);
    drop(client.join().unwrap());
}

/// Rule 44, RFC 8446 §4.1.2: with TLS 1.3 nothing begins anew on a connection.
#[tokio::test]
async fn a_hello_after_the_handshake_ends_the_session_with_unexpected_message() {
    let (io, client) = meet(|mut socket, config| {
        let mut config = Arc::unwrap_or_clone(config);
        config.enable_secret_extraction = true;
        let name = ServerName::try_from("test").unwrap();
        let mut conn = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        conn.write_tls(&mut hello).unwrap();
        socket.write_all(&hello).unwrap();
        while conn.is_handshaking() {
            conn.complete_io(&mut socket).unwrap();
        }
        let mut keys = Keys::of(conn.dangerous_extract_secrets().unwrap());
        // The very same, which is well-formed, where the library would not send it.
        keys.send(&mut socket, HANDSHAKE, &hello[5..]);
        let (kind, alert) = std::iter::repeat_with(|| keys.receive(&mut socket))
            .find(|(kind, _)| *kind == ALERT)
            .unwrap();
        (kind, alert)
    });
    // It may come with what ends the handshake.
    let is_shaken = shake_hands(&io).await.is_ok();
    assert!(!is_shaken || receive(&io, &mut [0; 10]).await.is_err());
    poll_fn(|cx| io.poll_flush(cx)).await.unwrap();
    assert_eq!(client.join().unwrap(), (ALERT, vec![FATAL, UNEXPECTED_MESSAGE]));
}

/// The records of a session whose library has given its keys away (RFC 8446 §5.2).
struct Keys {
    sending: (LessSafeKey, [u8; 12], u64),
    receiving: (LessSafeKey, [u8; 12], u64),
}

impl Keys {
    fn of(secrets: ExtractedSecrets) -> Self {
        let [sending, receiving] = [secrets.tx, secrets.rx].map(|(sequence, secrets)| {
            let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
                panic!("another cipher than ours");
            };
            let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap();
            (LessSafeKey::new(key), iv.as_ref().try_into().unwrap(), sequence)
        });
        Self { sending, receiving }
    }

    fn nonce((_, iv, sequence): &mut (LessSafeKey, [u8; 12], u64)) -> Nonce {
        let mut nonce = *iv;
        nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        *sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    fn send(&mut self, socket: &mut UnixStream, kind: u8, message: &[u8]) {
        let nonce = Self::nonce(&mut self.sending);
        let mut record = [message, &[kind]].concat();
        let length = u16::try_from(record.len() + 16).unwrap().to_be_bytes();
        let header = [APPLICATION_DATA, 3, 3, length[0], length[1]];
        self.sending.0.seal_in_place_append_tag(nonce, Aad::from(header), &mut record).unwrap();
        socket.write_all(&[&header[..], &record].concat()).unwrap();
    }

    fn receive(&mut self, socket: &mut UnixStream) -> (u8, Vec<u8>) {
        let mut header = [0; 5];
        socket.read_exact(&mut header).unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        socket.read_exact(&mut record).unwrap();
        let nonce = Self::nonce(&mut self.receiving);
        let plain = self.receiving.0.open_in_place(nonce, Aad::from(header), &mut record).unwrap();
        let (kind, message) = plain.split_last().unwrap();
        (*kind, message.to_vec())
    }
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const FATAL: u8 = 2;
const UNEXPECTED_MESSAGE: u8 = 10;

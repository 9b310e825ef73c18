//! A client that is asked for its first message again (RFC 8446 §4.1.4), and says something else.

use evenkeel_plan::tls::ACME_TLS;
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519};

use super::*;

/// It is not asked who it is, so it must not be served.
#[tokio::test]
async fn who_only_asks_whether_a_name_is_ours_is_no_client_when_it_is_asked_again() {
    let (server, client) = configs_by(&[X25519], &[SECP256R1, X25519]);
    let mut challenge = ServerConfig::clone(&server);
    challenge.alpn_protocols = vec![ACME_TLS.to_vec()];
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let termination = Termination {
        terms: Arc::new(Fixed(server, Told::default())),
        challenge: Arc::new(challenge),
        certificates: Arc::default(),
    };
    let io = Io::terminate(ours.into(), termination, Protocol::Http);
    let client = thread::spawn(move || take_back(theirs, client));
    assert!(shake_hands(&io).await.is_err(), "the client is gone");
    assert!(io.is_challenge());
    // It has not said what it believes to have said: the second message was taken, and is part of what the keys are made of.
    assert_eq!(client.join().unwrap(), rustls::Error::DecryptError);
}

/// Begins as who asks whether a name is ours, and takes that back when it is asked again. Returns what ends it.
fn take_back(mut socket: UnixStream, config: Arc<ClientConfig>) -> rustls::Error {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    let name = ServerName::try_from("test").unwrap();
    let mut conn = ClientConnection::new(Arc::new(config), name).unwrap();
    conn.write_tls(&mut socket).unwrap();
    loop {
        assert_ne!(conn.read_tls(&mut socket).unwrap(), 0);
        if let Err(error) = conn.process_new_packets() {
            return error;
        }
        let mut again = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut again).unwrap();
        }
        socket.write_all(&records_without_protocols(&again)).unwrap();
    }
}

fn records_without_protocols(mut records: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some((header, rest)) = records.split_first_chunk::<5>() {
        let (fragment, rest) =
            rest.split_at(usize::from(u16::from_be_bytes([header[3], header[4]])));
        let fragment = match header[0] {
            HANDSHAKE => hello_without_protocols(fragment),
            _ => fragment.to_vec(),
        };
        all.extend_from_slice(&header[..3]);
        all.extend_from_slice(&prefixed(&fragment));
        records = rest;
    }
    all
}

/// RFC 8446 §4.1.2: what comes before the extensions has three parts of any length.
fn hello_without_protocols(hello: &[u8]) -> Vec<u8> {
    let length = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    let session = 4 + 2 + 32;
    let suites = session + 1 + usize::from(hello[session]);
    let compressions = suites + 2 + length(suites);
    let extensions = compressions + 1 + usize::from(hello[compressions]);
    let (mut kept, mut at) = (Vec::new(), extensions + 2);
    while at < hello.len() {
        let end = at + 4 + length(at + 2);
        if length(at) != APPLICATION_LAYER_PROTOCOL_NEGOTIATION {
            kept.extend_from_slice(&hello[at..end]);
        }
        at = end;
    }
    assert!(extensions + 2 + kept.len() < hello.len(), "there were some");
    let body = [&hello[4..extensions], &prefixed(&kept)].concat();
    [&[CLIENT_HELLO, 0], &prefixed(&body)[..]].concat()
}

/// With its length before it.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

const CLIENT_HELLO: u8 = 1;
const APPLICATION_LAYER_PROTOCOL_NEGOTIATION: usize = 16;

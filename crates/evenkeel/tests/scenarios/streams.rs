//! Listeners for streams of bytes: `tcp`, with and without TLS on them, and `tls`, which is passed on undecrypted. Between clients of rustls
//! and OpenSSL and servers that send back what comes.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::slice;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Process, wait_until};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use crate::interop::programs::program;
use crate::running::{LONG, Running, end, free_address, in_new_directory, refusing};
use crate::tls::{Certificate, trusting};

mod changes;
mod endpoints;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A server that greets with its name, and then sends back what comes until its client has said all.
fn echo(name: &'static str) -> SocketAddr {
    serve(move |mut socket| {
        socket.write_all(name.as_bytes())?;
        let mut from = socket.try_clone()?;
        io::copy(&mut from, &mut socket)?;
        socket.shutdown(Shutdown::Write)
    })
}

/// The same by TLS, for clients that would speak one of `alpn` if there are any.
fn tls_echo(name: &'static str, certificate: &Certificate, alpn: &[&str]) -> SocketAddr {
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let chain = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).unwrap();
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    serve(move |socket| {
        let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        let mut tls = StreamOwned::new(session, socket);
        tls.write_all(name.as_bytes())?;
        let mut piece = vec![0; 16 * 1024];
        loop {
            match tls.read(&mut piece)? {
                0 => break,
                count => tls.write_all(&piece[..count])?,
            }
        }
        tls.conn.send_close_notify();
        tls.flush()
    })
}

/// Serves each connection in a thread of its own, until the process ends.
fn serve(each: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            // How it ends, its client sees.
            thread::spawn(move || drop(each(socket)));
        }
    });
    address
}

/// A client of `running`, in clear text.
fn connect(running: &Running) -> TcpStream {
    let socket = TcpStream::connect(running.address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// The client's side of TLS with whoever is to be `name` by that certificate.
fn session(certificate: &Certificate, name: &str, alpn: &[&str]) -> ClientConnection {
    let mut config = ClientConfig::clone(&trusting(slice::from_ref(certificate)));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// A connection on which it is used.
fn connect_tls(running: &Running, certificate: &Certificate, name: &str, alpn: &[&str]) -> Tls {
    StreamOwned::new(session(certificate, name, alpn), connect(running))
}

/// Reads as much as `text` is long, which has to be that.
#[track_caller]
fn expect(stream: &mut impl Read, text: &str) {
    let mut read = vec![0; text.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text);
}

#[track_caller]
fn expect_echo(stream: &mut (impl Read + Write), text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    expect(stream, text);
}

/// What comes until the end, or the reset.
fn rest(mut stream: impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        all.extend_from_slice(&piece[..count]);
    }
    all
}

/// The fatal alert of that number, as a record of its own.
fn alert(number: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, number]
}

/// Noise that no two places of are alike, so that what is lost, doubled or moved shows.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut all: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| next()).collect();
    all.truncate(bytes);
    all
}

/// A listener of that protocol with one cluster of these endpoints, which nobody checks.
fn listener(protocol: &str, endpoints: &[SocketAddr], keys: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(|each| format!("\"{each}\"")).collect();
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nprotocol = \"{protocol}\"\nto = \"all\"\n{keys}\n\
         [cluster.all]\nendpoints = [{}]\nhealth = false\n",
        endpoints.join(", ")
    )
}

// === Pass-through ===

/// Two servers that nobody here can impersonate, told apart by names and protocols.
struct Passing {
    a: Certificate,
    b: Certificate,
    running: Running,
}

impl Passing {
    fn start() -> Self {
        let [a, b] = [&["a.test"][..], &["a.test", "b.test"]].map(Certificate::of);
        let (at_a, at_b) = (tls_echo("a", &a, &[]), tls_echo("b", &b, &["imap"]));
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nprotocol = \"tls\"\n\
             timeouts = {{ tls = \"400ms\" }}\n\
             [[route]]\nhost = \"a.test\"\nto = \"a\"\n\
             [[route]]\nhost = \"a.test\"\nalpn = \"imap\"\nto = \"b\"\n\
             [[route]]\nhost = \"*.test\"\nalpn = [\"imap\", \"pop3\"]\nto = \"b\"\n\
             [[route]]\nhost = \"closed.test\"\ndeny = \"127.0.0.0/8\"\nto = \"a\"\n\
             [[route]]\nhost = \"down.test\"\nto = \"down\"\n\
             [cluster.a]\nendpoints = [\"{at_a}\"]\n[cluster.b]\nendpoints = [\"{at_b}\"]\n\
             [cluster.down]\nendpoints = [\"{}\"]\nhealth = false\n",
            refusing()
        ));
        Self { a, b, running }
    }
}

#[test]
fn tls_is_passed_to_whom_the_client_names_who_proves_it_to_the_client() {
    let Passing { a, b, running } = Passing::start();
    for (certificate, name, alpn, server) in [
        (&a, "a.test", &[][..], "a"),
        (&b, "a.test", &["imap"], "b"),
        (&b, "b.test", &["imap"], "b"),
        (&b, "b.test", &["smtp", "imap"], "b"),
    ] {
        let mut client = connect_tls(&running, certificate, name, alpn);
        expect(&mut client, server);
        expect_echo(&mut client, "from end to end");
        let agreed = client.conn.alpn_protocol();
        assert_eq!(agreed, (server == "b").then_some(&b"imap"[..]), "{name} {alpn:?}");
    }
    let through =
        |route: &str| running.metric("evenkeel_route_streams_total", &format!("route=\"{route}\""));
    assert_eq!(["a.test/*", "a.test[imap]", "*.test[imap,pop3]"].map(through), [1, 1, 2]);
    assert_eq!(running.status()["listeners"][0]["streams"], 4);
    assert_eq!(running.metric("evenkeel_requests_total", ""), 0);
}

#[test]
fn a_hello_that_comes_byte_by_byte_goes_on_as_it_was() {
    let Passing { a, running, .. } = Passing::start();
    let mut session = session(&a, "a.test", &[]);
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut socket = connect(&running);
    for byte in hello {
        socket.write_all(&[byte]).unwrap();
    }
    let mut client = StreamOwned::new(session, socket);
    expect(&mut client, "a");
    expect_echo(&mut client, "hello");
}

#[test]
fn whoever_is_nobodys_client_is_told_why_in_the_words_of_tls() {
    let Passing { a, running, .. } = Passing::start();
    for (name, alpn, expected) in [
        ("elsewhere.example", &[][..], 112),
        ("c.test", &["http/1.1"], 120),
        ("closed.test", &[], 40),
        ("down.test", &[], 80),
        // An address is not named (RFC 6066 §3).
        ("127.0.0.1", &[], 109),
    ] {
        let mut session = session(&a, name, alpn);
        let mut socket = connect(&running);
        session.write_tls(&mut socket).unwrap();
        assert_eq!(rest(&socket), alert(expected), "{name}");
    }
    let failed =
        |reason: &str| running.metric("evenkeel_failures_total", &format!("reason=\"{reason}\""));
    assert_eq!(["no_route", "denied", "connect_failed"].map(failed), [3, 1, 1]);
}

/// Neither what is slow, nor what is huge, nor what is no TLS holds a connection for long.
#[test]
fn what_is_no_hello_is_refused_within_bounds() {
    let Passing { running, .. } = Passing::start();
    let failed =
        |reason: &str| running.metric("evenkeel_failures_total", &format!("reason=\"{reason}\""));
    // A message of 64 KiB that is about to come in records of 16 KiB.
    let huge = [&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..], &[0; 16_380]].concat();
    for (bytes, answer, reason) in [
        (&b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..], vec![], "not_tls"),
        (b"\x80\x2e\x01\x03\x01", vec![], "not_tls"),
        (&huge, alert(40), "hello_too_large"),
        // The hello of a server.
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", alert(10), "hello_malformed"),
        (b"\x16\x03\x01\x02", vec![], "hello_timeout"),
        (b"", vec![], "hello_timeout"),
    ] {
        let before = failed(reason);
        let mut socket = connect(&running);
        // It may have had enough before the end.
        let _ = socket.write_all(bytes);
        assert_eq!(rest(&socket), answer, "{reason}");
        wait_until(LONG, || failed(reason) == before + 1).unwrap();
    }
}

/// The time is for all of it, not for each byte.
#[test]
fn a_hello_that_never_ends_is_cut_off_in_time() {
    let Passing { running, .. } = Passing::start();
    let mut client = running.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    let _drip = client.drip(7, Duration::from_millis(50)).unwrap();
    let began = Instant::now();
    assert_eq!(client.read_until_gone(LONG).unwrap(), b"");
    assert!(began.elapsed() < Duration::from_secs(10));
    running.wait_for_metric("evenkeel_failures_total", "reason=\"hello_timeout\"", 1);
}

/// A look whether somebody listens, as balancers before us take, is no failure.
#[test]
fn who_says_nothing_and_leaves_is_no_failure() {
    let Passing { running, .. } = Passing::start();
    drop(connect(&running));
    running.wait_for_metric("evenkeel_listener_connections_total", "", 1);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn openssl_speaks_with_openssl_through_it() {
    let name = "openssl_speaks_with_openssl_through_it";
    let Some(openssl) = program(name, "openssl") else { return };
    let certificate = Certificate::of(&["db.test"]);
    let (folder, cert) = in_new_directory("cert.pem").unwrap();
    let key = folder.path().join("key.pem").display().to_string();
    fs::write(&cert, &certificate.pem).unwrap();
    let authority = folder.path().join("authority.pem").display().to_string();
    fs::write(&authority, &certificate.authority_pem).unwrap();
    fs::write(&key, &certificate.key).unwrap();
    let port = free_port().unwrap().to_string();
    let mut server = Command::new(&openssl);
    server.args(["s_server", "-accept", &port, "-cert", &cert, "-key", &key, "-rev", "-alpn", "x"]);
    let _server = Process::spawn(&mut server).unwrap();
    let at = format!("127.0.0.1:{port}").parse().unwrap();
    wait_until(LONG, || TcpStream::connect(at).is_ok()).unwrap();
    let toml = listener("tls", &[at], "").replace("to = \"all\"", "")
        + "[[route]]\nhost = \"db.test\"\nto = \"all\"\n";
    let running = Running::from_toml(&toml);
    for words in [&["-tls1_3", "-alpn", "x"][..], &["-tls1_2"]] {
        let mut command = Command::new(&openssl);
        let address = running.address.to_string();
        command.args([
            "s_client",
            "-connect",
            &address,
            "-servername",
            "db.test",
            "-CAfile",
            &authority,
        ]);
        command.args(["-verify_return_error", "-ign_eof"]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().unwrap();
        client.stdin.take().unwrap().write_all(b"stressed\nCLOSE\n").unwrap();
        let output = client.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("desserts"), "{words:?}: {said}");
        assert!(said.contains("Verify return code: 0"), "{words:?}: {said}");
    }
}

// === Streams out of TLS ===

/// A balancer that takes TLS off by `certificate`.
fn unwrapping(certificate: &Certificate, endpoints: &[SocketAddr]) -> Running {
    let running = Running::from_toml(&listener("tcp", endpoints, ""));
    certificate.put(&running);
    let keys = "certificates = [{ cert = \"a.crt\", key = \"a.key\" }]";
    running.rewrite(&listener("tcp", endpoints, keys));
    running.reload();
    running
}

#[test]
fn tls_is_taken_off_before_any_bytes_whatever_protocol_is_in_it() {
    let certificate = Certificate::of(&["db.test"]);
    let running = unwrapping(&certificate, &[echo("db")]);
    for alpn in [&[][..], &["postgresql"], &["h2", "http/1.1"]] {
        let mut client = connect_tls(&running, &certificate, "db.test", alpn);
        // The server speaks first.
        expect(&mut client, "db");
        expect_echo(&mut client, "select 1");
        assert_eq!(client.conn.alpn_protocol(), None, "{alpn:?}");
    }
    running.wait_for_metric("evenkeel_tls_handshakes_total", "result=\"full\"", 3);
}

/// It got an answer of HTTP, whatever it spoke.
#[test]
fn clear_text_where_tls_is_taken_off_a_stream_is_reset_without_a_word() {
    let certificate = Certificate::of(&["db.test"]);
    let running = unwrapping(&certificate, &[echo("db")]);
    for text in ["GET / HTTP/1.1\r\nHost: db.test\r\n\r\n", "LIST\r\n", "quit\r\n"] {
        let mut client = connect(&running);
        client.write_all(text.as_bytes()).unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{text:?}");
    }
    running.wait_for_metric("evenkeel_tls_handshakes_total", "result=\"refused\"", 3);
}

/// What goes through must be what comes out, in both directions at once, and its end must be an end.
#[test]
fn long_streams_come_whole_with_tls_and_without() {
    let certificate = Certificate::of(&["db.test"]);
    let clear = Running::from_toml(&listener("tcp", &[echo("")], ""));
    let secured = unwrapping(&certificate, &[echo("")]);
    let sent = Arc::new(noise(24 << 20));

    let socket = connect(&clear);
    let (mut from, to_send) = (socket.try_clone().unwrap(), Arc::clone(&sent));
    let sending = thread::spawn(move || {
        (&socket).write_all(&to_send).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
    });
    let mut echoed = Vec::new();
    from.read_to_end(&mut echoed).unwrap();
    sending.join().unwrap();
    assert!(echoed == *sent, "{} bytes have come", echoed.len());
    let counted = |dir: &str| clear.metric("evenkeel_bytes_total", dir);
    wait_until(LONG, || counted("dir=\"in\"") == sent.len() as u64).unwrap();
    assert_eq!(counted("dir=\"out\""), sent.len() as u64);

    let mut client = connect_tls(&secured, &certificate, "db.test", &[]);
    let mut echoed = vec![0; 64 * 1024];
    for piece in sent.chunks(echoed.len()).take(64) {
        client.write_all(piece).unwrap();
        client.read_exact(&mut echoed[..piece.len()]).unwrap();
        assert!(echoed[..piece.len()] == *piece);
    }
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(client.read(&mut echoed).unwrap(), 0, "the end is said in a record");
}

// === Streams as they are ===

/// A server whose connections the test holds.
struct Held(TcpListener);

impl Held {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn accept(&self) -> TcpStream {
        let socket = self.0.accept().unwrap().0;
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket
    }
}

#[test]
fn either_side_may_end_its_half_and_hear_the_other_out() {
    let held = Held::new();
    let running = Running::from_toml(&listener("tcp", &[held.address()], ""));
    for client_ends in [true, false] {
        let (client, endpoint) = (connect(&running), held.accept());
        let (mut ends, mut stays) =
            if client_ends { (client, endpoint) } else { (endpoint, client) };
        ends.write_all(b"all I have").unwrap();
        ends.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&stays), b"all I have");
        for word in ["I", "have", "more"] {
            stays.write_all(word.as_bytes()).unwrap();
            expect(&mut ends, word);
        }
        drop(stays);
        assert_eq!(ends.read(&mut [0]).unwrap(), 0);
    }
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn a_reset_is_passed_on_as_a_reset() {
    let held = Held::new();
    let running = Running::from_toml(&listener("tcp", &[held.address()], ""));
    for client_ends in [true, false] {
        let (mut client, mut endpoint) = (connect(&running), held.accept());
        // Both sides are there.
        client.write_all(b"hello").unwrap();
        expect(&mut endpoint, "hello");
        let (ends, mut stays) = if client_ends { (client, endpoint) } else { (endpoint, client) };
        socket2::SockRef::from(&ends).set_linger(Some(Duration::ZERO)).unwrap();
        drop(ends);
        let error = stays.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 1);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"upstream_closed\"", 1);
}

#[test]
fn an_endpoint_that_refuses_is_passed_over_and_where_all_do_the_client_is_reset() {
    let refusing: SocketAddr = refusing().parse().unwrap();
    let toml = listener("tcp", &[refusing, echo("b")], "") + "balance = \"round-robin\"\n";
    let running = Running::from_toml(&toml);
    for _ in 0..10 {
        expect(&mut connect(&running), "b");
    }
    assert!(running.metric("evenkeel_upstream_connects_total", "result=\"failed\"") >= 1);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);

    let running = Running::from_toml(&listener("tcp", &[refusing], ""));
    let error = connect(&running).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"connect_failed\"", 1);
    let told = running.ask("GET", "/api/v1/why", "").1;
    assert_eq!(told["stories"][0]["method"], "STREAM", "{told}");
}

#[test]
fn a_client_stays_with_its_endpoint_by_its_address() {
    let endpoints = ["a", "b", "c", "d", "e"].map(echo);
    let toml = listener("tcp", &endpoints, "") + "sticky = \"client\"\n";
    let running = Running::from_toml(&toml);
    let greeted = || {
        let mut name = [0];
        connect(&running).read_exact(&mut name).unwrap();
        name
    };
    let first = greeted();
    assert!((0..20).all(|_| greeted() == first));
}

#[test]
fn a_stream_waits_for_room_until_another_one_ends() {
    let toml = listener("tcp", &[echo("a")], "") + "limits = { connections = 1 }\n";
    let running = Running::from_toml(&toml);
    let mut first = connect(&running);
    expect(&mut first, "a");
    let mut second = connect(&running);
    second.write_all(b"b").unwrap();
    wait_until(LONG, || running.metric("evenkeel_cluster_pending", "") == 1).unwrap();
    expect_echo(&mut first, "still here");
    drop(first);
    expect(&mut second, "ab");
}

/// Of a listener, or of one of its routes.
#[test]
fn a_client_opens_no_more_streams_than_its_rate() {
    let limit = "rate_limit = { rate = \"1/h\", burst = 2 }";
    let limited = |running: &Running, through: u64| {
        running.wait_for_metric("evenkeel_route_streams_total", "", through);
        running.wait_for_metric("evenkeel_failures_total", "reason=\"rate_limited\"", 1);
        running.wait_for_metric("evenkeel_rate_limited_total", "dry_run=\"false\"", 1);
    };
    let running = Running::from_toml(&listener("tcp", &[echo("a")], limit));
    for _ in 0..2 {
        expect(&mut connect(&running), "a");
    }
    let error = connect(&running).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    limited(&running, 2);

    let certificate = Certificate::of(&["a.test", "b.test"]);
    let routes = format!(
        "[[route]]\nhost = \"a.test\"\nto = \"all\"\n{limit}\n[[route]]\nhost = \"b.test\"\nto = \"all\"\n"
    );
    let toml =
        listener("tls", &[tls_echo("a", &certificate, &[])], "").replace("to = \"all\"\n", "");
    let running = Running::from_toml(&(toml + &routes));
    for name in ["a.test", "a.test", "b.test", "b.test"] {
        expect(&mut connect_tls(&running, &certificate, name, &[]), "a");
    }
    let mut refused = connect(&running);
    session(&certificate, "a.test", &[]).write_tls(&mut refused).unwrap();
    assert_eq!(rest(&refused), alert(40));
    limited(&running, 4);
    expect(&mut connect_tls(&running, &certificate, "b.test", &[]), "a");
}

#[test]
fn a_stream_on_which_nothing_moves_ends() {
    let held = Held::new();
    let running = Running::from_toml(&listener(
        "tcp",
        &[held.address()],
        "timeouts = { tunnel = \"300ms\" }",
    ));
    let (client, endpoint) = (connect(&running), held.accept());
    for side in [&client, &endpoint] {
        assert_eq!(rest(side), b"");
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"tunnel_idle\"", 1);
}

// === Operation ===

#[test]
fn a_stream_is_shown_while_it_runs_and_logged_when_it_has_ended() {
    let certificate = Certificate::of(&["db.test"]);
    let log = "[log]\naccess = { path = \"-\" }\n";
    let toml = listener("tls", &[tls_echo("a", &certificate, &[])], "") + log;
    let running = Running::from_toml(&toml);
    let mut client = connect_tls(&running, &certificate, "db.test", &[]);
    expect(&mut client, "a");
    let (_, shown) = running.ask("GET", "/api/v1/exchanges", "");
    let stream = &shown["connections"][0]["exchange"];
    for (key, expected) in [
        ("method", "STREAM"),
        ("target", ""),
        ("host", "db.test"),
        ("phase", "tunnel"),
        ("cluster", "all"),
    ] {
        assert_eq!(stream[key], expected, "{shown}");
    }
    assert_eq!(running.endpoint(0)["in_flight"], 1);
    client.conn.send_close_notify();
    client.flush().unwrap();
    drop(client);
    let line = running.process.wait_for_line("db.test", LONG).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
    for (key, expected) in [
        ("network.transport", "tcp"),
        ("server.address", "db.test"),
        ("evenkeel.listener", "web"),
        ("evenkeel.route", "/*"),
        ("evenkeel.cluster", "all"),
    ] {
        assert_eq!(line[key], expected, "{line}");
    }
    assert!(line["evenkeel.bytes.in"].as_u64() > Some(100), "{line}");
    assert!(line["evenkeel.bytes.out"].as_u64() > Some(500), "{line}");
    assert!(line["evenkeel.time.connect"].is_f64(), "{line}");
    assert!(line.get("http.request.method").is_none(), "{line}");
}

/// One of a database may live for weeks.
#[test]
fn what_moves_is_counted_before_the_stream_ends() {
    let running = Running::from_toml(&listener("tcp", &[echo("hello ")], ""));
    let mut client = connect(&running);
    expect(&mut client, "hello ");
    expect_echo(&mut client, "world");
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"in\"", 5);
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"out\"", 11);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(client), b"");
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    running.wait_for_metric("evenkeel_bytes_total", "", 16);
}

/// Whoever is in the middle of something is let finish; whoever is not is told by the end of the stream, before the time is up.
#[test]
fn streams_live_on_while_it_stops_and_end_in_order_before_the_time_is_up() {
    let held = Held::new();
    let running =
        Running::from_toml(&format!("drain = \"8s\"\n{}", listener("tcp", &[held.address()], "")));
    let (mut busy, mut busy_endpoint) = (connect(&running), held.accept());
    let (idle, idle_endpoint) = (connect(&running), held.accept());
    wait_until(LONG, || running.endpoint(0)["in_flight"] == 2).unwrap();
    let began = Instant::now();
    running.process.signal(Signal::TERM).unwrap();
    running.process.wait_for_line("draining: ", LONG).unwrap();
    busy.write_all(b"late").unwrap();
    expect(&mut busy_endpoint, "late");
    drop(busy_endpoint);
    assert_eq!(rest(&busy), b"");
    drop(busy);
    for side in [&idle, &idle_endpoint] {
        let mut side = side;
        assert_eq!(side.read(&mut [0]).unwrap(), 0, "an orderly end");
    }
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    drop((idle, idle_endpoint));
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn a_stream_outlives_its_endpoint_in_the_config() {
    let (held, other) = (Held::new(), echo("b"));
    let running = Running::from_toml(&listener("tcp", &[held.address()], ""));
    let (mut client, mut endpoint) = (connect(&running), held.accept());
    running.rewrite(&listener("tcp", &[other], ""));
    running.reload();
    for _ in 0..5 {
        expect(&mut connect(&running), "b");
    }
    client.write_all(b"go on").unwrap();
    expect(&mut endpoint, "go on");
    endpoint.write_all(b"I do").unwrap();
    drop(endpoint);
    assert_eq!(rest(&client), b"I do");
}

#[test]
fn a_command_line_serves_streams() {
    for protocol in ["tcp", "tls"] {
        let certificate = Certificate::of(&["db.test"]);
        let address = free_address();
        let listen = format!("{protocol}:{address}");
        let endpoint = match protocol {
            "tcp" => echo("a"),
            _ => tls_echo("a", &certificate, &[]),
        };
        let mut command = Command::new(crate::running::BINARY);
        command.args(["serve", &listen, &endpoint.to_string(), "--admin", "127.0.0.1:0"]);
        let running = Running::start(&mut command, address);
        match protocol {
            "tcp" => expect(&mut connect(&running), "a"),
            _ => expect(&mut connect_tls(&running, &certificate, "db.test", &[]), "a"),
        }
    }
}

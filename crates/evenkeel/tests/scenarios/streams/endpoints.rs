//! Streams to endpoints that are spoken TLS with.

use tempfile::TempDir;

use super::*;

/// A listener in front of that endpoint, which has to prove that it is `name`, and is checked if it can be.
fn in_front_of(endpoint: SocketAddr, certificate: &Certificate, name: &str) -> (TempDir, Running) {
    let (folder, ca) = in_new_directory("ca.pem").unwrap();
    fs::write(&ca, &certificate.authority_pem).unwrap();
    let tls = format!("tls = {{ ca = \"{ca}\", server_name = \"{name}\" }}\n");
    let health = "health = { interval = \"100ms\", timeout = \"20s\", fall = 1, rise = 1 }\n";
    let toml = listener("tcp", &[endpoint], "").replace("health = false\n", health) + &tls;
    (folder, Running::from_toml(&toml))
}

/// RFC 7301 §3.2: who goes by protocols refuses a client that offers others only.
#[test]
fn a_database_that_does_not_speak_http_is_spoken_tls_with() {
    let certificate = Certificate::of(&["db.test"]);
    for alpn in [&["postgresql"][..], &[]] {
        let endpoint = tls_echo("db", &certificate, alpn);
        let (_folder, running) = in_front_of(endpoint, &certificate, "db.test");
        running.wait_for_state(0, "up");
        let mut client = connect(&running);
        expect(&mut client, "db");
        expect_echo(&mut client, "select 1");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(client), b"", "{alpn:?}");
        running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
        assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
    }
}

#[test]
fn openssl_that_goes_by_protocols_takes_streams() {
    let name = "openssl_that_goes_by_protocols_takes_streams";
    let Some(openssl) = program(name, "openssl") else { return };
    let certificate = Certificate::of(&["db.test"]);
    let (folder, cert) = in_new_directory("cert.pem").unwrap();
    let key = folder.path().join("key.pem").display().to_string();
    fs::write(&cert, &certificate.pem).unwrap();
    fs::write(&key, &certificate.key).unwrap();
    let port = free_port().unwrap();
    let mut server = Command::new(&openssl);
    server.args(["s_server", "-accept", &port.to_string(), "-cert", &cert, "-key", &key, "-rev"]);
    let _server = Process::spawn(server.args(["-quiet", "-alpn", "postgresql"])).unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until(LONG, || TcpStream::connect(at).is_ok()).unwrap();
    let (_folder, running) = in_front_of(at, &certificate, "db.test");
    running.wait_for_state(0, "up");
    let mut client = connect(&running);
    client.write_all(b"stressed\n").unwrap();
    expect(&mut client, "desserts\n");
}

/// Nothing of the stream goes to whoever cannot prove who it is.
#[test]
fn an_endpoint_that_is_somebody_else_gets_nothing_of_a_stream() {
    let certificate = Certificate::of(&["other.test"]);
    let endpoint = tls_echo("other", &certificate, &[]);
    let (_folder, running) = in_front_of(endpoint, &certificate, "db.test");
    running.wait_for_state(0, "down");
    let reason = running.endpoint(0).to_string();
    assert!(reason.contains("its certificate is for other.test, not for db.test"), "{reason}");
    let error = connect(&running).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"tls_failed\"", 1);
}

/// What goes through must be what comes out, with TLS on both sides of us.
#[test]
fn a_long_stream_comes_whole_through_two_sessions_of_tls() {
    let certificate = Certificate::of(&["db.test"]);
    let endpoint = tls_echo("", &certificate, &["postgresql"]);
    let (folder, ca) = in_new_directory("ca.pem").unwrap();
    fs::write(&ca, &certificate.authority_pem).unwrap();
    let [cert, key] = ["a.crt", "a.key"].map(|name| folder.path().join(name));
    fs::write(&cert, &certificate.pem).unwrap();
    fs::write(&key, &certificate.key).unwrap();
    let keys =
        format!("certificates = {{ cert = \"{}\", key = \"{}\" }}", cert.display(), key.display());
    let tls = format!("tls = {{ ca = \"{ca}\", server_name = \"db.test\" }}\n");
    let running = Running::from_toml(&(listener("tcp", &[endpoint], &keys) + &tls));
    let mut client = connect_tls(&running, &certificate, "db.test", &[]);
    let sent = noise(2 << 20);
    let mut echoed = vec![0; 64 * 1024];
    for piece in sent.chunks(echoed.len()) {
        client.write_all(piece).unwrap();
        client.read_exact(&mut echoed[..piece.len()]).unwrap();
        assert!(echoed[..piece.len()] == *piece);
    }
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(client.read(&mut echoed).unwrap(), 0, "the end is said in a record");
}

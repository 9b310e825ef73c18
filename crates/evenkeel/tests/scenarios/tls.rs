//! A listener that speaks TLS, between clients of rustls, curl and OpenSSL and a real origin.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_testkit::{Origin, Request, Script, wait_until};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::interop::programs::program;
use crate::running::{LONG, Running};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A certificate that is good for a day, for these names.
struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Certificate {
    fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        Self { der: cert.der().clone(), pem: cert.pem(), key: key.serialize_pem() }
    }

    /// Puts it where the config of `running` says, each file in one move.
    fn put(&self, running: &Running) {
        let directory = running.config().parent().unwrap().to_owned();
        for (name, text) in [("a.key", &self.key), ("a.crt", &self.pem)] {
            fs::write(directory.join("draft"), text).unwrap();
            fs::rename(directory.join("draft"), directory.join(name)).unwrap();
        }
    }
}

/// A balancer in front of `origin` that is begun in clear text, so that its directory is there, and then speaks TLS by `certificate`.
fn secured(origin: &Origin, certificate: &Certificate, keys: &str) -> Running {
    let clear = format!("[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\n", origin.address());
    let running = Running::from_toml_with(2, &clear);
    certificate.put(&running);
    let secured = format!(
        "{clear}protocol = \"https\"\ncertificates = [{{ cert = \"a.crt\", key = \"a.key\" }}]\n{keys}\n"
    );
    running.rewrite(&secured);
    assert_eq!(running.ask("POST", "/api/v1/reload", "").0, 200);
    running
}

/// A client that trusts `certificate`, and asks for `name`.
fn client(running: &Running, certificate: &Certificate, name: &str) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let socket = TcpStream::connect(running.address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

/// Sends a request for `/` of `host`, and reads the answer: its head, and its body.
fn ask(client: &mut Tls, host: &str) -> (String, Vec<u8>) {
    client.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
    let head = read_head(client);
    let length = head.to_ascii_lowercase();
    let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    client.read_exact(&mut body).unwrap();
    (head, body)
}

fn read_head(client: &mut Tls) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Says by which scheme it was told that its client had come.
fn telling() -> Origin {
    Origin::start(|request: &Request| {
        Script::ok(request.header("x-forwarded-proto").unwrap_or("nothing"))
    })
    .unwrap()
}

#[test]
fn requests_by_tls_are_told_as_such_and_answers_say_to_stay_with_it() {
    let certificate = Certificate::of(&["example.test", "*.example.test"]);
    let origin = telling();
    let running = secured(&origin, &certificate, "hsts = \"365d\"");
    for name in ["example.test", "www.example.test"] {
        let mut client = client(&running, &certificate, name);
        for _ in 0..3 {
            let (head, body) = ask(&mut client, name);
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            assert!(head.contains("Strict-Transport-Security: max-age=31536000\r\n"), "{head}");
            assert_eq!(body, b"https");
        }
    }
}

/// RFC 9110 §7.4, §15.5.20: which host a connection is for was said when it began.
#[test]
fn a_host_that_the_certificate_is_not_good_for_is_misdirected() {
    let certificate = Certificate::of(&["test", "*.test"]);
    let origin = telling();
    let running = secured(&origin, &certificate, "");
    for (host, status) in [
        ("test", "200"),
        ("other.test:8443", "200"),
        ("TEST", "200"),
        ("elsewhere", "421"),
        ("a.b.test", "421"),
        ("127.0.0.1", "421"),
    ] {
        let (head, _) = ask(&mut client(&running, &certificate, "test"), host);
        assert_eq!(head.split(' ').nth(1), Some(status), "{host}: {head}");
    }
    assert_eq!(running.metric("evenkeel_failures_total", "reason=\"misdirected\""), 3);
}

#[test]
fn long_bodies_and_other_protocols_go_through_both_ways() {
    let noise: Vec<u8> =
        (0..3_000_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let origin = Origin::start(|request: &Request| match request.method.as_str() {
        "GET" => Script::new()
            .send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n",
            )
            .send("hello"),
        _ => Script::ok(String::from_utf8_lossy(&request.body).into_owned()),
    })
    .unwrap();
    let text: String = noise.iter().map(|byte| char::from(byte % 26 + b'a')).collect();
    let certificate = Certificate::of(&["test"]);
    let running = secured(&origin, &certificate, "");
    let mut client = client(&running, &certificate, "test");
    let head = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", text.len());
    client.write_all((head + &text).as_bytes()).unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut echo = vec![0; text.len()];
    client.read_exact(&mut echo).unwrap();
    assert!(echo == text.as_bytes());
    let offer = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
    client.write_all(offer.as_bytes()).unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut hello = [0; 5];
    client.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
}

/// What is shown to who comes now; `None` if there is no handshake with who trusts `certificate`.
fn is_shown(running: &Running, certificate: &Certificate) -> bool {
    client(running, certificate, "test").write_all(b"GET").is_ok()
}

#[test]
fn a_renewed_certificate_is_in_use_within_two_seconds_and_a_broken_one_never() {
    let (first, second) = (Certificate::of(&["test"]), Certificate::of(&["test"]));
    let origin = telling();
    let running = secured(&origin, &first, "");
    let mut kept = client(&running, &first, "test");
    assert_eq!(ask(&mut kept, "test").1, b"https");
    second.put(&running);
    let began = Instant::now();
    wait_until(LONG, || {
        // There is no moment at which there is none.
        let (new, old) = (is_shown(&running, &second), is_shown(&running, &first));
        assert!(new || old || is_shown(&running, &second));
        new
    })
    .unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}, and it is said to be two seconds");
    assert_eq!(ask(&mut kept, "test").1, b"https", "what was begun by the old one goes on");

    let broken = Certificate { key: first.key, ..Certificate::of(&["test"]) };
    broken.put(&running);
    let said = || {
        running.process.stderr().contains("a.crt")
            && running.process.stderr().contains("stays in use")
    };
    wait_until(LONG, said).unwrap_or_else(|error| panic!("{error}: {}", running.process.stderr()));
    assert!(is_shown(&running, &second));
}

/// RFC 8996, RFC 9325 §3.1.1 and §3.8, RFC 7301 §3.2.
#[test]
fn openssl_is_refused_with_the_alert_that_says_why() {
    let name = "openssl_is_refused_with_the_alert_that_says_why";
    let Some(openssl) = program(name, "openssl") else { return };
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(&origin, &certificate, "");
    for (words, alert) in [
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], "alert number 70"),
        (&["-alpn", "imap"], "alert number 120"),
        (&["-tls1_2", "-cipher", "AES128-SHA"], "alert number 40"),
        (&["-alpn", "imap,http/1.1"], "ALPN protocol: http/1.1"),
        (&["-tls1_2"], "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        let mut command = Command::new(&openssl);
        command.args(["s_client", "-connect", &running.address.to_string(), "-servername", "test"]);
        let output = command.args(words).stdin(std::process::Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(alert), "{words:?}: {said}");
    }
}

#[test]
fn a_client_that_begins_and_says_no_more_is_not_waited_for_long() {
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(&origin, &certificate, "timeouts = { tls = \"300ms\" }");
    for begins in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut socket = TcpStream::connect(running.address).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.write_all(begins).unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_or_default(), 0);
    }
}

#[test]
fn clear_text_is_answered_in_clear_text_and_sent_elsewhere_where_that_is_wanted() {
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(&origin, &certificate, "");
    let answer = running.get("/");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());

    let toml = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nredirect_to_https = true\n",
        origin.address()
    );
    let running = Running::from_toml(&toml);
    let answer = running.get("/a?b");
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), Some("https://127.0.0.1/a?b"));
}

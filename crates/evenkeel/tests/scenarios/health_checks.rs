//! Active checks by TLS, gRPC and programs: an endpoint goes down and comes back, and everybody is told why.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Script, wait_until};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::running::{LONG, Running, run, scripted};

/// Checks that take well under a second to notice anything, and have time enough for a busy machine.
const PACE: &str = "interval = \"100ms\", timeout = \"20s\", fall = 2, rise = 2";

#[test]
fn an_endpoint_without_tls_goes_down_and_comes_back() {
    let server = TlsServer::start();
    let change = Change {
        health: format!("{{ kind = \"tls\", server_name = \"shop.example\", {PACE} }}"),
        endpoint: server.address,
        reason: "TLS handshake failed: the answer is not TLS",
        kind: "tls",
    };
    change.is_seen(|well| server.is_well.store(well, Ordering::Relaxed));
}

#[test]
fn an_endpoint_that_does_not_serve_goes_down_and_comes_back() {
    let is_serving = Arc::new(AtomicBool::new(true));
    let endpoint = health_service(Arc::clone(&is_serving));
    let change = Change {
        health: format!("{{ kind = \"grpc\", service = \"shop.Cart\", {PACE} }}"),
        endpoint,
        reason: "NOT_SERVING",
        kind: "not_serving",
    };
    change.is_seen(|well| is_serving.store(well, Ordering::Relaxed));
}

#[test]
fn an_endpoint_that_a_program_does_not_like_goes_down_and_comes_back() {
    let folder = TempDir::new().unwrap();
    let flag = folder.path().join("unwell");
    let origin = scripted(Script::ok("a"));
    let script = "test -e \"$0\" || exit 0; echo \"disk of $EVENKEEL_PORT is full\" >&2; exit 3";
    let command = format!("[\"/bin/sh\", \"-c\", '{script}', \"{}\"]", flag.display());
    let reason = format!("exit status 3: disk of {} is full", origin.address().port());
    let change = Change {
        health: format!("{{ kind = \"exec\", command = {command}, {PACE} }}"),
        endpoint: origin.address(),
        reason: &reason,
        kind: "exit",
    };
    change.is_seen(|well| match well {
        true => fs::remove_file(&flag).unwrap(),
        false => fs::write(&flag, "").unwrap(),
    });
}

#[test]
fn of_several_checks_the_one_that_fails_is_named() {
    let folder = TempDir::new().unwrap();
    let flag = folder.path().join("unwell");
    let origin = scripted(Script::ok("all is well"));
    let exec = format!("command = [\"/usr/bin/test\", \"!\", \"-e\", \"{}\"]", flag.display());
    let change = Change {
        health: format!(
            "[{{ kind = \"tcp\", {PACE} }}, {{ path = \"/\", body = \"is well\", {PACE} }}, \
             {{ kind = \"exec\", {exec}, {PACE} }}]"
        ),
        endpoint: origin.address(),
        reason: "exec /usr/bin/test: exit status 1",
        kind: "exit",
    };
    let running = change.is_seen(|well| match well {
        true => fs::remove_file(&flag).unwrap(),
        false => fs::write(&flag, "").unwrap(),
    });
    let checks = running.endpoint(0)["checks"].clone();
    let names: Vec<_> = checks.as_array().unwrap().iter().map(|check| &check["name"]).collect();
    assert_eq!(names, ["tcp", "http /", "exec /usr/bin/test"]);
    assert!(checks.as_array().unwrap().iter().all(|check| check["standing"] == "up"), "{checks}");
}

#[test]
fn a_program_ends_with_its_check_and_with_the_balancer() {
    let folder = TempDir::new().unwrap();
    let origin = scripted(Script::ok("a"));
    let toml = |name: &str| {
        // Two dollars of a config are one.
        let script =
            format!("echo $$$$ > {}; sleep 1000; true", folder.path().join(name).display());
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\n\
             health = {{ kind = \"exec\", command = [\"/bin/sh\", \"-c\", '{script}'], timeout = \"1h\", interval = \"1h\" }}\n",
            origin.address()
        )
    };
    let pid = |name: &str| -> Option<u32> {
        fs::read_to_string(folder.path().join(name)).ok()?.trim().parse().ok()
    };
    let gone = |pid: u32| wait_until(LONG, || !Path::new(&format!("/proc/{pid}")).exists());
    let mut running = Running::from_toml(&toml("first"));
    wait_until(LONG, || pid("first").is_some()).unwrap();
    running.rewrite(&toml("first").replace("health = {", "health = false # {"));
    running.reload();
    gone(pid("first").unwrap()).unwrap();
    running.rewrite(&toml("second"));
    running.reload();
    wait_until(LONG, || pid("second").is_some()).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    running.process.exit_status(LONG).unwrap();
    gone(pid("second").unwrap()).unwrap();
}

/// An endpoint that will go down and come back.
struct Change<'a> {
    health: String,
    endpoint: SocketAddr,
    /// Why it will be down, without how often that was seen.
    reason: &'a str,
    /// The same as metrics have it.
    kind: &'a str,
}

impl Change<'_> {
    /// Makes the endpoint unwell and well again by `turn`, and looks at what status, metrics, events and the log say of it.
    fn is_seen(&self, turn: impl Fn(bool)) -> Running {
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = {}\n",
            self.endpoint, self.health
        ));
        running.wait_for_state(0, "up");
        turn(false);
        running.wait_for_state(0, "down");
        let down = format!("{} (2 of 2)", self.reason);
        let endpoint = running.endpoint(0);
        assert_eq!(endpoint["reason"], *down, "{endpoint}");
        assert_eq!(endpoint["last_check"]["detail"], self.reason);
        let ended = run(&["status", "--admin", &running.admin.to_string()]);
        assert!(ended.stdout.contains(&down), "{}", ended.stdout);
        let labels = format!("to=\"down\",reason=\"{}\"", self.kind);
        running.wait_for_metric("evenkeel_upstream_transitions_total", &labels, 1);
        turn(true);
        running.wait_for_state(0, "up");
        let up = running.endpoint(0)["reason"].as_str().unwrap().to_owned();
        assert!(up.ends_with("passed (2 of 2)"), "{up}");
        let (_, events) = running.ask("GET", "/api/v1/events", "");
        let said = |text: &str| events.to_string().contains(text);
        assert!(said(&format!("down: {down}")) && said(&format!("up: {up}")), "{events}");
        // What is written is read by a thread of its own.
        let log = || format!("{}{}", running.process.stdout(), running.process.stderr());
        let is_logged = || log().contains(&down) && log().contains("endpoint is up");
        wait_until(LONG, is_logged).unwrap_or_else(|error| panic!("{error}: {}", log()));
        running
    }
}

/// A server with a certificate for somebody else; while it is not well, it answers in HTTP.
struct TlsServer {
    address: SocketAddr,
    is_well: Arc<AtomicBool>,
}

impl TlsServer {
    fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["somebody.else".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let is_well = Arc::new(AtomicBool::new(true));
        let well = Arc::clone(&is_well);
        let address = serve(async move |stream| {
            if well.load(Ordering::Relaxed) {
                // What the probe does after the handshake is its business.
                drop(acceptor.accept(stream).await);
                return;
            }
            drop(stream.readable().await);
            drop(stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            drop(stream.try_read(&mut [0; 4096]));
        });
        Self { address, is_well }
    }
}

/// `grpc.health.v1.Health` in clear text, for whatever service.
fn health_service(is_serving: Arc<AtomicBool>) -> SocketAddr {
    serve(async move |stream| {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        while let Some(Ok((_, respond))) = connection.accept().await {
            say(respond, is_serving.load(Ordering::Relaxed));
        }
    })
}

fn say(mut respond: SendResponse<Bytes>, is_serving: bool) {
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut answer = respond.send_response(head, false).unwrap();
    let status = if is_serving { 1 } else { 2 };
    answer.send_data(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    answer.send_trailers(trailers).unwrap();
}

/// Serves connections on a thread of its own, one after the other, for as long as the tests run.
fn serve(mut talk: impl AsyncFnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            loop {
                talk(listener.accept().await?.0).await;
            }
        })
    });
    address
}

//! nginx as an endpoint of HTTP/2, in clear text and over TLS: bodies both ways, many requests at once, and restarts in the midst of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use evenkeel_testkit::Process;
use evenkeel_testkit::process::Signal;

use super::http2::between;
use super::programs::{VERY_LONG, both, program, succeed};
use super::servers::Server;
use crate::running::Running;

#[test]
fn curl_moves_bodies_to_nginx_and_back_over_http_2() {
    let name = "curl_moves_bodies_to_nginx_and_back_over_http_2";
    let Some(curl) = program(name, "curl") else { return };
    for (listen, version, is_secure, spoken) in [
        ("http2", "2", false, "HTTP/2.0"),
        ("ssl http2", "2", true, "HTTP/2.0"),
        ("ssl http2", "auto", true, "HTTP/2.0"),
        ("ssl", "auto", true, "HTTP/1.1"),
        ("", "auto", false, "HTTP/1.1"),
    ] {
        let Some(server) = Server::nginx_http2(name, listen, FEW) else { return };
        let ca = server.path("ca.pem");
        let tls = is_secure.then(|| format!("tls = {{ ca = \"{}\" }}", ca.display()));
        let cluster = format!("http = \"{version}\"\n{}", tls.unwrap_or_default());
        let running = between("", &[&server], &cluster);
        for from in ["--http1.1", "--http2-prior-knowledge"] {
            move_bodies(&running, &server, &[&curl.display().to_string(), from], spoken);
        }
        running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
        assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
        let connects = running.metric("evenkeel_upstream_connects_total", "result=\"ok\"");
        assert_eq!(connects, 1, "{listen}");
    }
}

/// Puts bodies on the server's disk, and reads them again.
#[track_caller]
fn move_bodies(running: &Running, server: &Server, curl: &[&str], spoken: &str) {
    for bytes in [0, 1, 70_000, 4 << 20] {
        let body: Vec<u8> = (0..bytes).map(|number: u32| (number % 251) as u8).collect();
        let (file, received) = (server.path("sent"), server.path("received"));
        fs::write(&file, &body).unwrap();
        let ask = |words: &[&str]| {
            let mut command = Command::new(curl[0]);
            command
                .args(["-q", "--silent", "--fail", "--max-time", "60", "--output"])
                .arg(&received);
            command.args(["--write-out", "%header{x-protocol}"]).args(&curl[1..]).args(words);
            let url = format!("http://{}/dav/{bytes}", running.address);
            assert_eq!(succeed(command.arg(url)).stdout.trim_end(), spoken);
        };
        ask(&["--upload-file", &file.display().to_string()]);
        assert!(fs::read(server.path(&format!("dav/{bytes}"))).unwrap() == body, "{bytes}");
        ask(&[]);
        assert!(fs::read(received).unwrap() == body, "{bytes}");
        fs::remove_file(server.path(&format!("dav/{bytes}"))).unwrap();
    }
}

#[test]
fn h2load_asks_nginx_for_much_at_once() {
    let name = "h2load_asks_nginx_for_much_at_once";
    let server = || Server::nginx_http2(name, "http2", FEW);
    let Some((h2load, server)) = both(program(name, "h2load"), server) else { return };
    fs::write(server.path("large"), vec![b'x'; 4 << 20]).unwrap();
    // It ends each connection after a few requests, and has not looked at what follows.
    let running = between("", &[&server], "http = \"2\"\nretry = { budget = \"100%\" }");
    expect_answers(&running, begin(&h2load, &running, "/hello", 5000, &[]), 5000);
    expect_answers(&running, begin(&h2load, &running, "/large", 64, &[]), 64);
    expect_answers(
        &running,
        begin(&h2load, &running, "/hello", 1000, &body(&server, 60_000)),
        1000,
    );
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

/// A POST may not be sent twice, unless it is known that nobody has looked at it.
#[test]
fn nothing_is_lost_when_nginx_reloads_and_quits() {
    let name = "nothing_is_lost_when_nginx_reloads_and_quits";
    let server = || Server::nginx_http2(name, "http2", MANY);
    let Some((h2load, mut leaving)) = both(program(name, "h2load"), server) else { return };
    let reloading = server().unwrap();
    for server in [&leaving, &reloading] {
        fs::write(server.path("large"), vec![b'x'; 4 << 20]).unwrap();
    }
    // What nginx has not looked at may be all that is under way, and whoever is left has room for it: a further attempt does not wait for that.
    let cluster = "http = \"2\"\nretry = { budget = \"100%\" }\nlimits = { adaptive = false }";
    let running = between("", &[&leaving, &reloading], cluster);
    let mut posts = begin(&h2load, &running, "/hello", POSTS, &body(&reloading, 1000));
    let gets = begin(&h2load, &running, "/large", GETS, &[]);
    for reloads in 1..=RELOADS {
        reloading.process.signal(Signal::HUP).unwrap();
        let began = "start worker process ";
        reloading.process.wait_for_lines(began, reloads + 1, VERY_LONG).unwrap();
    }
    leaving.process.signal(Signal::QUIT).unwrap();
    assert!(posts.is_running().unwrap(), "all was over before nginx was");
    assert!(leaving.process.exit_status(VERY_LONG).unwrap().success());
    expect_answers(&running, posts, POSTS);
    expect_answers(&running, gets, GETS);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

/// The words for a body of so many bytes.
fn body(server: &Server, bytes: usize) -> [String; 2] {
    let file = server.path("sent");
    fs::write(&file, vec![b'x'; bytes]).unwrap();
    ["--data".to_owned(), file.display().to_string()]
}

/// So many requests, 25 at once on each of eight connections.
fn begin(h2load: &Path, running: &Running, path: &str, requests: u32, words: &[String]) -> Process {
    let mut load = Command::new(h2load);
    load.args(["-c", "8", "-m", "25", "-n", &requests.to_string()]).args(words);
    Process::spawn(load.arg(format!("http://{}{path}", running.address))).unwrap()
}

#[track_caller]
fn expect_answers(running: &Running, mut load: Process, requests: u32) {
    load.exit_status(VERY_LONG).unwrap();
    let said = load.stdout();
    let all = format!("{requests} succeeded, 0 failed, 0 errored, 0 timeout");
    let failed = || running.ask("GET", "/api/v1/why?kind=failed", "").1;
    assert!(said.contains(&all), "{said}{}{:#}", load.stderr(), failed());
}

/// Requests on one connection.
const FEW: u32 = 700;

/// A connection that nginx 1.22 has told to go, and leaves open for what still comes, it closes when it reloads: that may break it before the last answers
/// are sent, and nobody could tell what was done. So here none is told to go but by a reload.
const MANY: u32 = 1_000_000;

const POSTS: u32 = 30_000;

const GETS: u32 = 100;

const RELOADS: usize = 4;

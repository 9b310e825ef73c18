//! The access log: a line for each exchange, which says what happened; and whatever happens to the log, requests do not notice.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use evenkeel_testkit::http2::Block;
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Http2Client, Origin, Request, Script, get, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{
    BINARY, GET, LONG, Running, end, expect_failure, free_address, named, run, scripted,
};

/// A balancer with an access log in a directory that goes with the test.
struct Logged {
    running: Running,
    directory: TempDir,
}

impl Logged {
    /// `access` is what stands beside the path.
    fn start(access: &str, endpoint: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let running = start(access, &directory.path().join("access.log"), endpoint);
        Self { running, directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("access.log")
    }

    /// Stops the balancer, which writes what is left, and returns the log.
    fn stop(self) -> String {
        self.running.process.signal(Signal::TERM).unwrap();
        let ended = end(self.running.process);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        fs::read_to_string(self.directory.path().join("access.log")).unwrap()
    }

    /// Stops, and returns the lines of the moved file and of the new one, which has some.
    fn stop_in(self, moved: &Path) -> Vec<Value> {
        self.running.process.signal(Signal::TERM).unwrap();
        assert_eq!(end(self.running.process).code, Some(0));
        let file = self.directory.path().join("access.log");
        let (old, new) = (fs::read_to_string(moved).unwrap(), fs::read_to_string(file).unwrap());
        assert!(!old.is_empty() && new.contains("\"/299\""));
        (old + &new).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn stop_json(self) -> Vec<Value> {
        self.stop().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn start(access: &str, path: &Path, endpoint: &str) -> Running {
    Running::from_toml(&config(access, path, endpoint))
}

fn config(access: &str, path: &Path, endpoint: &str) -> String {
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{endpoint}\"]\n\
         [log]\naccess = {{ {access}, path = \"{}\" }}\n",
        path.display()
    )
}

const JSON: &str = "format = \"json\"";
const COMBINED: &str = "format = \"combined\"";
const LOST: &str = "evenkeel_access_log_lost_lines_total";
const WRITTEN: &str = "evenkeel_access_log_lines_total";

#[test]
fn a_line_of_json_says_all_about_an_exchange() {
    let origin = named("hello");
    let logged = Logged::start(JSON, &origin.address().to_string());
    let mut client = logged.running.connect();
    let client_port = client.stream().local_addr().unwrap().port();
    let request = b"POST /a/b?c=d&e HTTP/1.1\r\nHost: www.example.com:81\r\nContent-Length: 3\r\n\
        User-Agent: test/1\r\nReferer: http://r.example/\r\n\
        traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\nabc";
    assert_eq!(client.exchange(request, LONG).unwrap().status, 200);
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    drop(client);
    let lines = logged.stop_json();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = &lines[0];
    for (name, expected) in [
        ("http.request.method", "POST"),
        ("url.scheme", "http"),
        ("url.path", "/a/b"),
        ("url.query", "c=d&e"),
        ("server.address", "www.example.com"),
        ("client.address", "127.0.0.1"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "test/1"),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
        ("span_id", "b7ad6b7169203331"),
        ("evenkeel.listener", "web"),
        ("evenkeel.cluster", "web"),
        ("evenkeel.endpoint", &origin.address().to_string()),
        ("evenkeel.request_id", origin.requests()[0].header("x-request-id").unwrap()),
    ] {
        assert_eq!(line[name], expected, "{name} in {line}");
    }
    for (name, expected) in [
        ("server.port", 81),
        ("client.port", client_port.into()),
        ("http.response.status_code", 200),
        ("http.request.body.size", 3),
        ("http.response.body.size", 5),
        ("evenkeel.attempts", 1),
    ] {
        assert_eq!(line[name], expected, "{name} in {line}");
    }
    assert_eq!(line["http.request.header.referer"][0], "http://r.example/");
    let time = |name: &str| line[format!("evenkeel.time.{name}")].as_f64().unwrap();
    assert!(time("connect") <= time("total") && time("first_byte") <= time("total"), "{line}");
    assert!(time("own") <= time("total"), "{line}");
    assert_eq!(line.get("evenkeel.reason"), None);
    let reused = &lines[1];
    assert_eq!(reused.get("evenkeel.time.connect"), None, "it was connected: {reused}");
    assert_eq!((reused.get("url.query"), reused.get("trace_id")), (None, None));
}

#[test]
fn a_combined_line_is_what_tools_read() {
    let origin = named("hello");
    let logged = Logged::start(COMBINED, &origin.address().to_string());
    let mut client = logged.running.connect();
    let request = b"GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: say \"hi\"\r\n\r\n";
    client.exchange(request, LONG).unwrap();
    drop(client);
    let log = logged.stop();
    let (start, rest) = log.split_once(" [").unwrap();
    assert_eq!(start, "127.0.0.1 - -");
    let (time, rest) = rest.split_once("] ").unwrap();
    let shape: String =
        time.chars().map(|each| if each.is_ascii_digit() { '0' } else { each }).collect();
    let month = shape.get(3..6).unwrap();
    assert!(month.chars().all(char::is_alphabetic), "{time}");
    assert_eq!(shape.replace(month, "Mon"), "00/Mon/0000:00:00:00 +0000");
    assert_eq!(rest, "\"GET /a?b HTTP/1.1\" 200 5 \"-\" \"say \\\"hi\\\"\"\n");
}

#[test]
fn standard_output_takes_the_log_too() {
    let origin = named("a");
    let running = start(JSON, Path::new("-"), &origin.address().to_string());
    running.get("/seen");
    let line = running.process.wait_for_line("\"url.path\":\"/seen\"", LONG).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["http.response.status_code"], 200);
}

#[test]
fn a_failed_exchange_says_why() {
    let closing = scripted(Script::new().close());
    let logged = Logged::start(JSON, &closing.address().to_string());
    assert_eq!(logged.running.get("/").status, 502);
    let mut client = logged.running.connect();
    assert_eq!(client.exchange(b"GET / HTTP/1.1\r\n\r\n", LONG).unwrap().status, 400);
    drop(client);
    let mut lines = logged.stop_json();
    // They were on two connections, so which was written first says nothing.
    lines.sort_by_key(|line| line["http.response.status_code"].as_u64());
    let told: Vec<_> = lines
        .iter()
        .map(|line| (&line["http.response.status_code"], &line["evenkeel.reason"]))
        .collect();
    let expected: [(&Value, &Value); 2] =
        [(&400.into(), &"request_malformed".into()), (&502.into(), &"upstream_closed".into())];
    assert_eq!(told, expected, "{lines:?}");
}

/// It was `request_malformed`, which has thirty causes.
#[test]
fn what_is_malformed_is_told_with_the_rule_that_it_breaks() {
    let logged = Logged::start(JSON, &named("origin").address().to_string());
    let cases: [(&[u8], &str); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", "no Host field"),
        (b"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", "%2F"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both Content-Length and Transfer-Encoding",
        ),
        (b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 begins so"),
    ];
    for (request, _) in cases {
        assert_eq!(logged.running.connect().exchange(request, LONG).unwrap().status, 400);
    }
    let mut client = Http2Client::connect(logged.running.address).unwrap();
    let block = Block::request("GET", "/").field("host", "another");
    let stream = client.request(&block, true).unwrap();
    client.outcome(stream, LONG).unwrap();
    drop(client);
    let lines = logged.stop_json();
    let told: Vec<_> =
        lines.iter().map(|line| line["evenkeel.reason_detail"].as_str().unwrap()).collect();
    let over_http2 = "Host names another one than the authority";
    for what in cases.iter().map(|(_, what)| *what).chain([over_http2]) {
        assert!(told.iter().any(|told| told.starts_with(what)), "{what}: {lines:?}");
    }
}

#[test]
fn what_an_endpoint_says_wrongly_is_told_with_the_rule_that_it_breaks() {
    let origin = Origin::start(|request: &Request| {
        Script::new().send(match request.target.as_str() {
            "/ssh" => "SSH-2.0-OpenSSH_10.0\r\n\r\n",
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        })
    });
    let origin = origin.unwrap();
    let logged = Logged::start(JSON, &origin.address().to_string());
    for target in ["/ssh", "/length", "/chunk"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        // What has begun is cut.
        drop(logged.running.connect().exchange(request.as_bytes(), LONG));
    }
    let told = "breaks the rules of HTTP";
    logged.running.process.wait_for_line(told, LONG).unwrap();
    let lines = logged.stop_json();
    assert_eq!(lines.len(), 3);
    let mut details: Vec<_> =
        lines.iter().map(|line| line["evenkeel.reason_detail"].as_str().unwrap()).collect();
    details.sort_unstable();
    let expected = [
        "a Content-Length that is not a number",
        "a chunk without a size",
        "it answers in no version of HTTP that we speak",
    ];
    assert_eq!(details, expected, "{lines:?}");
}

#[test]
fn only_errors_are_kept_if_only_they_are_wanted() {
    let origin = Origin::start(|request: &Request| {
        Script::status(request.target[1..].parse().unwrap_or(200), "answer")
    })
    .unwrap();
    let access = format!("{JSON}, keep = \"errors\"");
    let logged = Logged::start(&access, &origin.address().to_string());
    for path in ["/200", "/404", "/302", "/500", "/200"] {
        logged.running.get(path);
    }
    let lines = logged.stop_json();
    let mut paths: Vec<_> = lines.iter().map(|line| line["url.path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/404", "/500"]);
}

#[test]
fn what_could_mislead_a_reader_is_escaped() {
    let origin = named("a");
    let agent = "a\tb\u{85}\u{202e}c\u{2028}\\\"d\u{2066}é";
    let request = format!(
        "GET /%E2%80%AE%1B%5B2J HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\nReferer: {agent}\r\n\r\n"
    );
    for access in [JSON, COMBINED] {
        let logged = Logged::start(access, &origin.address().to_string());
        let mut client = logged.running.connect();
        assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
        drop(client);
        let log = logged.stop();
        let line = log.strip_suffix('\n').unwrap();
        let bad = |each: char| each.is_control() || "\u{202e}\u{2028}\u{2066}".contains(each);
        assert!(!line.contains(bad), "{line:?}");
        assert!(line.contains("/%E2%80%AE%1B%5B2J"), "what came encoded stays so: {line}");
        if access == JSON {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["user_agent.original"], agent);
            assert_eq!(line["http.request.header.referer"][0], agent);
        } else {
            assert_eq!(line.matches("a\\x09b\\xc2\\x85\\xe2\\x80\\xae").count(), 2, "{line}");
        }
    }
}

#[test]
fn a_full_disk_costs_lines_and_no_request() {
    let origin = named("a");
    let running = start(JSON, Path::new("/dev/full"), &origin.address().to_string());
    let mut client = running.connect();
    for _ in 0..20 {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    drop(client);
    running.wait_for_metric(LOST, "cause=\"write_failed\"", 20);
    assert_eq!(running.metric(WRITTEN, ""), 0);
    running.process.wait_for_line("cannot write the access log to /dev/full", LONG).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    let ended = end(running.process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.stderr.matches("make room on that disk").count();
    assert!((1..20).contains(&told), "{told} complaints: {ended:?}");
}

#[test]
fn a_stalled_pipe_costs_lines_and_no_request() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let origin = named("a");
    let running = start(JSON, &path, &origin.address().to_string());
    let mut reader = BufReader::new(File::open(&path).unwrap());
    assert_eq!(running.get("/first").status, 200);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("/first"), "{line}");
    // From now on nobody reads. Long lines, so that few fit into the pipe and the ring.
    let long = "x".repeat(2000);
    let request = format!("GET /{long}?{long} HTTP/1.1\r\nHost: a\r\nUser-Agent: {long}\r\n\r\n");
    let mut client = running.connect();
    wait_until(LONG, || {
        for _ in 0..50 {
            assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
        }
        running.metric(LOST, "") > 0
    })
    .unwrap();
    running.process.wait_for_line("its reader is too slow, or stands still", LONG).unwrap();
    assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
    drop(client);
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(running.process).code, Some(0));
}

/// Somebody has said `ulimit -f`, or `LimitFSIZE=` in a unit.
#[test]
fn a_log_that_may_not_grow_costs_lines_and_not_the_process() {
    let directory = TempDir::new().unwrap();
    let (file, log) = (directory.path().join("evenkeel.toml"), directory.path().join("log"));
    let (address, origin) = (free_address(), named("a"));
    let toml = config(JSON, &log, &origin.address().to_string()) + ADMIN;
    fs::write(&file, toml.replace("{bind}", &address.to_string())).unwrap();
    let mut command = Command::new("sh");
    let line = format!("ulimit -f 8; exec {BINARY} run -c {}", file.display());
    let running = Running::start(command.args(["-c", &line]), address);
    let mut client = running.connect();
    wait_until(LONG, || {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
        running.metric(LOST, "cause=\"write_failed\"") > 0
    })
    .unwrap();
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
}

/// Ends with its test, whatever comes.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `evenkeel run … 2>&1 | consumer`, and the consumer stands still.
#[test]
fn a_stop_does_not_wait_for_a_reader_of_stdout_and_stderr() {
    let directory = TempDir::new().unwrap();
    let (file, pipe) = (directory.path().join("evenkeel.toml"), directory.path().join("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (address, admin, origin) = (free_address(), free_address(), named("a"));
    let toml = config(JSON, Path::new("-"), &origin.address().to_string()) + ADMIN;
    let toml = toml.replace("{bind}", &address.to_string());
    fs::write(&file, toml.replace("127.0.0.1:0", &admin.to_string())).unwrap();
    // Open for reading, too, so that it is never closed; and nobody reads it.
    let both = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "-c", &file.display().to_string()]);
    command.stdout(both.try_clone().unwrap()).stderr(both);
    let mut balancer = Killed(command.spawn().unwrap());
    let metric = |name: &str| {
        let text = get(admin, "/metrics").map(|answer| answer.text()).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>()
    };
    wait_until(LONG, || evenkeel_testkit::Client::connect(address).is_ok()).unwrap();
    let mut client = evenkeel_testkit::Client::connect(address).unwrap();
    let long = "x".repeat(2000);
    let request = format!("GET /{long} HTTP/1.1\r\nHost: a\r\nUser-Agent: {long}\r\n\r\n");
    wait_until(LONG, || {
        for _ in 0..100 {
            assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
        }
        metric(LOST) > 0
    })
    .unwrap();
    drop(client);
    let id = rustix::process::Pid::from_child(&balancer.0);
    rustix::process::kill_process(id, Signal::TERM).unwrap();
    wait_until(LONG, || balancer.0.try_wait().unwrap().is_some()).unwrap();
}

#[test]
fn a_moved_log_goes_on_in_a_new_file_and_no_line_is_lost() {
    let origin = named("a");
    let logged = Logged::start(JSON, &origin.address().to_string());
    let (file, moved) = (logged.file(), logged.directory.path().join("access.log.1"));
    let mut client = logged.running.connect();
    let mut ask = |from: usize, to: usize| {
        for number in from..to {
            let request = format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
        }
    };
    ask(0, 100);
    fs::rename(&file, &moved).unwrap();
    ask(100, 200);
    logged.running.process.signal(Signal::USR1).unwrap();
    wait_until(LONG, || file.exists()).unwrap();
    ask(200, 300);
    drop(client);
    let new = logged.stop_in(&moved);
    let paths: Vec<_> = new.iter().map(|line| line["url.path"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..300).map(|number| format!("/{number}")).collect();
    assert_eq!(paths, expected);
}

#[test]
fn a_log_that_cannot_be_opened_stops_the_start_and_says_what_to_do() {
    let directory = TempDir::new().unwrap();
    // Its place is there, which a check of the config sees, but nothing can be written to it.
    let path = directory.path().join("access.log");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let file = directory.path().join("evenkeel.toml");
    let toml = config(JSON, &path, "127.0.0.1:9001") + ADMIN;
    fs::write(&file, toml.replace("{bind}", &free_address().to_string())).unwrap();
    let ended = run(&["run", "-c", &file.display().to_string()]);
    let path = path.display().to_string();
    expect_failure(&ended, 1, &["the access log cannot be opened", &path]);
}

#[test]
fn without_an_access_log_nothing_is_opened_anew() {
    let running = Running::serve(&[&named("a").address().to_string()]);
    running.process.signal(Signal::USR1).unwrap();
    assert_eq!(get(running.admin, "/readyz").unwrap().status, 200);
    assert_eq!(running.metric(WRITTEN, ""), 0);
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(running.process).code, Some(0));
}

/// For a config that is not given to [`Running::from_toml`].
const ADMIN: &str = "\n[admin]\nbind = \"127.0.0.1:0\"\n";

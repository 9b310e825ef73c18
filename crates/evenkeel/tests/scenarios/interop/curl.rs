//! curl, feature by feature, against nginx, Apache and the small site.

use std::fs;
use std::path::Path;
use std::process::Command;

use evenkeel_testkit::{Origin, Process, Request, Script};

use super::programs::{VERY_LONG, both, program, succeed};
use super::servers::{Server, noise};
use crate::running::{Ended, Running, in_new_directory};

/// curl in a directory of its own; all that it is told to write goes there.
struct Curl {
    program: std::path::PathBuf,
    directory: tempfile::TempDir,
}

impl Curl {
    fn find(test: &str) -> Option<Self> {
        Some(Self { program: program(test, "curl")?, directory: tempfile::TempDir::new().unwrap() })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // `-q` first: no configuration of whoever runs the test.
        command.args(["-q", "--silent", "--show-error", "--noproxy", "*"]);
        command.args(words).current_dir(self.directory.path());
        command
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> Ended {
        succeed(&mut self.command(words))
    }

    #[track_caller]
    fn print(&self, words: &[&str]) -> String {
        self.run(words).stdout.trim_end().to_owned()
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(name)).unwrap()
    }
}

#[test]
fn curl_gets_posts_and_heads_through_us() {
    let name = "curl_gets_posts_and_heads_through_us";
    let origin = Origin::start(|request: &Request| match request.method.as_str() {
        "HEAD" => Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Head: yes\r\n\r\n"),
        method => Script::ok(format!("{method} {}\n", request.body.len())),
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let url = format!("http://{}/", running.address);
    let (_directory, file) = in_new_directory("upload").unwrap();
    fs::write(&file, vec![b'x'; 3 << 20]).unwrap();
    let data = format!("@{file}");
    let Some(curl) = Curl::find(name) else { return };
    let head = curl.print(&["--head", &url]);
    assert!(head.contains("X-Head: yes"), "{head}");
    for (words, answer) in [
        (&[url.as_str()][..], "GET 0"),
        (&["--http1.0", &url], "GET 0"),
        // curl waits for 100 a second, and then sends all the same.
        (&["--data-binary", &data, &url], "POST 3145728"),
        (&["-H", "Transfer-Encoding: chunked", "--data-binary", &data, &url], "POST 3145728"),
        (&["--upload-file", &file, &url], "PUT 3145728"),
        (&[&url, &url, &url], "GET 0\nGET 0\nGET 0"),
    ] {
        assert_eq!(curl.print(words), answer, "{words:?}");
    }
    running.wait_for_metric("evenkeel_requests_total", "", 9);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn curl_and_nginx() {
    let name = "curl_and_nginx";
    let Some((curl, server)) = both(Curl::find(name), || Server::nginx(name)) else { return };
    files(&curl, &server);
}

#[test]
fn curl_and_apache() {
    let name = "curl_and_apache";
    let Some((curl, server)) = both(Curl::find(name), || Server::apache(name)) else { return };
    files(&curl, &server);
}

/// Everything there is to do with files.
fn files(curl: &Curl, server: &Server) {
    let running = Running::serve(&[&server.address, "--health", "/text"]);
    running.wait_for_state(0, "up");
    let base = format!("http://{}", running.address);
    downloads(curl, &base);
    parts(curl, &base);
    uploads(curl, &base, &server.path("dav/file"));
    a_refused_upload_is_not_sent(curl, &base);
    let text = format!("{base}/text");
    assert_eq!(curl.print(&["--compressed", &text]), curl.print(&["--http1.0", &text]));
    let many = [text.as_str(); 50].map(|each| format!("{each}?"));
    let before = running.metric("evenkeel_listener_connections_total", "");
    curl.print(&many.iter().map(String::as_str).collect::<Vec<_>>());
    running.wait_for_metric("evenkeel_listener_connections_total", "", before + 1);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
    let connects = running.metric("evenkeel_upstream_connects_total", "ok");
    assert!(connects <= 10, "{connects} connections to the server");
}

fn downloads(curl: &Curl, base: &str) {
    let (large, wanted) = (format!("{base}/large"), noise());
    curl.run(&["-o", "whole", &large]);
    assert!(curl.file("whole") == wanted, "the download differs");
    // The start is here already; curl asks for the rest.
    fs::write(curl.directory.path().join("resumed"), &wanted[..1_000_000]).unwrap();
    curl.run(&["-C", "-", "-o", "resumed", &large]);
    assert!(curl.file("resumed") == wanted, "the resumed download differs");
    curl.run(&["--http1.0", "-o", "old", &large]);
    assert!(curl.file("old") == wanted, "the download over HTTP/1.0 differs");
}

fn parts(curl: &Curl, base: &str) {
    let large = format!("{base}/large");
    let status = ["-w", "%{http_code}", "-o"];
    assert_eq!(curl.print(&[&status[..], &["part", "-r", "31-62", &large]].concat()), "206");
    assert!(curl.file("part") == noise()[31..63], "the part differs");
    let several = curl.print(&["-i", "-r", "0-9,100-109", &large]);
    assert!(several.contains("206 Partial Content"), "{several}");
    assert!(several.contains("multipart/byteranges; boundary="), "{several}");
    curl.run(&["--etag-save", "tag", "-o", "nothing", &large]);
    let again = ["again", "--etag-compare", "tag", &large];
    assert_eq!(curl.print(&[&status[..], &again].concat()), "304");
}

/// With its length, without, and after having asked for permission.
fn uploads(curl: &Curl, base: &str, stored: &Path) {
    let url = format!("{base}/dav/file");
    fs::write(curl.directory.path().join("upload"), noise()).unwrap();
    let status = ["-o", "answer", "-w", "%{http_code}", "-v"];
    // No answer to the question for so long would be a failure of the test.
    let patient = ["--expect100-timeout", "60", "-H", "Expect: 100-continue"];
    let put = ["--upload-file", "upload", &url];
    for more in [&["-H", "Expect:"][..], &["-H", "Transfer-Encoding: chunked"], &patient] {
        let ended = curl.run(&[&status[..], more, &put].concat());
        assert_eq!(ended.stdout.trim_end(), "201", "{more:?}");
        assert!(fs::read(stored).unwrap() == noise(), "{more:?}: the upload differs");
        let asked = more == patient;
        assert!(!asked || ended.stderr.contains("HTTP/1.1 100 Continue"), "{}", ended.stderr);
        assert_eq!(curl.print(&["-X", "DELETE", "-w", "%{http_code}", &url]), "204");
    }
}

/// Who asks first learns that the body is too large, and keeps it.
fn a_refused_upload_is_not_sent(curl: &Curl, base: &str) {
    let url = format!("{base}/small/file");
    let patient = ["--expect100-timeout", "60", "-H", "Expect: 100-continue"];
    let words = ["--upload-file", "upload", "-o", "answer", "-w", "%{http_code} %{size_upload}"];
    assert_eq!(curl.print(&[&patient[..], &words, &[&url]].concat()), "413 0");
    // Without asking: the answer comes while the body is on its way.
    let words = ["--upload-file", "upload", "-H", "Expect:", "-o", "answer", "-w", "%{http_code}"];
    assert_eq!(curl.print(&[&words[..], &[&url]].concat()), "413");
}

#[test]
fn curl_and_uvicorn() {
    let name = "curl_and_uvicorn";
    let Some((curl, server)) = both(Curl::find(name), || Server::uvicorn(name)) else { return };
    site(&curl, &server);
}

#[test]
fn curl_and_gunicorn() {
    let name = "curl_and_gunicorn";
    let Some((curl, server)) = both(Curl::find(name), || Server::gunicorn(name)) else { return };
    site(&curl, &server);
}

/// Everything there is to do with the small site.
fn site(curl: &Curl, server: &Server) {
    let running = server.behind_us();
    let at = |path: &str| format!("http://{}{path}", running.address);
    for version in ["--http1.1", "--http1.0"] {
        let echoed = curl.print(&[version, "-L", "--data", "abc", &at("/redirect-post")]);
        assert!(echoed.contains("\"method\": \"POST\", \"length\": 3"), "{echoed}");
        curl.run(&[version, "-o", "noise", &at("/noise?mib=33&chunked=1")]);
        assert!(curl.file("noise") == noise(), "{version}: the download differs");
    }
    let jar = ["-b", "jar", "-c", "jar"];
    curl.run(&[&jar[..], &[&at("/cookies")]].concat());
    let cookies = curl.print(&[&jar[..], &[&at("/cookies")]].concat());
    assert!(cookies.contains("first=1") && cookies.contains("second=two"), "{cookies}");
    let text = curl.print(&["--compressed", &at("/gzip")]);
    assert!(text.starts_with("line 0 of a text"), "{text}");
    events(curl, &running);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

/// Each event is here before the server sends the next: it waits until this one was seen.
fn events(curl: &Curl, running: &Running) {
    let at = |path: &str| format!("http://{}{path}?id=curl", running.address);
    let mut stream = Process::spawn(&mut curl.command(&["-N", &at("/events")])).unwrap();
    for number in 0..5 {
        stream.wait_for_line(&format!("data: {number}"), VERY_LONG).unwrap();
        curl.run(&["--data", "", &at("/seen")]);
    }
    assert_eq!(stream.exit_status(VERY_LONG).unwrap().code(), Some(0));
}

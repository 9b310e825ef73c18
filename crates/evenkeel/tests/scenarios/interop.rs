//! Programs that are not ours on either side: curl as the client, nginx as the endpoint.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::{Origin, Process, Request, Script, skipped, wait_until};
use tempfile::TempDir;

use crate::running::{LONG, Running, end, in_new_directory};

/// Runs curl, and returns what it printed; `None`, and says so, where there is no curl.
fn curl(test: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new("curl");
    // `-q` first: no configuration of whoever runs the test.
    command.args(["-q", "--silent", "--show-error", "--fail", "--noproxy", "*"]).args(words);
    match Process::spawn(&mut command) {
        Ok(process) => {
            let ended = end(process);
            assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
            Some(ended.stdout)
        }
        Err(error) => {
            skipped(test, &error.to_string());
            None
        }
    }
}

/// nginx serving the files of a directory.
struct Nginx {
    _process: Process,
    address: String,
}

impl Nginx {
    /// `None`, and says so, where there is no nginx.
    fn start(test: &str, directory: &Path) -> Option<Self> {
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let path = directory.display().to_string();
        let config = NGINX.replace("{directory}", &path).replace("{address}", &address);
        let file = directory.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-p", &path, "-e", "stderr", "-c"]).arg(&file);
        let process = match Process::spawn(&mut command) {
            Ok(process) => process,
            Err(error) => {
                skipped(test, &error.to_string());
                return None;
            }
        };
        wait_until(LONG, || TcpStream::connect(&address).is_ok())
            .unwrap_or_else(|error| panic!("{error}: {}", process.stderr()));
        Some(Self { _process: process, address })
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
    let Some(text) = curl(name, &[&url]) else { return };
    assert_eq!(text, "GET 0\n");
    let head = curl(name, &["--head", &url]).unwrap();
    assert!(head.contains("X-Head: yes"), "{head}");
    for (words, answer) in [
        (&["--http1.0", &url][..], "GET 0\n"),
        // curl waits for 100 a second, and then sends all the same.
        (&["--data-binary", &data, &url], "POST 3145728\n"),
        (&["-H", "Transfer-Encoding: chunked", "--data-binary", &data, &url], "POST 3145728\n"),
        (&["--upload-file", &file, &url], "PUT 3145728\n"),
        (&[&url, &url, &url], "GET 0\nGET 0\nGET 0\n"),
    ] {
        assert_eq!(curl(name, words).unwrap(), answer, "{words:?}");
    }
    running.wait_for_metric("evenkeel_requests_total", "", 9);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn nginx_is_served_through_us_file_by_file() {
    let name = "nginx_is_served_through_us_file_by_file";
    let directory = TempDir::new().unwrap();
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number * 7 % 251) as u8).collect();
    fs::write(directory.path().join("large"), &body).unwrap();
    let Some(nginx) = Nginx::start(name, directory.path()) else { return };
    let running = Running::serve(&[&nginx.address, "--health", "/large"]);
    assert_eq!(running.endpoint(0)["state"], "up");
    let mut client = running.connect();
    let mut ask = |fields: &str| {
        let request = format!("GET /large HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
        client.exchange(request.as_bytes(), LONG).unwrap()
    };
    let whole = ask("");
    assert_eq!((whole.status, whole.body == body), (200, true));
    let part = ask("Range: bytes=1000-1999\r\n");
    assert_eq!((part.status, part.body == body[1000..2000]), (206, true));
    let tag = whole.header("etag").unwrap();
    assert_eq!(ask(&format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(ask("").body.len(), body.len());
    assert_eq!(running.get("/absent").status, 404);
    let mut head = running.connect();
    head.send(b"HEAD /large HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let answered = head.read_response_to("HEAD", LONG).unwrap();
    assert_eq!(answered.header("content-length"), Some("3000000"));
    running.wait_for_metric("evenkeel_requests_total", "", 6);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

const NGINX: &str = "\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {
        listen {address};
        root {directory};
    }
}
";

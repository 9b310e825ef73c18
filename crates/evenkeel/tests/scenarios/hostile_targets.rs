//! Request lines and targets that a router here and a server there could take for different things.

use evenkeel_testkit::{Origin, Request, Script};

use crate::hostile_arena::{Arena, Records};
use crate::running::{LONG, Running};

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn a_request_line_that_is_not_one_is_refused() {
    let arena = Arena::new();
    let lines: [&[u8]; 34] = [
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/1.1 x",
        b"GET /a b HTTP/1.1",
        b"GET /a\x0bb HTTP/1.1",
        b"GET /a\0b HTTP/1.1",
        b"GET /a\rb HTTP/1.1",
        b"GET /a\nb HTTP/1.1",
        b"GET /a\x7fb HTTP/1.1",
        b"GET /a\x80b HTTP/1.1",
        "GET /\u{e4} HTTP/1.1".as_bytes(),
        b"GET /a#b HTTP/1.1",
        b"GET /# HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1.1a",
        b"GET / HTTP/11",
        b"GET / HTTP/1",
        b"GET / HTTP/1.",
        b"GET / HTTP/1,1",
        b"GET / HTTP/+1.1",
        b"GET / HTTP/01.1",
        b"GET / HTP/1.1",
        b"GET / HTTPS/1.1",
        b"GET / ",
        b"GET /",
        b"GET",
        b"G(T / HTTP/1.1",
        b"GET\0 / HTTP/1.1",
        b"\xffGET / HTTP/1.1",
        b"HTTP/1.1 200 OK",
    ];
    arena.refuses(&[400], &lines.map(|line| [line, b"\r\nHost: test\r\n\r\n"].concat()));
    // RFC 9112 §2.2: nor does a line end in anything but CRLF.
    arena.refuses(
        &[400],
        &[
            "GET / HTTP/1.1\nHost: test\n\n",
            "GET / HTTP/1.1\nHost: test\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

#[test]
fn other_versions_of_http_are_not_passed_on() {
    let arena = Arena::new();
    arena.refuses(&[400], &["GET /\r\n\r\n", "GET / HTTP/0.9\r\nHost: test\r\n\r\n"]);
    // Which of the two is a matter of taste (RFC 9110 §2.5).
    arena.refuses(
        &[400, 505],
        &["GET / HTTP/1.2\r\nHost: test\r\n\r\n", "GET / HTTP/1.9\r\nHost: test\r\n\r\n"],
    );
    arena.refuses(
        &[505],
        &[
            "GET / HTTP/2.0\r\nHost: test\r\n\r\n",
            "GET / HTTP/3.0\r\nHost: test\r\n\r\n",
            "GET / HTTP/9.9\r\nHost: test\r\n\r\n",
            "PUT * HTTP/2.0\r\n\r\n",
        ],
    );
}

#[test]
fn the_preface_of_http_2_is_no_request() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let without = Arena::before(|_: &Request| Script::ok("well"), "http2 = false", "");
    without.refuses(&[400], &[preface]);
    // Nor where it might begin a connection, anywhere else than there.
    let arena = Arena::new();
    arena.refuses(&[400], &[format!("\r\n{preface}")]);
    arena.refuses(&[400], &["PRI * HTTP/1.1\r\nHost: test\r\n\r\n"]);
}

/// Whether an empty line came before it was forgotten as soon as that was all there was.
#[test]
fn the_preface_of_http_2_is_no_request_long_after_an_empty_line_either() {
    let origin = Origin::start(|_: &Request| Script::ok("well")).unwrap();
    let running = Running::from_toml(&format!(
        "workers = 1\n[listener.web]\nbind = \"{{bind}}\"\nto = \"{}\"\nhealth = false\n",
        origin.address()
    ));
    let mut client = running.connect();
    client.send(b"\r\n").unwrap();
    // The worker has seen the one before it serves the other.
    assert_eq!(running.get("/").text(), "well");
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    assert_eq!(client.read_response(LONG).unwrap().status, 400);
}

#[test]
fn a_target_of_another_form_is_refused() {
    let arena = Arena::new();
    let targets = [
        "*",
        "a",
        "evil.example",
        "evil.example:80",
        "?a=b",
        "https:/evil",
        "http:/evil",
        "http:evil",
        "http://",
        "http:///a",
        "http://?a",
        "ftp://test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "\\evil",
        "@evil.example/",
    ];
    arena.refuses(&[400], &targets.map(get));
    arena.refuses(&[400], &["POST * HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"]);
}

#[test]
fn an_absolute_target_overrules_host_for_everybody() {
    let arena = Arena::new();
    for (target, host, path) in [
        ("http://real.example/a?b", "real.example", "/a?b"),
        ("http://real.example:8080/a", "real.example:8080", "/a"),
        ("HTTP://real.example/", "real.example", "/"),
        ("http://real.example", "real.example", "/"),
        ("http://[::1]:80/", "[::1]:80", "/"),
    ] {
        let request =
            arena.passes(format!("GET {target} HTTP/1.1\r\nHost: claimed.example\r\n\r\n"));
        assert_eq!(request.target, path, "{target}");
        assert_eq!(request.fields.all("host").collect::<Vec<_>>(), [host], "{target}");
        assert_eq!(request.header("x-forwarded-host"), Some(host), "{target}");
        assert!(!String::from_utf8_lossy(&request.head).contains("claimed"));
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn two_slashes_at_the_beginning_are_a_path_and_no_host() {
    let arena = Arena::new();
    let request = arena.passes(get("//evil.example/a"));
    assert_eq!((&*request.target, request.header("host")), ("//evil.example/a", Some("test")));
    let request = arena.passes(get("http://test//evil.example/a"));
    assert_eq!((&*request.target, request.header("host")), ("//evil.example/a", Some("test")));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_path_that_can_be_read_in_two_ways_is_refused() {
    let arena = Arena::new();
    let paths = [
        "/a%2fb",
        "/a%2Fb",
        "/..%2fadmin",
        "/%2e%2e%2fadmin",
        "/a%5cb",
        "/a%5Cb",
        "/a\\b",
        "/\\evil.example",
        "/..\\admin",
        "/a%00",
        "/a%00.png",
        "/%c0%ae%c0%ae/admin",
        "/%c0%af",
        "/%e0%80%ae",
        "/%f0%80%80%ae",
        "/%c1%9c",
        "/a/..;/admin",
        "/a/..;x=y/admin",
        "/a/%2e%2e;/admin",
        "/a/.;/admin",
        "/../admin",
        "/a/../../admin",
        "/%2e%2e/admin",
        "/.%2e/admin",
        "/a//../admin",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e",
        "/a%2",
    ];
    arena.refuses(&[400], &paths.map(get));
}

#[test]
fn the_path_that_goes_on_is_the_one_that_was_matched() {
    let arena = Arena::new();
    for (sent, expected) in [
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2E/b", "/a/b"),
        ("/a/.%2e/b", "/b"),
        ("/%61dmin", "/admin"),
        ("/%7Euser", "/~user"),
        ("/%c3%a4", "/%C3%A4"),
        ("/%252e%252e/a", "/%252e%252e/a"),
        ("/%252fa", "/%252fa"),
        ("/a;b=c/d", "/a;b=c/d"),
        ("/...", "/..."),
        ("/a..b/..c", "/a..b/..c"),
        ("/a?x=/../%2f%00\\..;/", "/a?x=/../%2f%00\\..;/"),
        ("http://test/a/../b?c", "/b?c"),
    ] {
        assert_eq!(arena.passes(get(sent)).target, expected, "{sent}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_an_application_needs_in_its_paths_can_be_let_through() {
    let behaviour = |_: &Request| Script::ok("well");
    let arena = Arena::before(
        behaviour,
        "paths = { encoded_slash = \"keep\", empty_segments = \"merge\" }",
        "",
    );
    assert_eq!(arena.passes(get("/a%2fb")).target, "/a%2Fb");
    assert_eq!(arena.passes(get("//evil.example//a")).target, "/evil.example/a");
    arena.refuses(&[400], &["/a%00", "/../a"].map(get));
    arena.judge(Records::AreWhole);
}

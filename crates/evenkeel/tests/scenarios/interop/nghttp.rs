//! nghttp, which speaks HTTP/2 with all that is rare about it, in clear text.

use std::fs;
use std::process::Command;

use evenkeel_testkit::{Origin, Request, Script};

use super::programs::{program, succeed};
use crate::running::{Running, in_new_directory};

const MIB: usize = 1 << 20;

#[test]
fn nghttp_gets_and_posts_in_its_many_ways() {
    let name = "nghttp_gets_and_posts_in_its_many_ways";
    let Some(nghttp) = program(name, "nghttp") else { return };
    let origin = Origin::start(|request: &Request| match request.target.as_str() {
        "/large" => Script::ok("x".repeat(MIB)),
        _ => Script::ok(format!("{} {}\n", request.method, request.body.len())),
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let (_directory, file) = in_new_directory("upload").unwrap();
    fs::write(&file, vec![b'x'; MIB]).unwrap();
    let ask = |words: &[&str], path: &str| {
        let mut command = Command::new(&nghttp);
        command.args(["--timeout", "60"]).args(words);
        succeed(command.arg(format!("http://{}{path}", running.address))).stdout
    };
    let upload = ["--data", &file];
    for (words, answer) in [
        (&[][..], "GET 0\n"),
        // Three of each: all on one connection, at once.
        (&["--multiply", "3"], "GET 0\nGET 0\nGET 0\n"),
        // The head in pieces, frames with padding, and none of the old priorities.
        (&["--continuation", "--padding", "200", "--no-rfc7540-pri"], "GET 0\n"),
        (&["--header-table-size", "0", "--encoder-header-table-size", "0"], "GET 0\n"),
        (&upload, "POST 1048576\n"),
        (&[&upload[..], &["--no-content-length"]].concat(), "POST 1048576\n"),
        (&[&upload[..], &["--expect-continue"]].concat(), "POST 1048576\n"),
        (&[&upload[..], &["--trailer", "x-sum: 1"]].concat(), "POST 1048576\n"),
    ] {
        assert_eq!(ask(words, "/"), answer, "{words:?}");
    }
    // Windows of 255 bytes, and of 1 GiB.
    for bits in ["8", "30"] {
        let body = ask(&["--window-bits", bits, "--connection-window-bits", bits], "/large");
        assert_eq!(body.trim_end().len(), MIB, "{bits}");
    }
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

//! Programs that make load: wrk with pipelining, and ab, which speaks HTTP/1.0. Here it is not speed that counts, but that
//! every answer is right.

use std::fs;
use std::process::Command;

use super::programs::{both, program, script, succeed};
use super::servers::Server;

#[test]
fn wrk_pipelines_to_nginx() {
    let name = "wrk_pipelines_to_nginx";
    let Some((wrk, server)) = both(program(name, "wrk"), || Server::nginx(name)) else { return };
    let running = server.behind_us();
    let url = format!("http://{}/style.css", running.address);
    let mut command = Command::new(wrk);
    command.args(["-t", "1", "-c", "16", "-d", "2s", "--timeout", "30s", "-s"]);
    let report = succeed(command.arg(script("pipeline.lua")).arg(url)).stdout;
    assert!(report.contains("requests in"), "{report}");
    for trouble in ["Socket errors", "Non-2xx"] {
        assert!(!report.contains(trouble), "{report}");
    }
    assert!(running.metric("evenkeel_requests_total", "2xx") > 100, "{report}");
    // wrk tries the address once before it begins.
    assert!(running.metric("evenkeel_listener_connections_total", "") <= 17, "{report}");
}

#[test]
fn ab_speaks_http_1_0_to_apache_kept_and_not() {
    let name = "ab_speaks_http_1_0_to_apache_kept_and_not";
    let Some((ab, server)) = both(program(name, "ab"), || Server::apache(name)) else { return };
    let running = server.behind_us();
    let url = format!("http://{}/style.css", running.address);
    let body = server.path("body");
    fs::write(&body, vec![b'x'; 20_000]).unwrap();
    let run = |words: &[&str]| -> String {
        let mut command = Command::new(&ab);
        let report =
            succeed(command.args(["-n", "1000", "-c", "10", "-s", "60"]).args(words).arg(&url));
        for line in ["Complete requests:      1000", "Failed requests:        0"] {
            assert!(report.stdout.contains(line), "{}", report.stdout);
        }
        assert!(!report.stdout.contains("Non-2xx"), "{}", report.stdout);
        report.stdout
    };
    run(&[]);
    let kept = run(&["-k"]);
    assert!(kept.contains("Keep-Alive requests:    1000"), "{kept}");
    run(&["-k", "-p", &body.display().to_string()]);
    run(&["-i"]);
    running.wait_for_metric("evenkeel_requests_total", "2xx", 4000);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

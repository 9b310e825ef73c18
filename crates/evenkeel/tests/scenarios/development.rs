//! `evenkeel serve https:…` from nothing: a certificate for this machine, made at the first start and kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use evenkeel_testkit::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::interop::programs::program;
use crate::running::{BINARY, Ended, Running, end, expect_failure, free_address, named};

/// `evenkeel serve https:…` for a user whose data are in `home`.
fn serve(home: &Path, words: &[&str]) -> Running {
    let address = free_address();
    Running::start(command(home, &format!("https:{address}")).args(words), address)
}

fn command(home: &Path, listen: &str) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["serve", listen, "--admin", "127.0.0.1:0", "--workers", "1"]);
    command.env_remove("STATE_DIRECTORY").env_remove("XDG_DATA_HOME").env("HOME", home);
    command
}

/// Runs it, where it is to fail.
fn serve_in_vain(home: &Path, words: &[&str]) -> Ended {
    end(Process::spawn(command(home, "https:8443").args(words)).unwrap())
}

#[test]
fn https_works_from_nothing_with_a_certificate_that_is_made_once() {
    let name = "https_works_from_nothing_with_a_certificate_that_is_made_once";
    let (home, origin) = (TempDir::new().unwrap(), named("a"));
    let endpoint = origin.address().to_string();
    let file = |name: &str| home.path().join(".local/share/evenkeel/development").join(name);
    let mut first = None;
    for _start in 0..2 {
        let running = serve(home.path(), &[&endpoint]);
        let said = running.process.stdout();
        let url = format!("https://{}/", running.address);
        let line = format!("curl --cacert {} {url}", file("localhost.crt").display());
        assert!(said.contains(&format!("https {} → 1 endpoint", running.address)), "{said}");
        assert!(said.contains(&line), "{said}");
        // As it is told there, and by every name that the certificate has.
        if let Some(curl) = program(name, "curl") {
            let port = running.address.port();
            for url in [url, format!("https://localhost:{port}/")] {
                let output = Command::new(&curl)
                    .args(["-sS", "--ipv4", "--max-time", "20", "--cacert"])
                    .arg(file("localhost.crt"))
                    .arg(&url)
                    .output()
                    .unwrap();
                let error = String::from_utf8_lossy(&output.stderr);
                assert_eq!(String::from_utf8_lossy(&output.stdout), "a", "{url}: {error}");
            }
        }
        let certificate = &running.status()["listeners"][0]["tls"]["certificates"][0];
        assert_eq!(certificate["key"], "ECDSA P-256", "{certificate}");
        assert_eq!(certificate["names"][0], "localhost", "{certificate}");
        let bytes = fs::read(file("localhost.crt")).unwrap();
        assert_eq!(*first.get_or_insert(bytes.clone()), bytes, "a browser would ask again");
    }
    let mode = fs::metadata(file("localhost.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_line_with_https_is_saved_as_a_file_that_runs_and_says_what_its_certificate_is() {
    let (home, origin) = (TempDir::new().unwrap(), named("a"));
    let saved = home.path().join("evenkeel.toml");
    let words = [&origin.address().to_string(), "--save", saved.to_str().unwrap()];
    drop(serve(home.path(), &words));
    let text = fs::read_to_string(&saved).unwrap();
    assert!(text.starts_with("# The certificate is one for development"), "{text}");
    assert!(text.contains("protocol = \"https\"") && text.contains("localhost.key"), "{text}");
    let check = Command::new(BINARY).args(["check", "-c"]).arg(&saved).output().unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(said.contains("1 certificate, which ends in 39"), "{said}");
}

#[test]
fn a_certificate_that_cannot_be_kept_is_an_error_with_a_way_out() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join(".local"), "in the way").unwrap();
    let ended = serve_in_vain(home.path(), &["9001"]);
    expect_failure(&ended, 1, &["localhost.crt: Not a directory", "set XDG_DATA_HOME"]);
}

/// What runs in production names its certificates.
#[test]
fn a_file_with_https_and_without_certificates_stays_wrong() {
    let home = TempDir::new().unwrap();
    drop(serve(home.path(), &["9001"]));
    let file = home.path().join("evenkeel.toml");
    let text = "[listener.web]\nbind = \"127.0.0.1:8443\"\nprotocol = \"https\"\nto = \"9001\"\n";
    fs::write(&file, text).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "-c"]).arg(&file).env("HOME", home.path());
    let ended = end(Process::spawn(&mut command).unwrap());
    expect_failure(&ended, 78, &["has no `certificates`"]);
}

#[test]
fn load_by_https_counts_answers_and_trusts_nobody_else() {
    let (home, origin) = (TempDir::new().unwrap(), named("a"));
    let running = serve(home.path(), &[&origin.address().to_string()]);
    let url = format!("https://{}/", running.address);
    let load = |words: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["load", &url, "-n", "20", "-c", "2", "--json", "-q"]).args(words);
        end(Process::spawn(&mut command).unwrap())
    };
    let file = home.path().join(".local/share/evenkeel/development/localhost.crt");
    let trusted = load(&["--cacert", file.to_str().unwrap()]);
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    let summary: Value = serde_json::from_str(&trusted.stdout).unwrap();
    assert_eq!(summary["statuses"]["200"], 20, "{summary}");
    running.wait_for_metric("evenkeel_tls_handshakes_total", "result=\"full\"", 2);

    let other = TempDir::new().unwrap();
    drop(serve(other.path(), &["9001"]));
    let file = other.path().join(".local/share/evenkeel/development/localhost.crt");
    let doubted = load(&["--cacert", file.to_str().unwrap()]);
    assert_eq!(doubted.code, Some(1), "{doubted:?}");
}

//! Clients of TLS with libraries of their own: GnuTLS, the OpenSSL of curl and of sslyze, and Chromium's.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use evenkeel_testkit::Process;
use tempfile::TempDir;

use super::browser::{chromium, trusting};
use super::programs::{VERY_LONG, both, program, python, succeed};
use super::servers::Server;
use crate::running::Running;
use crate::tls::{Certificate, secured, telling};

/// A balancer before an origin, and the file of the authority behind the certificate that it shows for `localhost`.
struct Secured {
    running: Running,
    authority: PathBuf,
    _directory: TempDir,
}

impl Secured {
    fn before(origin: SocketAddr, keys: &str) -> Self {
        let shown = Certificate::of(&["localhost"]);
        let directory = TempDir::new().unwrap();
        let authority = directory.path().join("ca.pem");
        fs::write(&authority, &shown.authority_pem).unwrap();
        Self { running: secured(origin, &shown, keys), authority, _directory: directory }
    }

    fn port(&self) -> String {
        self.running.address.port().to_string()
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port())
    }
}

#[test]
fn gnutls_shakes_hands_by_every_version_and_suite_that_is_safe_and_by_no_other() {
    let name = "gnutls_shakes_hands_by_every_version_and_suite_that_is_safe_and_by_no_other";
    let Some(gnutls) = program(name, "gnutls-cli") else { return };
    let origin = telling();
    let secured = Secured::before(origin.address(), "");
    let request = secured.authority.with_extension("request");
    fs::write(&request, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    for (priority, is_answered) in [
        ("NORMAL:-VERS-ALL:+VERS-TLS1.3", true),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP384R1", true),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", true),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.2", true),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC", false),
        ("LEGACY:-VERS-ALL:+VERS-TLS1.1", false),
    ] {
        let mut command = Command::new(&gnutls);
        command.arg("--x509cafile").arg(&secured.authority);
        command.args(["--priority", priority, "--port", &secured.port(), "localhost"]);
        let mut process =
            Process::spawn_with_input(&mut command, File::open(&request).unwrap().into()).unwrap();
        process.exit_status(VERY_LONG).unwrap();
        let said = process.stdout() + &process.stderr();
        assert_eq!(said.contains("HTTP/1.1 200"), is_answered, "{priority}: {said}");
    }
}

#[test]
fn curl_trusts_the_authority_that_it_is_told_to_and_no_other() {
    let name = "curl_trusts_the_authority_that_it_is_told_to_and_no_other";
    let Some(curl) = program(name, "curl") else { return };
    let origin = telling();
    let secured = Secured::before(origin.address(), "hsts = \"1d\"");
    let command = |words: &[&str]| {
        let mut command = Command::new(&curl);
        command.args(["-q", "--silent", "--show-error", "--noproxy", "*"]).args(words);
        command
    };
    for versions in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        let mut command = command(versions);
        command.arg("--cacert").arg(&secured.authority).args(["--include", &secured.url()]);
        let said = succeed(&mut command).stdout;
        assert!(said.starts_with("HTTP/2 200") && said.trim_end().ends_with("https"), "{said}");
        assert!(said.contains("strict-transport-security: max-age=86400"), "{said}");
    }
    let mut stranger = Process::spawn(&mut command(&[&secured.url()])).unwrap();
    // CURLE_PEER_FAILED_VERIFICATION
    assert_eq!(stranger.exit_status(VERY_LONG).unwrap().code(), Some(60));
}

/// <https://wiki.mozilla.org/Security/Server_Side_TLS>, and whatever else sslyze looks for.
#[test]
fn sslyze_finds_the_profiles_of_mozilla_kept_and_no_known_weakness() {
    let name = "sslyze_finds_the_profiles_of_mozilla_kept_and_no_known_weakness";
    let origin = telling();
    for (keys, profile) in [("", "intermediate"), ("tls = { min_version = \"1.3\" }", "modern")] {
        let Some(mut python) = python(name) else { return };
        let secured = Secured::before(origin.address(), keys);
        python.args(["-m", "sslyze", "--mozilla_config", profile, "--certinfo_ca_file"]);
        python.arg(&secured.authority).arg(format!("localhost:{}", secured.port()));
        let said = succeed(&mut python).stdout;
        assert!(said.contains("OK - Compliant"), "{profile}: {said}");
    }
}

#[test]
fn chromium_shows_a_page_of_nginx_by_https() {
    let name = "chromium_shows_a_page_of_nginx_by_https";
    let Some(((mut chromium, _profile), server)) = both(chromium(name), || Server::nginx(name))
    else {
        return;
    };
    let shown = Certificate::of(&["localhost"]);
    let running = secured(&server.address, &shown, "");
    let url = format!("https://localhost:{}/static.html", running.address.port());
    let page = succeed(trusting(&mut chromium, &shown).args(["--dump-dom", &url])).stdout;
    assert!(page.contains("styled: true, images: 4"), "{page}");
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

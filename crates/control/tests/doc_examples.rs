//! Every config that the docs show can be used as it stands. What is only a part of one stands in a block that begins with "```toml fragment":
//! it can be used with whatever it refers to.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_control::config::{Config, Folder};
use regex::Regex;

#[test]
fn every_example_can_be_used_as_it_stands() {
    let folder = files();
    let mut counts = [0, 0];
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for example in text.split("\n```toml").skip(1) {
            let (kind, example) = example.split_once('\n').unwrap();
            let example = example.split("\n```").next().unwrap();
            let is_fragment = match kind {
                "" => false,
                " fragment" => true,
                other => panic!("{}: a block of {other:?}", page.display()),
            };
            counts[usize::from(is_fragment)] += 1;
            let said = said_about(&of_this_machine(example), is_fragment, folder.path());
            assert!(said.is_empty(), "{}:\n{example}\n\n{said}", page.display());
        }
    }
    // They are looked at, indeed.
    assert!(counts[0] >= 14 && counts[1] >= 15, "{counts:?}");
}

#[test]
fn an_example_that_cannot_be_used_is_found() {
    let folder = files();
    let listener = "[listener.web]\nbind = ':8080'\nto = 'api'\n";
    let cluster = "[cluster.api]\nendpoints = '9001'\n";
    for (example, as_it_stands, as_a_fragment) in [
        (format!("{listener}{cluster}"), true, true),
        (listener.to_owned(), false, true),
        (cluster.to_owned(), false, true),
        (format!("{listener}wrong = true\n{cluster}"), false, false),
        (format!("{listener}{cluster}[cluster.spare]\nendpoints = '9002'\n"), false, false),
    ] {
        for (is_fragment, is_right) in [(false, as_it_stands), (true, as_a_fragment)] {
            let said = said_about(&example, is_fragment, folder.path());
            assert_eq!(said.is_empty(), is_right, "{example}\n{said}");
        }
    }
}

#[test]
fn what_the_page_makes_by_openssl_can_be_used() {
    let page = fs::read_to_string(root().join("docs/tls.md")).unwrap();
    let blocks = page.split("\n```sh\n").skip_while(|it| !it.starts_with("umask 077\n")).take(2);
    let script: String =
        blocks.flat_map(|it| it.split("\n```").next()).map(|it| format!("{it}\n")).collect();
    assert!(script.contains("-gencrl"), "{script}");
    let folder = tempfile::tempdir().unwrap();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-ec", script]).current_dir(folder.path()).output().unwrap()
    };
    for _ in 0..2 {
        let output = shell(&script);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let verify =
        "openssl verify -crl_check -CAfile clients-ca.pem -CRLfile clients.crl alice.crt 2>&1";
    let said = shell(verify).stdout;
    assert!(String::from_utf8_lossy(&said).contains("certificate revoked"), "{said:?}");
    let config = "[listener.web]\nbind = ':8443'\nprotocol = 'https'\ncertificates = ['certs']\nto = 'api'\n\
        tls = { client_auth = 'required', client_ca = 'clients-ca.pem', client_crl = 'clients.crl' }\n\
        [cluster.api]\nendpoints = ['9001']\n\
        tls = { ca = 'ca.pem', cert = 'alice.crt', key = 'alice.key' }\n";
    assert_eq!(said_about(config, false, folder.path()), "");
}

/// What is said of an example; a fragment gets the clusters that it sends to, and a listener if it has none.
fn said_about(example: &str, is_fragment: bool, folder: &Path) -> String {
    let missing = "cluster `([^`]+)`(?:, which does not exist| has no `endpoints`)";
    let missing = Regex::new(missing).unwrap();
    let mut text = format!("{example}\n");
    loop {
        let loaded = Config::parse_with("example", &text, &Folder::new(folder));
        let said = match loaded {
            Ok(loaded) => return loaded.warnings.to_string(),
            Err(report) => report.to_string(),
        };
        let cluster = missing.captures(&said).map(|found| found[1].to_owned());
        match cluster {
            _ if !is_fragment => return said,
            Some(name) => text.push_str(&format!("[cluster.{name}]\nendpoints = '9001'\n")),
            None if text.contains("[listener.web]") => return said,
            None => text.push_str("[listener.web]\nbind = ':8080'\nto = 'api'\n"),
        }
    }
}

/// The same with what only the machine of whoever copies it has.
fn of_this_machine(example: &str) -> String {
    example
        .replace("/var/log/evenkeel/", "/tmp/")
        .replace("/etc/evenkeel/dns-hook", "/bin/true")
        .replace("${SESSION_KEY}", "0123456789abcdef")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> =
        docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// A folder with all the files that examples name.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for directory in ["pages", "certs"] {
        fs::create_dir(at(directory)).unwrap();
    }
    let pages = ["503.html", "5xx.html", "4xx.json"];
    for page in pages.iter().chain(&["busy.html", "too-large.html", "sorry.html", "4xx.html"]) {
        fs::write(at("pages").join(page), "").unwrap();
    }
    for name in ["certs/example.com", "example.com", "ca", "client"] {
        write_pair(&at(name));
    }
    write_authority(folder.path(), "clients");
    write_secret(&at("ticket.keys"), &"a2V5".repeat(16));
    folder
}

/// `NAME.crt`, and the same as `NAME.pem`, and `NAME.key`, good for a long time.
fn write_pair(name: &Path) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["example.com".to_owned()]).unwrap();
    fs::write(name.with_added_extension("crt"), cert.pem()).unwrap();
    write_secret(&name.with_added_extension("key"), &signing_key.serialize_pem());
    if name.ends_with("ca") {
        fs::write(name.with_added_extension("pem"), cert.pem()).unwrap();
    }
}

fn write_secret(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// `NAME-ca.pem`, and the list of what it has revoked, `NAME.crl`.
fn write_authority(folder: &Path, name: &str) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2040, 1, 1),
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&rcgen::Issuer::from_params(&params, &key)).unwrap();
    fs::write(folder.join(format!("{name}-ca.pem")), ca).unwrap();
    fs::write(folder.join(format!("{name}.crl")), list.pem().unwrap()).unwrap();
}

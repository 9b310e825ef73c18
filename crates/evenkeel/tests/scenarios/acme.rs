//! Certificates from an authority: the real binary, and Pebble, which is a real one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::{Origin, wait_until};
use rustls::RootCertStore;

use crate::interop::programs::{both, program};
use crate::running::{BINARY, LONG, Running, free_address, named};

mod advice;
mod authority;

use authority::{Authority, connect};

/// A balancer in front of an origin whose answer is its name: by TLS where the authority asks, and there in clear text, too.
struct Served {
    running: Running,
    _origin: Origin,
}

/// The config of one that shows the certificate of an `[acme.web]` with those `keys`.
fn config(authority: &Authority, origin: &Origin, keys: &str) -> String {
    let Authority { http, tls, .. } = authority;
    format!(
        "[listener.web]\nbind = \"{tls}\"\nprotocol = \"https\"\ncertificates = [{{ acme = \"web\" }}]\nto = \"api\"\n\
         [listener.plain]\nbind = \"{http}\"\nredirect_to_https = true\n\
         [cluster.api]\nendpoints = [\"{}\"]\n\
         [acme.web]\n{}state = \"state\"\n{keys}\n\
         [admin]\nbind = \"127.0.0.1:0\"\n",
        origin.address(),
        authority.keys(),
    )
}

/// Runs it in the folder of the authority.
fn serve(authority: &Authority, keys: &str) -> Served {
    let origin = named("origin");
    let file = authority.folder().join("evenkeel.toml");
    fs::write(&file, config(authority, &origin, keys)).unwrap();
    Served { running: run(&file, authority), _origin: origin }
}

fn run(file: &Path, authority: &Authority) -> Running {
    let mut command = Command::new(BINARY);
    command.args(["run", "--workers", "2", "-c"]).arg(file);
    Running::start(&mut command, authority.tls)
}

impl Served {
    /// Waits until so many orders came to that result.
    fn wait_for_orders(&self, result: &str, count: u64) {
        let label = format!("result=\"{result}\"");
        let reached =
            wait_until(LONG, || self.running.metric("evenkeel_acme_orders_total", &label) >= count);
        reached.unwrap_or_else(|error| panic!("{error}: {}", self.running.process.stderr()));
    }

    /// Waits until a client that trusts the authority is served under `name`.
    fn wait_until_served(&self, roots: &RootCertStore, name: &str) {
        let reached = wait_until(LONG, || is_served(&self.running, roots, name));
        reached.unwrap_or_else(|error| panic!("{error}: {}", self.running.process.stderr()));
    }
}

/// Whether a client that trusts `roots`, and asks for `name`, gets the origin's answer.
fn is_served(running: &Running, roots: &RootCertStore, name: &str) -> bool {
    let mut client = connect(running.address, roots.clone(), name, &[b"http/1.1"]);
    let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    client.write_all(request.as_bytes()).is_ok()
        && client.read_to_string(&mut answer).is_ok()
        && answer.ends_with("origin")
}

/// A program that writes records into the DNS of `authority`, and says so in a file.
fn hook(authority: &Authority) -> String {
    let [path, said] = ["hook", "said"].map(|name| authority.folder().join(name));
    let script = format!(
        "#!/bin/sh\nset -e\n\
         case $EVENKEEL_ACTION in present) to=set-txt ;; cleanup) to=clear-txt ;; esac\n\
         curl --fail --silent --data '{{\"host\":\"'$EVENKEEL_RECORD'.\",\"value\":\"'$EVENKEEL_VALUE'\"}}' http://{}/$to\n\
         echo $EVENKEEL_ACTION $EVENKEEL_DOMAIN >> {}\n",
        authority.dns,
        said.display(),
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!(
        "challenge = {{ kind = \"dns-01\", command = [\"{}\"], wait = \"0s\" }}",
        path.display()
    )
}

const DAY_SECONDS: u64 = 24 * 3600;

#[test]
fn a_certificate_comes_by_http_and_a_restart_uses_it() {
    let test = "a_certificate_comes_by_http_and_a_restart_uses_it";
    let Some(authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let roots = authority.roots();
    let keys =
        "names = [\"a.test\", \"www.a.test\"]\nchallenge = \"http-01\"\nemail = \"a@a.test\"";
    let served = serve(&authority, keys);
    served.wait_for_orders("issued", 1);
    served.wait_until_served(&roots, "a.test");
    served.wait_until_served(&roots, "www.a.test");
    // What nobody has asked to be answered goes where everything goes.
    let elsewhere = evenkeel_testkit::get(authority.http, "/.well-known/acme-challenge/x").unwrap();
    assert_eq!(elsewhere.status, 308);
    let state = authority.folder().join("state");
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    let pem = fs::read(state.join("web.pem")).unwrap();
    drop(served);

    let running = run(&authority.folder().join("evenkeel.toml"), &authority);
    let next = wait_until(LONG, || running.metric("evenkeel_acme_next_order_seconds", "web") > 0);
    next.unwrap();
    assert_eq!(running.metric("evenkeel_acme_orders_total", ""), 0);
    assert!(!running.process.stderr().contains("is ordered"), "{}", running.process.stderr());
    assert!(fs::read(state.join("web.pem")).unwrap() == pem);
}

/// RFC 8737: the proof is shown to who asks for nothing else, and to nobody else.
#[test]
fn a_certificate_comes_by_tls_and_other_clients_notice_nothing() {
    let test = "a_certificate_comes_by_tls_and_other_clients_notice_nothing";
    let Some(authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let roots = authority.roots();
    let served = serve(&authority, "names = [\"a.test\", \"b.test\"]\nkey = \"p384\"");
    served.wait_until_served(&roots, "a.test");
    served.wait_until_served(&roots, "b.test");
    let mut both = connect(authority.tls, roots.clone(), "a.test", &[b"acme-tls/1", b"http/1.1"]);
    both.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(both.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut asks = connect(authority.tls, roots, "a.test", &[b"acme-tls/1"]);
    assert!(asks.write_all(b"x").is_err() || asks.read(&mut [0]).is_err());
}

#[test]
fn a_wildcard_comes_by_a_program_that_writes_into_dns() {
    let test = "a_wildcard_comes_by_a_program_that_writes_into_dns";
    let authority = || Authority::start(test, 90 * DAY_SECONDS);
    let Some((_, authority)) = both(program(test, "curl"), authority) else { return };
    let roots = authority.roots();
    let served = serve(&authority, &format!("names = \"*.a.test\"\n{}", hook(&authority)));
    served.wait_until_served(&roots, "any.a.test");
    let said = || fs::read_to_string(authority.folder().join("said")).unwrap_or_default();
    wait_until(LONG, || said() == "present a.test\ncleanup a.test\n")
        .unwrap_or_else(|error| panic!("{error}: {}", said()));
}

#[test]
fn what_is_refused_is_said_and_tried_again_later_and_the_old_certificate_stays() {
    let test = "what_is_refused_is_said_and_tried_again_later_and_the_old_certificate_stays";
    let Some(authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let roots = authority.roots();
    let origin = named("origin");
    let file = authority.folder().join("evenkeel.toml");
    let write = |names: &str| {
        let keys = format!("names = [{names}]\nchallenge = \"http-01\"");
        fs::write(&file, config(&authority, &origin, &keys)).unwrap();
    };
    write("\"a.test\"");
    let served = Served { running: run(&file, &authority), _origin: named("unused") };
    served.wait_until_served(&roots, "a.test");

    // Nobody listens there.
    authority.tell_dns("/add-a", "{\"host\":\"lost.test\",\"addresses\":[\"127.9.9.9\"]}");
    write("\"a.test\", \"lost.test\"");
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.wait_for_orders("failed", 1);
    let line = served.running.process.wait_for_line("the next try is on", LONG).unwrap();
    assert!(line.contains("lost.test: "), "{line}");
    assert!(is_served(&served.running, &roots, "a.test"));
    // It does not come at once, nor after the config was read again.
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.running.wait_for_metric("evenkeel_acme_orders_total", "failed", 1);

    // Whoever changes the config is not made to wait.
    write("\"a.test\", \"b.test\"");
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.wait_until_served(&roots, "b.test");
    served.running.wait_for_metric("evenkeel_acme_orders_total", "failed", 1);
}

/// What binds an account is needed once, when it is made.
#[test]
fn an_authority_that_wants_to_know_us_is_told_once() {
    let test = "an_authority_that_wants_to_know_us_is_told_once";
    let mac_key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let Some(authority) = Authority::start_bound(test, "kid-1", mac_key) else { return };
    let roots = authority.roots();
    let origin = named("origin");
    let file = authority.folder().join("evenkeel.toml");
    let write = |keys: &str| {
        let keys = format!("challenge = \"http-01\"\nkey = \"rsa2048\"\n{keys}");
        fs::write(&file, config(&authority, &origin, &keys)).unwrap();
    };
    write("names = \"a.test\"");
    let served = Served { running: run(&file, &authority), _origin: named("unused") };
    served.wait_for_orders("failed", 1);
    served.running.process.wait_for_line("externalAccountRequired", LONG).unwrap();

    write(&format!(
        "names = \"a.test\"\nbinding = {{ key_id = \"kid-1\", mac_key = \"{mac_key}\" }}"
    ));
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.wait_until_served(&roots, "a.test");
    assert!(served.running.ask("GET", "/api/v1/status", "").1.to_string().contains("RSA 2048"));

    write("names = [\"a.test\", \"b.test\"]");
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.wait_until_served(&roots, "b.test");
}

#[test]
fn an_account_that_the_authority_has_lost_is_made_anew() {
    let test = "an_account_that_the_authority_has_lost_is_made_anew";
    let Some(mut authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let served = serve(&authority, "names = \"a.test\"");
    served.wait_until_served(&authority.roots(), "a.test");
    authority.begin_anew();
    let toml = config(&authority, &named("unused"), "names = [\"a.test\", \"b.test\"]");
    fs::write(authority.folder().join("evenkeel.toml"), toml).unwrap();
    assert_eq!(served.running.ask("POST", "/api/v1/reload", "").0, 200);
    served.wait_for_orders("issued", 2);
    let words = "has lost our account, and gets another";
    served.running.process.wait_for_line(words, LONG).unwrap();
    assert_eq!(served.running.metric("evenkeel_acme_orders_total", "failed"), 0);
}

#[test]
fn a_certificate_is_renewed_before_it_ends_and_nobody_notices() {
    let test = "a_certificate_is_renewed_before_it_ends_and_nobody_notices";
    let Some(authority) = Authority::start(test, 15) else { return };
    let roots = authority.roots();
    let served = serve(&authority, "names = \"a.test\"");
    served.wait_until_served(&roots, "a.test");
    let mut kept = connect(authority.tls, roots.clone(), "a.test", &[b"http/1.1"]);
    let mut ask = || {
        kept.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        kept.read_exact(&mut answer).unwrap();
        answer
    };
    assert_eq!(&ask(), b"HTTP/1.1 200");
    let renewed = wait_until(LONG, || {
        assert!(
            is_served(&served.running, &roots, "a.test"),
            "{}",
            served.running.process.stderr()
        );
        served.running.metric("evenkeel_acme_orders_total", "issued") >= 2
    });
    renewed.unwrap_or_else(|error| panic!("{error}: {}", served.running.process.stderr()));
    served.running.process.wait_for_line("two thirds of its life are over", LONG).unwrap();
}

#[test]
fn of_two_replicas_on_one_directory_one_orders() {
    let test = "of_two_replicas_on_one_directory_one_orders";
    let authority = || Authority::start(test, 90 * DAY_SECONDS);
    let Some((_, authority)) = both(program(test, "curl"), authority) else { return };
    let roots = authority.roots();
    let origin = named("origin");
    let keys = format!("names = \"a.test\"\n{}", hook(&authority));
    let toml = config(&authority, &origin, &keys);
    let [first, second] = ["first.toml", "second.toml"].map(|name| authority.folder().join(name));
    let other = free_address();
    fs::write(&first, &toml).unwrap();
    let toml = toml.replace(&authority.tls.to_string(), &other.to_string());
    let toml = toml.replace(&authority.http.to_string(), &free_address().to_string());
    fs::write(&second, toml).unwrap();
    let first = run(&first, &authority);
    let mut command = Command::new(BINARY);
    let second = command.args(["run", "--workers", "1", "-c"]).arg(second);
    let second = Running::start(second, other);
    for running in [&first, &second] {
        let served = wait_until(LONG, || is_served(running, &roots, "a.test"));
        served.unwrap_or_else(|error| panic!("{error}: {}", running.process.stderr()));
    }
    let issued = |running: &Running| running.metric("evenkeel_acme_orders_total", "issued");
    assert_eq!(issued(&first) + issued(&second), 1);
}

#[test]
fn an_authority_that_advises_to_renew_is_followed_once() {
    let test = "an_authority_that_advises_to_renew_is_followed_once";
    let Some(authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let advising = advice::start(&authority);
    let origin = named("origin");
    let toml = config(&authority, &origin, "names = \"a.test\"");
    let toml = toml.replace(&authority.address.to_string(), &advising.to_string());
    let file = authority.folder().join("evenkeel.toml");
    fs::write(&file, toml).unwrap();
    let served = Served { running: run(&file, &authority), _origin: origin };
    served.wait_for_orders("issued", 2);
    served.running.process.wait_for_line("the authority advises to renew it", LONG).unwrap();
    // It advises so again; once in an hour is often enough.
    let within = Duration::from_hours(1).as_secs();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let next = || served.running.metric("evenkeel_acme_next_order_seconds", "web");
    wait_until(LONG, || next() > now.as_secs() + within / 2).unwrap();
    assert!(next() <= now.as_secs() + within + 60);
}

#[test]
fn a_replica_answers_for_another_that_has_ordered() {
    let test = "a_replica_answers_for_another_that_has_ordered";
    let Some(authority) = Authority::start(test, 90 * DAY_SECONDS) else { return };
    let roots = authority.roots();
    let reached = serve(&authority, "names = \"a.test\"\nchallenge = \"http-01\"");
    reached.wait_until_served(&roots, "a.test");
    // Where the authority asks is the other; what it orders is its own.
    let origin = named("origin");
    let toml = config(&authority, &origin, "names = \"b.test\"\nchallenge = \"http-01\"");
    let toml =
        toml.replace("[acme.web]", "[acme.other]").replace("acme = \"web\"", "acme = \"other\"");
    let address = free_address();
    let toml = toml.replace(&authority.tls.to_string(), &address.to_string());
    let toml = toml.replace(&authority.http.to_string(), &free_address().to_string());
    let file = authority.folder().join("other.toml");
    fs::write(&file, toml).unwrap();
    let mut command = Command::new(BINARY);
    let command = command.args(["run", "--workers", "1", "-c"]).arg(file);
    let orders = Served { running: Running::start(command, address), _origin: origin };
    orders.wait_until_served(&roots, "b.test");
    let answers = authority.folder().join("state/answers");
    wait_until(LONG, || !answers.exists()).unwrap();
}

//! Clusters that speak TLS with their endpoints: nginx, OpenSSL's `s_server` and liars on the other side of the real binary.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::wait_until;
use serde_json::Value;

mod authority;
mod servers;

use authority::{Authority, Made, expired, for_names, self_signed};
use servers::{Asks, nginx, openssl};

use crate::running::{LONG, Running, end, run};

/// A balancer whose only cluster has this one endpoint and these keys; its checks are off unless these say otherwise.
fn in_front_of(endpoint: &str, keys: &str) -> Running {
    Running::from_toml(&config(endpoint, keys))
}

fn config(endpoint: &str, keys: &str) -> String {
    let health = if keys.contains("health") { "" } else { "health = false\n" };
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\nerrors = {{ reason_header = true }}\n\
         [cluster.api]\nendpoints = [\"{endpoint}\"]\n{health}retry = \"off\"\nbreaker = \"off\"\noutlier = \"off\"\n{keys}\n"
    )
}

/// The sentence about the latest request that failed.
fn why(running: &Running) -> String {
    let (_, list) = running.ask("GET", "/api/v1/why?status=502", "");
    list["stories"][0]["sentence"].as_str().unwrap_or_default().to_owned()
}

/// A request is refused for this reason, and everybody is told these words.
#[track_caller]
fn expect_refused(running: &Running, words: &str) {
    let answer = running.get("/");
    assert_eq!((answer.status, answer.header("x-evenkeel-reason")), (502, Some("tls_failed")));
    // The story is written when the answer is gone.
    let told = wait_until(LONG, || why(running).contains(words));
    told.unwrap_or_else(|error| panic!("{error}: {words:?} not in {}", why(running)));
    wait_for_log(running, words);
}

/// What an endpoint shows, and whether it is taken by a cluster with these keys, to which the authority's file is `{ca}`.
struct Case {
    shown: Made,
    tls: &'static str,
    refused: Option<&'static str>,
}

fn cases(authority: &Authority, file: &Path) -> Vec<Case> {
    let stranger = Authority::new("a stranger");
    let own = "{ ca = \"{ca}\", server_name = \"api.test\" }";
    let case = |shown, tls, refused| Case { shown, tls, refused };
    let alone = self_signed(&for_names(&["api.test"]));
    fs::write(file.with_file_name("alone.pem"), &alone.cert).unwrap();
    let nul = for_names(&["api.test\0.evil.test", "*.evil.test"]);
    vec![
        case(authority.sign(&for_names(&["api.test"])), own, None),
        case(
            authority.sign(&for_names(&["*.api.test"])),
            "{ ca = \"{ca}\", server_name = \"www.api.test\" }",
            None,
        ),
        // An endpoint that is named by its address proves that.
        case(authority.sign(&for_names(&["127.0.0.1"])), "{ ca = \"{ca}\" }", None),
        case(alone.clone(), "{ ca = \"{dir}/alone.pem\", server_name = \"api.test\" }", None),
        case(
            authority.sign(&for_names(&["api.test"])),
            "{ ca = \"{ca}\" }",
            Some("its certificate is for api.test, not for 127.0.0.1"),
        ),
        case(
            authority.sign(&for_names(&["other.test"])),
            own,
            Some("its certificate is for other.test, not for api.test"),
        ),
        case(authority.sign(&nul), own, Some("not for api.test")),
        case(authority.sign(&expired("api.test")), own, Some("its certificate has expired, ")),
        case(stranger.sign(&for_names(&["api.test"])), own, Some("unknown issuer")),
        case(alone, own, Some("unknown issuer")),
        // The authorities of this machine have signed no such thing.
        case(
            authority.sign(&for_names(&["api.test"])),
            "{ server_name = \"api.test\" }",
            Some("unknown issuer"),
        ),
        case(stranger.sign(&expired("other.test")), "{ verify = false }", None),
    ]
}

/// `tls` with the places of the files.
fn placed(tls: &str, file: &Path) -> String {
    let directory = file.parent().unwrap().display().to_string();
    tls.replace("{ca}", &file.display().to_string()).replace("{dir}", &directory)
}

#[test]
fn nginx_is_believed_or_not_by_the_certificate_that_it_shows() {
    let name = "nginx_is_believed_or_not_by_the_certificate_that_it_shows";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    fs::write(&file, authority.pem()).unwrap();
    for Case { shown, tls, refused } in cases(&authority, &file) {
        let Some(server) = nginx(name, &shown, Asks::Nobody) else { return };
        let running = judge(&server.address, &placed(tls, &file), refused, "nginx says hello");
        let failed = running.metric("evenkeel_upstream_connects_total", "failed");
        assert_eq!(failed, u64::from(refused.is_some()));
    }
}

#[test]
fn openssl_is_believed_or_not_by_the_certificate_that_it_shows() {
    let name = "openssl_is_believed_or_not_by_the_certificate_that_it_shows";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    fs::write(&file, authority.pem()).unwrap();
    for Case { shown, tls, refused } in cases(&authority, &file) {
        let Some(server) = openssl(name, &shown, &[]) else { return };
        judge(&server.address, &placed(tls, &file), refused, "TLSv1.3");
    }
}

#[track_caller]
fn judge(endpoint: &str, tls: &str, refused: Option<&str>, says: &str) -> Running {
    let running = in_front_of(endpoint, &format!("tls = {tls}"));
    match refused {
        Some(words) => {
            expect_refused(&running, words);
        }
        None => {
            let answer = running.get("/");
            assert_eq!(answer.status, 200, "{tls}: {}", why(&running));
            assert!(answer.text().contains(says), "{}", answer.text());
        }
    }
    let is_warned = running.process.stderr().contains("EK0944");
    assert_eq!(is_warned, tls.contains("verify = false"), "{}", running.process.stderr());
    running
}

#[test]
fn tls_1_2_and_1_3_are_spoken_with_safe_ciphers_and_nothing_else() {
    let name = "tls_1_2_and_1_3_are_spoken_with_safe_ciphers_and_nothing_else";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    fs::write(&file, authority.pem()).unwrap();
    let shown = authority.sign(&for_names(&["127.0.0.1"]));
    let tls = placed("{ ca = \"{ca}\" }", &file);
    for (words, says) in [
        (&["-tls1_3"][..], "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        (&["-tls1_2"], "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        let Some(server) = openssl(name, &shown, words) else { return };
        judge(&server.address, &tls, None, says);
    }
    for (words, says) in [
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], "it speaks no version of TLS that we do"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], "HandshakeFailure"),
    ] {
        let Some(server) = openssl(name, &shown, words) else { return };
        judge(&server.address, &tls, Some(says), "");
    }
}

#[test]
fn an_endpoint_that_wants_a_certificate_of_ours_gets_the_one_of_the_config() {
    let name = "an_endpoint_that_wants_a_certificate_of_ours_gets_the_one_of_the_config";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    fs::write(&file, authority.pem()).unwrap();
    authority.sign(&for_names(&["balancer.test"])).put(directory.path(), "client");
    Authority::new("a stranger").sign(&for_names(&["evil.test"])).put(directory.path(), "evil");
    let shown = authority.sign(&for_names(&["127.0.0.1"]));
    let with = |name: &str| {
        let tls = "{ ca = \"{ca}\", cert = \"{dir}/NAME.crt\", key = \"{dir}/NAME.key\" }";
        placed(&tls.replace("NAME", name), &file)
    };
    let without = placed("{ ca = \"{ca}\" }", &file);
    let ca = file.display().to_string();
    for version in ["-tls1_3", "-tls1_2"] {
        let words = ["-Verify", "1", "-verify_return_error", "-CAfile", &ca, version];
        let Some(server) = openssl(name, &shown, &words) else { return };
        judge(&server.address, &with("client"), None, "Client certificate");
        let (none, wrong) = match version {
            "-tls1_3" => ("it wants a certificate of ours", "it does not take our certificate"),
            _ => ("or wants a certificate of ours", "it does not take our certificate"),
        };
        judge(&server.address, &without, Some(none), "");
        judge(&server.address, &with("evil"), Some(wrong), "");
    }
    let Some(server) = nginx(name, &shown, Asks::Clients(&authority)) else { return };
    judge(&server.address, &with("client"), None, "SUCCESS CN=balancer.test");
    // nginx lets everybody in, and then says in HTTP what it misses.
    let running = in_front_of(&server.address, &format!("tls = {without}"));
    assert_eq!(running.get("/").status, 400);
}

/// CVE-2026-1642: what comes before the handshake is over may come from anybody.
#[test]
fn clear_text_on_the_port_of_tls_is_never_an_answer() {
    const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (greeting, is_asked) in
        [(HELLO, true), (HELLO, false), (b"\x17\x03\x03\x00\x05hello", false)]
    {
        let address = greeter(greeting, is_asked);
        let running = in_front_of(&address.to_string(), "tls = { verify = false }");
        let answer = running.get("/");
        assert_eq!((answer.status, answer.header("x-evenkeel-reason")), (502, Some("tls_failed")));
        assert!(!answer.text().contains("hello"), "{}", answer.text());
        if greeting == HELLO {
            expect_refused(&running, "the answer is not TLS");
        }
    }
}

/// Says this to everybody who comes, after they have said something or before.
fn greeter(greeting: &'static [u8], is_asked: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            if is_asked {
                let _ = stream.read(&mut [0; 4096]);
            }
            let _ = stream.write_all(greeting);
            // Until the other side has had enough: a close with something unread would be a reset.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

/// The endpoint says nothing at all.
#[test]
fn a_handshake_ends_by_its_own_time_or_by_that_of_the_whole_exchange() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (timeouts, reason, failures) in [
        ("{ tls = \"300ms\" }", "connect_timeout", 1),
        ("{ tls = \"300ms\", exchange = \"20s\" }", "connect_timeout", 1),
        ("{ tls = \"20s\", exchange = \"300ms\" }", "exchange_timeout", 0),
    ] {
        let running = in_front_of(&address, &format!("tls = true\ntimeouts = {timeouts}"));
        let answer = running.get("/");
        assert_eq!((answer.status, answer.header("x-evenkeel-reason")), (504, Some(reason)));
        let failed = running.metric("evenkeel_upstream_connects_total", "failed");
        assert_eq!(failed, failures, "{timeouts}");
    }
}

#[test]
fn another_endpoint_takes_over_from_one_that_cannot_prove_who_it_is() {
    let name = "another_endpoint_takes_over_from_one_that_cannot_prove_who_it_is";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    fs::write(&file, authority.pem()).unwrap();
    let good = authority.sign(&for_names(&["127.0.0.1"]));
    let Some(good) = nginx(name, &good, Asks::Nobody) else { return };
    let Some(bad) = nginx(name, &authority.sign(&expired("127.0.0.1")), Asks::Nobody) else {
        return;
    };
    let toml = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[log]\naccess = \"json\"\n\
         [cluster.api]\nendpoints = [\"{}\", \"{}\"]\nhealth = false\nbalance = \"round-robin\"\ntls = {}\n",
        bad.address,
        good.address,
        placed("{ ca = \"{ca}\" }", &file)
    );
    let running = Running::from_toml(&toml);
    for _ in 0..4 {
        assert_eq!(running.get("/").status, 200);
    }
    let (_, list) = running.ask("GET", "/api/v1/why", "");
    let told = list["stories"].as_array().unwrap().iter();
    let told = told.filter_map(|story| story["sentence"].as_str());
    let told: Vec<&str> = told.collect();
    assert!(
        told.iter().any(|it| it.contains("made no secure connection: its certificate has expired")),
        "{told:?}"
    );
}

#[test]
fn the_access_log_says_what_was_wrong_with_a_certificate() {
    let name = "the_access_log_says_what_was_wrong_with_a_certificate";
    let authority = Authority::new("nobody");
    let shown = authority.sign(&for_names(&["127.0.0.1"]));
    let Some(server) = nginx(name, &shown, Asks::Nobody) else { return };
    let toml = config(&server.address, "tls = true\n[log]\naccess = \"json\"");
    // Also where another endpoint would be tried if there was one.
    for toml in [&toml, &toml.replace("retry = \"off\"\n", "")] {
        let running = Running::from_toml(toml);
        assert_eq!(running.get("/").status, 502);
        let line = running.process.wait_for_line("\"evenkeel.reason\":\"tls_failed\"", LONG);
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let detail = line["evenkeel.reason_detail"].as_str().unwrap();
        assert_eq!(detail, "its certificate is signed by nobody that we trust (unknown issuer)");
        assert!(why(&running).contains(detail), "{}", why(&running));
    }
}

// === Files that change ===

/// Puts a file in its place as renewal programs do, in one move.
fn put(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, file).unwrap();
}

fn wait_for_status(running: &Running, status: u16) {
    let reached = wait_until(LONG, || running.get("/").status == status);
    reached
        .unwrap_or_else(|error| panic!("{error}: {} {}", why(running), running.process.stderr()));
}

fn wait_for_log(running: &Running, words: &str) {
    let told = wait_until(LONG, || running.process.stderr().contains(words));
    told.unwrap_or_else(|error| panic!("{error}: {words:?} not in {}", running.process.stderr()));
}

#[test]
fn an_authority_that_is_replaced_is_trusted_without_a_reload_and_a_broken_one_never() {
    let name = "an_authority_that_is_replaced_is_trusted_without_a_reload_and_a_broken_one_never";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let [old, new] = ["old", "new"].map(Authority::new);
    put(&file, old.pem());
    let Some(server) = nginx(name, &new.sign(&for_names(&["127.0.0.1"])), Asks::Nobody) else {
        return;
    };
    // Each request has a connection of its own.
    let keys = format!("pool = {{ max_idle = 0 }}\ntls = {}", placed("{ ca = \"{ca}\" }", &file));
    let running = in_front_of(&server.address, &keys);
    expect_refused(&running, "unknown issuer");
    // While one is replaced by another, both are in the file.
    put(&file, &format!("{}{}", old.pem(), new.pem()));
    wait_for_status(&running, 200);
    for (times, broken) in ["not PEM", &new.pem()[..200]].into_iter().enumerate() {
        put(&file, broken);
        let told = || running.process.stderr().matches("what was good before stays in use").count();
        wait_until(LONG, || told() > times).unwrap();
        assert_eq!(running.get("/").status, 200);
    }
    put(&file, old.pem());
    wait_for_status(&running, 502);
}

/// It stayed trusted on connections that were there already, for as long as there were requests.
#[test]
fn an_authority_that_is_taken_out_is_trusted_on_no_connection_that_is_open() {
    let name = "an_authority_that_is_taken_out_is_trusted_on_no_connection_that_is_open";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let [old, new] = ["old", "new"].map(Authority::new);
    put(&file, old.pem());
    let Some(server) = nginx(name, &old.sign(&for_names(&["127.0.0.1"])), Asks::Nobody) else {
        return;
    };
    let tls = format!("tls = {}", placed("{ ca = \"{ca}\" }", &file));
    let running = in_front_of(&server.address, &tls);
    let reuses = || {
        assert_eq!(running.get("/").status, 200);
        running.metric("evenkeel_upstream_reuses_total", "") > 0
    };
    wait_until(LONG, reuses).unwrap();
    put(&file, new.pem());
    wait_for_status(&running, 502);
}

#[test]
fn a_renewed_certificate_of_ours_is_shown_without_a_reload() {
    let name = "a_renewed_certificate_of_ours_is_shown_without_a_reload";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    put(&file, authority.pem());
    authority.sign(&for_names(&["first.test"])).put(directory.path(), "client");
    let shown = authority.sign(&for_names(&["127.0.0.1"]));
    let Some(server) = nginx(name, &shown, Asks::Clients(&authority)) else { return };
    let tls = "{ ca = \"{ca}\", cert = \"{dir}/client.crt\", key = \"{dir}/client.key\" }";
    // Each request has a connection of its own.
    let keys = format!("pool = {{ max_idle = 0 }}\ntls = {}", placed(tls, &file));
    let running = in_front_of(&server.address, &keys);
    assert!(running.get("/").text().contains("CN=first.test"));
    authority.sign(&for_names(&["second.test"])).put(directory.path(), "client");
    wait_until(LONG, || running.get("/").text().contains("CN=second.test")).unwrap();
    // A key of another certificate is refused, and nothing is different.
    put(&directory.path().join("client.key"), &self_signed(&for_names(&["third.test"])).key);
    wait_for_log(&running, "has a key that does not belong to the certificate");
    assert!(running.get("/").text().contains("CN=second.test"));
    let problems = || running.metric("evenkeel_upstream_tls_certificate_problems", "api");
    assert_eq!(problems(), 1);
}

#[test]
fn an_endpoint_that_renews_its_certificate_is_believed_again() {
    let name = "an_endpoint_that_renews_its_certificate_is_believed_again";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    put(&file, authority.pem());
    let Some(server) = nginx(name, &authority.sign(&expired("127.0.0.1")), Asks::Nobody) else {
        return;
    };
    let keys = format!(
        "health = {{ interval = \"100ms\", timeout = \"20s\", fall = 1, rise = 1 }}\ntls = {}",
        placed("{ ca = \"{ca}\" }", &file)
    );
    let running = in_front_of(&server.address, &keys);
    running.wait_for_state(0, "down");
    let reason = running.endpoint(0).to_string();
    assert!(reason.contains("TLS handshake failed: its certificate has expired"), "{reason}");
    wait_for_log(&running, "its certificate has expired");
    server.show(&authority.sign(&for_names(&["127.0.0.1"])));
    server.process.signal(Signal::HUP).unwrap();
    running.wait_for_state(0, "up");
    wait_for_status(&running, 200);
}

// === Sessions ===

/// RFC 8446 §4.6.1: who has proved one name has not proved another.
#[test]
fn a_session_is_resumed_with_who_has_proved_the_same_name_and_nobody_else() {
    let name = "a_session_is_resumed_with_who_has_proved_the_same_name_and_nobody_else";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    put(&file, authority.pem());
    let shown = authority.sign(&for_names(&["a.test", "b.test"]));
    let Some(server) = openssl(name, &shown, &[]) else { return };
    let cluster = |name: &str| {
        let tls = placed("{ ca = \"{ca}\", server_name = \"NAME\" }", &file);
        let tls = tls.replace("NAME", &format!("{name}.test"));
        format!(
            "[[route]]\nhost = \"{name}\"\nto = \"{name}\"\n[cluster.{name}]\nendpoints = [\"{}\"]\n\
             health = false\npool = {{ max_idle = 0 }}\ntls = {tls}\n",
            server.address
        )
    };
    let toml = format!("[listener.web]\nbind = \"{{bind}}\"\n{}{}", cluster("a"), cluster("b"));
    let running = Running::from_toml(&toml);
    for (host, says) in [("a", "New, "), ("a", "Reused, "), ("b", "New, "), ("b", "Reused, ")] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = running.connect().exchange(request.as_bytes(), LONG).unwrap();
        assert!(answer.text().contains(says), "{host} {says}: {}", answer.text());
    }
}

// === Checks ===

#[test]
fn checks_go_the_way_that_requests_go() {
    let name = "checks_go_the_way_that_requests_go";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    put(&file, authority.pem());
    authority.sign(&for_names(&["balancer.test"])).put(directory.path(), "client");
    let shown = authority.sign(&for_names(&["api.test"]));
    let Some(server) = nginx(name, &shown, Asks::Clients(&authority)) else { return };
    let own = "{ ca = \"{ca}\", server_name = \"api.test\", cert = \"{dir}/client.crt\", key = \"{dir}/client.key\" }";
    let nobody = "{ ca = \"{ca}\", server_name = \"api.test\" }";
    let other = "{ ca = \"{ca}\" }";
    let pace = "interval = \"100ms\", timeout = \"20s\", fall = 1, rise = 1";
    let wrong_name = "TLS handshake failed: its certificate is for api.test, not for 127.0.0.1";
    for (tls, check, state, reason) in [
        (own, "", "up", "passed"),
        (own, "path = \"/\", body = \"CN=balancer.test\", ", "up", "passed"),
        (nobody, "path = \"/\", ", "down", "status 400, expected 200-399"),
        (other, "", "down", wrong_name),
        (other, "server_name = \"api.test\", ", "up", "passed"),
        (other, "path = \"/\", ", "down", wrong_name),
        (other, "kind = \"grpc\", ", "down", wrong_name),
        (other, "kind = \"tcp\", ", "up", "passed"),
    ] {
        let keys = format!("health = {{ {check}{pace} }}\ntls = {}", placed(tls, &file));
        let running = in_front_of(&server.address, &keys);
        running.wait_for_state(0, state);
        let endpoint = running.endpoint(0).to_string();
        assert!(endpoint.contains(reason), "{check}: {endpoint}");
    }
}

/// What an endpoint says of its load is asked the way that requests go, and of nobody else.
#[test]
fn an_endpoint_is_asked_for_its_load_by_tls() {
    let name = "an_endpoint_is_asked_for_its_load_by_tls";
    let directory = tempfile::tempdir().unwrap();
    let (authority, file) = (Authority::new("the authority"), directory.path().join("ca.pem"));
    put(&file, authority.pem());
    let Some(good) = nginx(name, &authority.sign(&for_names(&["127.0.0.1"])), Asks::Nobody) else {
        return;
    };
    let Some(bad) = nginx(name, &self_signed(&for_names(&["127.0.0.1"])), Asks::Nobody) else {
        return;
    };
    let tls = placed("{ ca = \"{ca}\" }", &file);
    for (server, result) in [(&good, "ok"), (&bad, "failed")] {
        let balance = "{ algorithm = \"prequal\", path = \"/load\" }";
        let running = in_front_of(&server.address, &format!("balance = {balance}\ntls = {tls}"));
        let reports = |result: &str| {
            let label = format!("result=\"{result}\"");
            running.metric("evenkeel_upstream_load_reports_total", &label)
        };
        let asked = || {
            running.get("/");
            reports(result) > 0
        };
        wait_until(LONG, asked).unwrap_or_else(|error| panic!("{error}: {result}"));
        assert_eq!(reports("ok") > 0, result == "ok");
    }
}

// === What is refused at once ===

#[test]
fn a_config_with_a_broken_file_does_not_start_and_check_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("evenkeel.toml");
    let text = config("127.0.0.1:9", "tls = { ca = \"ca.pem\" }").replace("{bind}", "127.0.0.1:0");
    fs::write(&file, text.replace("127.0.0.1:0", "127.0.0.1:18080")).unwrap();
    fs::write(directory.path().join("ca.pem"), "not PEM").unwrap();
    let path = file.display().to_string();
    let ended = run(&["check", "-c", &path]);
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.contains("ca.pem is not PEM"), "{}", ended.stderr);
    // Without a store of the system there is nobody whose word could be taken.
    let text = config("127.0.0.1:9", "tls = true").replace("{bind}", "127.0.0.1:18080");
    fs::write(&file, text).unwrap();
    let mut command = std::process::Command::new(crate::running::BINARY);
    command.args(["check", "-c", &path]).env("SSL_CERT_FILE", directory.path().join("nowhere"));
    command.env_remove("SSL_CERT_DIR");
    let ended = end(evenkeel_testkit::Process::spawn(&mut command).unwrap());
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.contains("has no authority that this machine trusts"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ca-certificates"), "{}", ended.stderr);
}

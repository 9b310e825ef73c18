//! A listener that speaks TLS, between clients of rustls, curl and OpenSSL and a real origin.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::process::Command;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use evenkeel_testkit::{Client, Origin, Request, Response, Script, wait_until};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::interop::programs::program;
use crate::running::{LONG, Running, run};

/// A certificate for some names, good from yesterday to tomorrow, by an authority of its own.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
    /// The SHA-256 of its public key.
    pub(crate) key_digest: Vec<u8>,
    authority: CertificateDer<'static>,
    pub(crate) authority_pem: String,
}

impl Certificate {
    pub(crate) fn of(names: &[&str]) -> Self {
        let now = SystemTime::now();
        Self::of_time(names, now - DAY..now + DAY)
    }

    fn of_time(names: &[&str], time: Range<SystemTime>) -> Self {
        let mut authority = validity(&[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();

        let mut params = validity(names);
        (params.not_before, params.not_after) = (time.start.into(), time.end.into());
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        let key_digest = suite.common.hash_provider.hash(&key.subject_public_key_info());
        Self {
            pem: params.signed_by(&key, &authority).unwrap().pem(),
            key: key.serialize_pem(),
            key_digest: key_digest.as_ref().to_vec(),
            authority: authority.der().clone(),
            authority_pem: authority.pem(),
        }
    }

    /// Puts it where the config of `running` says, each file in one move.
    pub(crate) fn put(&self, running: &Running) {
        let directory = running.config().parent().unwrap().to_owned();
        for (name, text) in [("a.key", &self.key), ("a.crt", &self.pem)] {
            fs::write(directory.join("draft"), text).unwrap();
            fs::rename(directory.join("draft"), directory.join(name)).unwrap();
        }
    }
}

fn validity(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let now = SystemTime::now();
    (params.not_before, params.not_after) = ((now - DAY).into(), (now + DAY).into());
    params
}

/// A balancer in front of `origin` that is begun in clear text, so that its directory is there, and then speaks TLS by `certificate`.
pub(crate) fn secured(origin: impl fmt::Display, certificate: &Certificate, keys: &str) -> Running {
    let clear = format!("[listener.web]\nbind = \"{{bind}}\"\nto = [\"{origin}\"]\n");
    let running = Running::from_toml_with(2, &clear);
    certificate.put(&running);
    let secured = format!(
        "{clear}protocol = \"https\"\ncertificates = [{{ cert = \"a.crt\", key = \"a.key\" }}]\n{keys}\n"
    );
    running.rewrite(&secured);
    assert_eq!(running.ask("POST", "/api/v1/reload", "").0, 200);
    running
}

/// A client that trusts `certificate`, and asks for `name`.
fn client(running: &Running, certificate: &Certificate, name: &str) -> io::Result<Client> {
    connect(running, &trusting(slice::from_ref(certificate)), name)
}

fn connect(running: &Running, config: &Arc<ClientConfig>, name: &str) -> io::Result<Client> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    Client::connect_tls(running.address, name, Arc::clone(config))
}

/// One that shakes hands in full each time.
pub(crate) fn trusting(certificates: &[Certificate]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.authority.clone()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The answer to a request for `/` of `host`.
fn ask(client: &mut Client, host: &str) -> Response {
    client.exchange(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(), LONG).unwrap()
}

/// Says by which scheme it was told that its client had come.
pub(crate) fn telling() -> Origin {
    Origin::start(|request: &Request| {
        Script::ok(request.header("x-forwarded-proto").unwrap_or("nothing"))
    })
    .unwrap()
}

#[test]
fn requests_by_tls_are_told_as_such_and_answers_say_to_stay_with_it() {
    let certificate = Certificate::of(&["example.test", "*.example.test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "hsts = \"365d\"");
    for name in ["example.test", "www.example.test"] {
        let mut client = client(&running, &certificate, name).unwrap();
        for _ in 0..3 {
            let answer = ask(&mut client, name);
            assert_eq!((answer.status, &*answer.text()), (200, "https"));
            assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
        }
    }
}

/// RFC 9110 §7.4, §15.5.20: which host a connection is for was said when it began.
#[test]
fn a_host_that_the_certificate_is_not_good_for_is_misdirected() {
    let certificate = Certificate::of(&["test", "*.test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "");
    for (host, status) in [
        ("test", 200),
        ("other.test:8443", 200),
        ("TEST", 200),
        ("elsewhere", 421),
        ("a.b.test", 421),
        ("127.0.0.1", 421),
    ] {
        let answer = ask(&mut client(&running, &certificate, "test").unwrap(), host);
        assert_eq!(answer.status, status, "{host}");
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"misdirected\"", 3);
}

#[test]
fn long_bodies_and_other_protocols_go_through_both_ways() {
    let noise: Vec<u8> =
        (0..3_000_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let origin = Origin::start(|request: &Request| match request.method.as_str() {
        "GET" => Script::new()
            .send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n",
            )
            .send("hello")
            .close(),
        _ => Script::ok(String::from_utf8_lossy(&request.body).into_owned()),
    })
    .unwrap();
    let text: String = noise.iter().map(|byte| char::from(byte % 26 + b'a')).collect();
    let certificate = Certificate::of(&["test"]);
    let running = secured(origin.address(), &certificate, "");
    let mut client = client(&running, &certificate, "test").unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", text.len());
    let answer = client.exchange((head + &text).as_bytes(), LONG).unwrap();
    assert!(answer.status == 200 && answer.body == text.as_bytes());
    let offer = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
    assert_eq!(client.exchange(offer.as_bytes(), LONG).unwrap().status, 101);
    assert_eq!(client.read_to_end(LONG).unwrap(), b"hello");
}

/// Whether it is shown to who comes now.
fn is_shown(running: &Running, certificate: &Certificate) -> bool {
    client(running, certificate, "test").is_ok()
}

#[test]
fn a_renewed_certificate_is_in_use_within_two_seconds_and_a_broken_one_never() {
    let (first, second) = (Certificate::of(&["test"]), Certificate::of(&["test"]));
    let origin = telling();
    let running = secured(origin.address(), &first, "");
    let mut kept = client(&running, &first, "test").unwrap();
    assert_eq!(ask(&mut kept, "test").text(), "https");
    second.put(&running);
    let began = Instant::now();
    wait_until(LONG, || {
        // There is no moment at which there is none.
        let (new, old) = (is_shown(&running, &second), is_shown(&running, &first));
        assert!(new || old || is_shown(&running, &second));
        new
    })
    .unwrap();
    let took = began.elapsed();
    // Twice as long as is said, for a machine that has much else to do.
    assert!(took < Duration::from_secs(4), "{took:?}, and it is said to be two seconds");
    assert_eq!(ask(&mut kept, "test").text(), "https", "what was begun by the old one goes on");

    let broken = Certificate { key: first.key, ..Certificate::of(&["test"]) };
    broken.put(&running);
    let said = || {
        running.process.stderr().contains("a.crt")
            && running.process.stderr().contains("stays in use")
    };
    wait_until(LONG, said).unwrap_or_else(|error| panic!("{error}: {}", running.process.stderr()));
    assert!(is_shown(&running, &second));
}

/// Each way to be broken: what is done to the files, and what is said of which.
#[test]
fn a_certificate_that_is_broken_in_any_way_is_told_of_and_the_one_before_goes_on() {
    let good = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(origin.address(), &good, "");
    let directory = running.config().parent().unwrap().to_owned();
    let at = |name: &str| directory.join(name);
    let write = |name: &str, text: &str| {
        fs::write(at("draft"), text).unwrap();
        fs::rename(at("draft"), at(name)).unwrap();
    };
    let now = SystemTime::now();
    let expired = Certificate::of_time(&["test"], now - DAY * 9..now - DAY);
    let future = Certificate::of_time(&["test"], now + DAY..now + DAY * 9);
    let nameless = Certificate::of(&[]);
    let stray = Certificate::of(&["test"]).key;
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let both = |it: &Certificate| {
        write("a.key", &it.key);
        write("a.crt", &it.pem);
    };
    let rows: [(&str, &str, &dyn Fn()); 10] = [
        ("expired", "a.crt has expired: it was valid until ", &|| both(&expired)),
        ("not valid yet", "a.crt is not valid before ", &|| both(&future)),
        ("no name", "a.crt is for no name", &|| both(&nameless)),
        ("cut off", "a.crt is cut off", &|| write("a.crt", &cut(&good.pem))),
        ("empty", "a.crt is not PEM", &|| write("a.crt", "")),
        ("missing", "a.crt does not exist", &|| fs::remove_file(at("a.crt")).unwrap()),
        ("key cut off", "a.key is cut off", &|| write("a.key", &cut(&good.key))),
        ("key missing", "a.key does not exist", &|| fs::remove_file(at("a.key")).unwrap()),
        ("stray key", "a.key has a key that does not belong to", &|| write("a.key", &stray)),
        ("unreadable key", "a.key cannot be read: ", &|| {
            fs::remove_file(at("a.key")).unwrap();
            fs::create_dir(at("a.key")).unwrap();
        }),
    ];
    let problems = || running.metric("evenkeel_tls_certificate_problems", "web");
    let wait_for = |row: &str, count: u64| {
        let reached = wait_until(LONG, || problems() == count);
        reached.unwrap_or_else(|error| panic!("{row}: {error}: {}", running.process.stderr()));
    };
    for (row, words, breaks) in rows {
        breaks();
        wait_for(row, 1);
        let answer = ask(&mut client(&running, &good, "test").unwrap(), "test");
        assert_eq!(answer.status, 200, "{row}");
        let problem = running.status()["listeners"][0]["tls"]["problems"][0].clone();
        let said = format!("{} {}", problem["file"].as_str().unwrap(), problem["problem"]);
        assert!(said.replace('"', "").contains(words), "{row}: {said}");
        assert_eq!(problem["kept"], true, "{row}");
        let told = running.process.wait_for_line(words, LONG);
        told.unwrap_or_else(|error| panic!("{row}: {error}"));
        if at("a.key").is_dir() {
            fs::remove_dir(at("a.key")).unwrap();
        }
        both(&good);
        wait_for(row, 0);
    }
    assert_eq!(running.metric("evenkeel_tls_handshakes_total", "refused"), 0);
}

#[test]
fn certificates_that_change_under_load_cost_no_handshake_and_no_connection() {
    let all: Vec<_> = (0..4).map(|_| Certificate::of(&["test"])).collect();
    let origin = telling();
    let running = secured(origin.address(), &all[0], "");
    let mut kept: Vec<_> = (0..10).map(|_| client(&running, &all[0], "test").unwrap()).collect();
    let config = trusting(&all);
    let is_over = AtomicBool::new(false);
    let crowd = || {
        let mut shaken = 0;
        while !is_over.load(Ordering::Relaxed) {
            assert_eq!(ask(&mut connect(&running, &config, "test").unwrap(), "test").status, 200);
            shaken += 1;
        }
        shaken
    };
    let shaken: u32 = thread::scope(|scope| {
        let crowd: Vec<_> = (0..3).map(|_| scope.spawn(crowd)).collect();
        for next in &all[1..] {
            next.put(&running);
            wait_until(LONG, || is_shown(&running, next)).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        crowd.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!(shaken > 30, "{shaken}");
    for kept in &mut kept {
        assert_eq!(ask(kept, "test").status, 200);
    }
}

/// RFC 8996, RFC 9325 §3.1.1 and §3.8, RFC 7301 §3.2.
#[test]
fn openssl_is_refused_with_the_alert_that_says_why() {
    let name = "openssl_is_refused_with_the_alert_that_says_why";
    let Some(openssl) = program(name, "openssl") else { return };
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "");
    for (words, alert) in [
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], "alert number 70"),
        (&["-alpn", "imap"], "alert number 120"),
        (&["-tls1_2", "-cipher", "AES128-SHA"], "alert number 40"),
        (&["-alpn", "imap,http/1.1"], "ALPN protocol: http/1.1"),
        (&["-tls1_2"], "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        let mut command = Command::new(&openssl);
        command.args(["s_client", "-connect", &running.address.to_string(), "-servername", "test"]);
        let output = command.args(words).stdin(std::process::Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(alert), "{words:?}: {said}");
    }
}

#[test]
fn a_client_that_begins_and_says_no_more_is_not_waited_for_long() {
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "timeouts = { tls = \"300ms\" }");
    for begins in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut socket = TcpStream::connect(running.address).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.write_all(begins).unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_or_default(), 0);
    }
}

#[test]
fn clear_text_is_answered_in_clear_text_and_sent_elsewhere_where_that_is_wanted() {
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "");
    let answer = running.get("/");
    assert_eq!(answer.status, 400);
    assert!(answer.header("date").is_some(), "RFC 9110 §6.6.1");
    assert!(answer.text().contains("https://"), "{}", answer.text());

    let toml = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nredirect_to_https = true\n",
        origin.address()
    );
    let running = Running::from_toml(&toml);
    let answer = running.get("/a?b");
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), Some("https://127.0.0.1/a?b"));
    assert_eq!(running.status()["listeners"][0]["redirect_to_https"], 443);
}

#[test]
fn the_status_tells_what_is_shown_and_what_cannot_be_for_programs_and_for_people() {
    let certificate = Certificate::of(&["test", "*.test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "");
    ask(&mut client(&running, &certificate, "test").unwrap(), "test");
    let tls = || running.status()["listeners"][0]["tls"].clone();
    let found = tls();
    assert_eq!(found["handshakes"]["full"], 1, "{found}");
    assert_eq!((&found["certificate_count"], &found["problem_count"]), (&1.into(), &0.into()));
    let shown = &found["certificates"][0];
    assert_eq!(shown["names"], serde_json::json!(["test", "*.test"]));
    assert_eq!(shown["key"], "ECDSA P-256");
    assert_eq!(shown["issuer"], "authority of a test");
    assert_eq!(shown["state"], "ends_very_soon", "it is good for a day: {shown}");
    let [from, until] = ["not_before", "not_after"]
        .map(|end| shown[format!("{end}_unix_seconds")].as_f64().unwrap());
    assert_eq!((until - from).round(), 2.0 * DAY.as_secs_f64(), "{shown}");
    let file = running.config().with_file_name("a.crt");
    assert_eq!(shown["file"], file.to_str().unwrap());

    fs::write(&file, "text").unwrap();
    wait_until(LONG, || tls()["problem_count"] == 1).unwrap();
    let problem = tls()["problems"][0].clone();
    assert_eq!((&problem["problem"], &problem["kept"]), (&"is not PEM".into(), &true.into()));
    let events = running.ask("GET", "/api/v1/events", "").1["events"].clone();
    let events = events.as_array().unwrap().iter();
    let events: Vec<_> = events.filter(|event| event["kind"] == "certificate").collect();
    let [used, _soon, refused] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&used["level"], &refused["level"]), (&"info".into(), &"warn".into()));
    assert!(
        refused["text"].as_str().unwrap().contains("a.crt is not PEM; what was good"),
        "{refused}"
    );
    assert!(is_shown(&running, &certificate));
    let page = run(&["status", "--admin", &running.admin.to_string()]).stdout;
    for part in [
        "certificates of web  ".to_owned(),
        "!  test, *.test  ".to_owned(),
        format!("✗  {} is not PEM; what was good before stays in use\n", file.display()),
    ] {
        assert!(page.contains(&part), "no {part:?} in\n{page}");
    }
}

const DAY: Duration = Duration::from_hours(24);

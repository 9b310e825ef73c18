//! Clients that prove who they are, and sessions that are resumed: a listener between clients of OpenSSL and a real origin.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use evenkeel_testkit::{Client, Gate, Origin, Request, Script, wait_until};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use tempfile::TempDir;

use crate::interop::programs::program;
use crate::running::{LONG, Running, free_address};

/// An authority for clients, which numbers them.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn pem(&self) -> String {
        self.params.clone().self_signed(&self.key).unwrap().pem()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    /// Certificate and key of a client, good until then.
    fn client(&self, name: &str, number: u64, until: SystemTime) -> String {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(number));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = until.into();
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer()).unwrap().pem() + &key.serialize_pem()
    }

    /// The clients with these numbers are no more.
    fn list(&self, numbers: &[u64]) -> String {
        let now = SystemTime::now();
        let revoked = numbers.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: (now - DAY).into(),
            next_update: (now + DAY).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer()).unwrap().pem().unwrap()
    }
}

/// A directory with everything that a test has: what the balancer reads, and what its clients do.
struct Place {
    folder: TempDir,
    openssl: PathBuf,
}

impl Place {
    /// With a certificate of the listener for a.test and b.test; `None` without OpenSSL, for the test called so.
    fn new(test: &str) -> Option<Self> {
        let place = Self { openssl: program(test, "openssl")?, folder: TempDir::new().unwrap() };
        let key = KeyPair::generate().unwrap();
        let names = ["a.test", "b.test", "127.0.0.1"].map(str::to_owned);
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        place.put("server.pem", &(certificate.pem() + &key.serialize_pem()));
        Some(place)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.file("draft"), text).unwrap();
        fs::rename(self.file("draft"), self.file(name)).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A balancer whose listener has these keys more.
    fn listen(&self, origin: &Origin, keys: &str) -> Running {
        Running::from_toml_with(2, &self.listener("web", "{bind}", origin, keys))
    }

    /// In `keys`, `@` is this directory.
    fn listener(&self, name: &str, bind: &str, origin: &Origin, keys: &str) -> String {
        let (folder, to) = (self.folder.path().display(), origin.address());
        let keys = keys.replace('@', &folder.to_string());
        format!(
            "[listener.{name}]\nbind = \"{bind}\"\nto = [\"{to}\"]\nprotocol = \"https\"\n\
             certificates = {{ cert = \"{folder}/server.pem\" }}\n{keys}\n"
        )
    }

    /// A client of rustls with the certificate in `file`.
    fn connect(&self, address: SocketAddr, file: &str) -> Client {
        Client::connect_tls(address, name(), Arc::new(self.client(file, ALL_VERSIONS))).unwrap()
    }

    /// What such a client goes by.
    fn client(&self, file: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let certificates = |file: &str| {
            let text = fs::read(self.file(file)).unwrap();
            CertificateDer::pem_slice_iter(&text).map(Result::unwrap).collect::<Vec<_>>()
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificates("server.pem").remove(0)).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.file(file)).unwrap();
        let config = ClientConfig::builder_with_protocol_versions(versions);
        let config = config.with_root_certificates(roots);
        config.with_client_auth_cert(certificates(file), key).unwrap()
    }

    /// What OpenSSL and the balancer say when a client with these arguments asks for `/`.
    fn ask(&self, address: SocketAddr, words: &[&str]) -> String {
        let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        self.say(address, words, request)
    }

    fn say(&self, address: SocketAddr, words: &[&str], input: &str) -> String {
        let name: &[&str] =
            if words.contains(&"-servername") { &[] } else { &["-servername", "a.test"] };
        let mut child = Command::new(&self.openssl)
            .args(["s_client", "-connect", &address.to_string(), "-ign_eof"])
            .args(name)
            .args(words)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever was refused does not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

/// A client that has said hello, and no more until it is asked to go on.
struct Stalled {
    session: ClientConnection,
    socket: TcpStream,
}

impl Stalled {
    fn connect(address: SocketAddr, config: ClientConfig) -> Self {
        let mut session = ClientConnection::new(Arc::new(config), name()).unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        while session.wants_write() {
            session.write_tls(&mut socket).unwrap();
        }
        Self { session, socket }
    }

    /// Shakes hands and says `words`; returns whether anything is said to that before the end.
    fn gets_served(self, words: &str) -> bool {
        let mut stream = StreamOwned::new(self.session, self.socket);
        stream.write_all(words.as_bytes()).unwrap();
        stream.read(&mut [0]).unwrap() > 0
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("a.test").unwrap()
}

/// Says what it was told of its client's certificate.
fn telling() -> Origin {
    Origin::start(|request: &Request| {
        let subject = request.header("x-client-cert-subject").unwrap_or("nobody");
        let verify = request.header("x-ssl-client-verify").unwrap_or("nothing");
        let certificate = request.header("client-cert").unwrap_or("none");
        Script::ok(format!("subject {subject} verify {verify} certificate {certificate}\n"))
    })
    .unwrap()
}

/// Whether the client has resumed a session; it must have been served.
#[track_caller]
fn is_resumed(said: &str) -> bool {
    assert!(said.contains(OK), "{said}");
    let (new, reused) = (said.contains("\nNew, TLS"), said.contains("\nReused, TLS"));
    assert_ne!(new, reused, "{said}");
    reused
}

const REQUIRED: &str =
    "tls = { client_auth = \"required\", client_ca = \"@/ca.pem\", client_crl = \"@/list.pem\" }";

/// The handshake of RFC 6455 §1.3, but for how it begins and ends; and its answer.
const HANDSHAKE: &str = "/chat HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const OK: &str = "HTTP/1.1 200";

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn a_client_that_cannot_prove_who_it_is_is_told_why() {
    let Some(place) = Place::new("a_client_that_cannot_prove_who_it_is_is_told_why") else {
        return;
    };
    let (ca, other, now) = (Authority::new("ca"), Authority::new("other"), SystemTime::now());
    place.put("ca.pem", &ca.pem());
    place.put("list.pem", &ca.list(&[2]));
    place.put("alice.pem", &ca.client("alice", 1, now + DAY));
    place.put("bob.pem", &ca.client("bob", 2, now + DAY));
    place.put("carol.pem", &ca.client("carol", 3, now - DAY));
    place.put("mallory.pem", &other.client("mallory", 1, now + DAY));
    let origin = telling();
    let required = place.listen(&origin, REQUIRED);
    let optional = place.listen(&origin, &REQUIRED.replace("required", "optional"));
    for version in VERSIONS {
        for (name, alert) in [("bob", 44), ("carol", 45), ("mallory", 48)] {
            for running in [&required, &optional] {
                let file = format!("{name}.pem");
                let said = place.ask(running.address, &[version, "-cert", &file]);
                assert!(said.contains(&format!("alert number {alert}")), "{name}: {said}");
                assert!(!said.contains(OK), "{name}: {said}");
            }
        }
        let said = place.ask(required.address, &[version]);
        let alert = if version == "-tls1_2" { 40 } else { 116 };
        assert!(said.contains(&format!("alert number {alert}")), "{said}");
        let said = place.ask(optional.address, &[version]);
        assert!(said.contains("subject nobody verify nothing certificate none"), "{said}");
        for running in [&required, &optional] {
            let said = place.ask(running.address, &[version, "-cert", "alice.pem"]);
            assert!(said.contains("subject CN=alice,O=Example\\, Inc. verify nothing"), "{said}");
            let pem = fs::read_to_string(place.file("alice.pem")).unwrap();
            let body = pem.split("-----").nth(2).unwrap().replace(['\r', '\n'], "");
            assert!(said.contains(&format!("certificate :{body}:")), "{said}");
        }
    }
    required.wait_for_metric("evenkeel_tls_handshakes_total", "result=\"refused\"", 8);
    for (reason, words) in [
        ("no_certificate", "it has shown no certificate"),
        ("certificate_revoked", "its certificate is revoked"),
        ("certificate_expired", "its certificate has expired, a day ago"),
        ("unknown_ca", "its certificate is signed by nobody that we trust (unknown issuer)"),
    ] {
        let label = format!("reason=\"{reason}\"");
        required.wait_for_metric("evenkeel_tls_handshakes_refused_total", &label, 2);
        required.process.wait_for_line(&label, LONG).unwrap();
        let log = required.process.stderr();
        let lines = log.lines().filter(|line| line.contains("INFO") && line.contains(&label));
        let lines: Vec<_> = lines.collect();
        // Of the second nobody is told: there may be thousands.
        let [line] = &lines[..] else { panic!("{reason}: {lines:?} of {log}") };
        assert!(line.contains("a client is refused listener=\"web\" client=127.0.0.1:"), "{line}");
        assert!(line.contains(words), "{line}");
    }
}

/// Whether by TLS or not, and whether clients are asked for a certificate or not.
#[test]
fn what_a_client_says_of_its_own_certificate_reaches_nobody() {
    let Some(place) = Place::new("what_a_client_says_of_its_own_certificate_reaches_nobody") else {
        return;
    };
    let (ca, origin) = (Authority::new("ca"), telling());
    place.put("ca.pem", &ca.pem());
    place.put("alice.pem", &ca.client("alice", 1, SystemTime::now() + DAY));
    let claims = "GET / HTTP/1.1\r\nHost: a.test\r\nClient-Cert: :eA==:\r\nX-Client-Cert-Subject: CN=admin\r\n\
         X-SSL-Client-Verify: SUCCESS\r\nConnection: close, client-cert\r\n\r\n";
    let optional = "tls = { client_auth = \"optional\", client_ca = \"@/ca.pem\" }";
    for keys in ["", optional] {
        let running = place.listen(&origin, keys);
        let said = place.say(running.address, &[], claims);
        assert!(said.contains("subject nobody verify nothing certificate none"), "{said}");
    }
    let running = place.listen(&origin, optional);
    let said = place.say(running.address, &["-cert", "alice.pem"], claims);
    assert!(said.contains("subject CN=alice,O=Example\\, Inc. verify nothing"), "{said}");
    let clear = Running::serve(&[&origin.address().to_string()]);
    let answer = clear.connect().exchange(claims.as_bytes(), LONG).unwrap();
    assert_eq!(answer.text(), "subject nobody verify nothing certificate none\n");
    let trusting = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\ntrusted_proxies = [\"127.0.0.1\"]\n",
        origin.address()
    );
    let trusting = Running::from_toml(&trusting);
    let answer = trusting.connect().exchange(claims.as_bytes(), LONG).unwrap();
    assert_eq!(answer.text(), "subject CN=admin verify SUCCESS certificate :eA==:\n");
}

/// Once a list says that a client is no more, it is not let in, and not by an old session either.
#[test]
fn a_client_that_is_revoked_is_refused_within_two_seconds_and_its_session_with_it() {
    let test = "a_client_that_is_revoked_is_refused_within_two_seconds_and_its_session_with_it";
    let Some(place) = Place::new(test) else { return };
    let ca = Authority::new("ca");
    place.put("ca.pem", &ca.pem());
    place.put("list.pem", &ca.list(&[]));
    place.put("alice.pem", &ca.client("alice", 1, SystemTime::now() + DAY));
    let origin = telling();
    let running = place.listen(&origin, REQUIRED);
    for version in VERSIONS {
        let alice = [version, "-cert", "alice.pem"];
        let said = place.ask(running.address, &[&alice[..], &["-sess_out", version]].concat());
        assert!(!is_resumed(&said));
        let said = place.ask(running.address, &[&alice[..], &["-sess_in", version]].concat());
        assert!(is_resumed(&said), "{said}");
        assert!(said.contains("subject CN=alice,O=Example\\, Inc."), "{said}");
    }
    place.put("list.pem", &ca.list(&[1]));
    let began = Instant::now();
    let is_refused =
        || place.ask(running.address, &["-cert", "alice.pem"]).contains("alert number 44");
    wait_until(LONG, is_refused).unwrap();
    let took = began.elapsed();
    // Twice as long as is said, for a machine that has much else to do.
    assert!(took < Duration::from_secs(4), "{took:?}, and it is said to be two seconds");
    for version in VERSIONS {
        let words = [version, "-cert", "alice.pem", "-sess_in", version];
        let said = place.ask(running.address, &words);
        assert!(said.contains("alert number 44") && !said.contains(OK), "{said}");
        // Nor with the session alone.
        let said = place.ask(running.address, &[version, "-sess_in", version]);
        assert!(said.contains("alert") && !said.contains(OK), "{said}");
    }
    // What is broken does not let anybody in again, and is told.
    place.put("list.pem", "no list\n");
    let is_told = || running.metric("evenkeel_tls_certificate_problems", "") == 1;
    wait_until(LONG, is_told).unwrap();
    assert!(is_refused());
    running.process.wait_for_line("what was good before stays", LONG).unwrap();
    place.put("list.pem", &ca.list(&[]));
    wait_until(LONG, || !is_refused()).unwrap();
}

/// Connections that were begun when the client was still believed, at rest and at work.
#[test]
fn a_client_that_is_revoked_does_not_stay_on_what_it_has_open() {
    let test = "a_client_that_is_revoked_does_not_stay_on_what_it_has_open";
    let Some(place) = Place::new(test) else { return };
    let [ca, other] = ["ca", "other"].map(Authority::new);
    for (name, authority) in [("ca", &ca), ("other", &other)] {
        place.put(&format!("{name}.pem"), &authority.pem());
        let alice = authority.client("alice", 1, SystemTime::now() + DAY);
        place.put(&format!("alice-of-{name}.pem"), &alice);
    }
    place.put("list.pem", &ca.list(&[]));
    let gate = Gate::new();
    let origin = Origin::start({
        let gate = gate.clone();
        move |request: &Request| match &*request.target {
            "/slow" => Script::new().wait_for(&gate).followed_by(Script::ok("at last")),
            "/chat" => Script::new().send(SWITCHED),
            _ => Script::ok("hello"),
        }
    })
    .unwrap();
    let [db, spared] = [(); 2].map(|()| free_address());
    let elsewhere = "tls = { client_auth = \"required\", client_ca = \"@/other.pem\" }";
    let streams = [("db", db, REQUIRED), ("spared", spared, elsewhere)].map(|(name, at, keys)| {
        let listener = place.listener(name, &at.to_string(), &origin, keys);
        listener.replace("\"https\"", "\"tcp\"")
    });
    let running = place.listen(&origin, &format!("{REQUIRED}\n{}", streams.concat()));
    let open = |address, file, head: &str| {
        let mut client = place.connect(address, file);
        client.send(format!("GET {head}\r\nHost: a.test\r\n\r\n").as_bytes()).unwrap();
        client
    };
    let web = |head| open(running.address, "alice-of-ca.pem", head);
    let get = "/ HTTP/1.1";
    let mut idle = web(get);
    let mut busy = web("/slow HTTP/1.1");
    let mut socket = web(HANDSHAKE);
    let mut stream = open(db, "alice-of-ca.pem", get);
    let mut spared = open(spared, "alice-of-other.pem", get);
    for (client, status) in
        [(&mut idle, 200), (&mut socket, 101), (&mut stream, 200), (&mut spared, 200)]
    {
        let answer = client.read_response(LONG).unwrap();
        assert_eq!((answer.status, answer.header("connection") == Some("close")), (status, false));
    }
    place.put("list.pem", &ca.list(&[1]));
    // Each ends in order, which by TLS is said in a record.
    assert_eq!(idle.read_to_end(LONG).unwrap(), b"");
    assert_eq!(stream.read_to_end(LONG).unwrap(), b"");
    assert_eq!(socket.read_to_end(LONG).unwrap(), b"\x88\x02\x03\xe9", "it goes away");
    gate.open();
    let answer = busy.read_response(LONG).unwrap();
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("at last", Some("close")));
    assert_eq!(busy.read_to_end(LONG).unwrap(), b"");
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(spared.exchange(request, LONG).unwrap().status, 200);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

/// It was asked who it is by one list, and answered by another.
#[test]
fn a_client_that_is_revoked_while_it_shakes_hands_is_not_served() {
    let test = "a_client_that_is_revoked_while_it_shakes_hands_is_not_served";
    let Some(place) = Place::new(test) else { return };
    let ca = Authority::new("ca");
    place.put("ca.pem", &ca.pem());
    place.put("list.pem", &ca.list(&[]));
    place.put("alice.pem", &ca.client("alice", 1, SystemTime::now() + DAY));
    let (origin, db) = (telling(), free_address());
    let streams = place.listener("db", &db.to_string(), &origin, REQUIRED);
    let keys = format!("{REQUIRED}\n{}", streams.replace("\"https\"", "\"tcp\""));
    let running = place.listen(&origin, &keys);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (web, h2) = (running.address, vec![b"h2".to_vec()]);
    let connect = || {
        let meetings = [(web, vec![], request), (web, h2.clone(), preface), (db, vec![], request)];
        let each = |versions| {
            meetings.clone().map(|(address, protocols, words)| {
                let mut config = place.client("alice.pem", versions);
                config.alpn_protocols = protocols;
                (Stalled::connect(address, config), words)
            })
        };
        [each(&[&TLS12]), each(&[&TLS13])].into_iter().flatten()
    };
    assert!(connect().all(|(client, words)| client.gets_served(words)));
    let stalled: Vec<_> = connect().collect();
    place.put("list.pem", &ca.list(&[1]));
    for address in [web, db] {
        let ask = || place.ask(address, &["-cert", "alice.pem"]);
        wait_until(LONG, || ask().contains("alert number 44")).unwrap();
    }
    for (position, (client, words)) in stalled.into_iter().enumerate() {
        assert!(!client.gets_served(words), "{position}");
    }
}

/// CVE-2025-23419, CVE-2025-23048.
#[test]
fn a_session_is_resumed_only_where_it_began() {
    let Some(place) = Place::new("a_session_is_resumed_only_where_it_began") else { return };
    let (ca, other, origin) = (Authority::new("ca"), Authority::new("other"), telling());
    place.put("ca.pem", &ca.pem());
    place.put("other.pem", &other.pem());
    place.put("alice.pem", &ca.client("alice", 1, SystemTime::now() + DAY));
    place.put("keys", &keys(1));
    let shared = |more: &str| format!("tls = {{ ticket_keys = \"@/keys\"{more} }}");
    let asks = |ca: &str| shared(&format!(", client_auth = \"optional\", client_ca = \"@/{ca}\""));
    let [open, one, two] = [shared(""), asks("ca.pem"), asks("other.pem")];
    let own = place.listen(&origin, "");
    let [open, one, same, two] = [&open, &one, &one, &two].map(|keys| place.listen(&origin, keys));
    for version in VERSIONS {
        let out = |running: &Running, file: &str, words: &[&str]| {
            let words = [&[version, "-sess_out", file], words].concat();
            assert!(!is_resumed(&place.ask(running.address, &words)));
        };
        let goes_on = |running: &Running, file: &str, words: &[&str]| {
            is_resumed(&place.ask(running.address, &[&[version, "-sess_in", file], words].concat()))
        };
        out(&own, "own", &[]);
        out(&open, "open", &[]);
        out(&one, "one", &["-cert", "alice.pem"]);
        for (running, file, is_resumed) in [
            (&own, "own", true),
            (&open, "open", true),
            (&one, "one", true),
            // A replica with the same files.
            (&same, "one", true),
            (&open, "own", false),
            (&own, "open", false),
            (&one, "open", false),
            (&open, "one", false),
            (&two, "open", false),
            (&two, "one", false),
        ] {
            assert_eq!(goes_on(running, file, &[]), is_resumed, "{version} {file}");
        }
        // RFC 6066 §3: nor for another name.
        for words in [&["-servername", "b.test"][..], &["-servername", "127.0.0.1"]] {
            assert!(!goes_on(&own, "own", words), "{version} {words:?}");
        }
    }
}

#[test]
fn two_listeners_of_one_process_do_not_take_each_others_sessions() {
    let test = "two_listeners_of_one_process_do_not_take_each_others_sessions";
    let Some(place) = Place::new(test) else { return };
    let origin = telling();
    place.put("keys", &keys(1));
    let second = format!("127.0.0.1:{}", evenkeel_testkit::ports::free_port().unwrap());
    for keys in ["", "tls = { ticket_keys = \"@/keys\" }"] {
        let toml = [("web", "{bind}"), ("other", &*second)]
            .map(|(name, bind)| place.listener(name, bind, &origin, keys));
        let running = Running::from_toml_with(2, &toml.concat());
        assert!(!is_resumed(&place.ask(running.address, &["-sess_out", "web"])));
        assert!(is_resumed(&place.ask(running.address, &["-sess_in", "web"])));
        assert!(!is_resumed(&place.ask(second.parse().unwrap(), &["-sess_in", "web"])));
    }
}

/// F14: while keys change under load nobody is refused, and whoever has a ticket of a key that is still there resumes.
#[test]
fn keys_for_tickets_change_under_load_and_no_handshake_fails() {
    let test = "keys_for_tickets_change_under_load_and_no_handshake_fails";
    let Some(place) = Place::new(test) else { return };
    let origin = telling();
    place.put("keys", &keys(1));
    let running = place.listen(&origin, "tls = { ticket_keys = \"@/keys\" }");
    assert!(!is_resumed(&place.ask(running.address, &["-sess_out", "first"])));
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            for _ in 0..60 {
                is_resumed(&place.ask(running.address, &["-sess_in", "first"]));
            }
        });
        for number in 2..=4_u8 {
            place.put("keys", &(keys(number) + &keys(number - 1) + &keys(1)));
            let info = || running.process.stderr().matches("ticket keys").count();
            wait_until(LONG, || info() >= usize::from(number)).unwrap();
            assert!(is_resumed(&place.ask(running.address, &["-sess_in", "first"])));
        }
        load.join().unwrap();
    });
    assert_eq!(running.metric("evenkeel_tls_handshakes_total", "result=\"refused\""), 0);
    place.put("keys", &keys(4));
    let resumes = || is_resumed(&place.ask(running.address, &["-sess_in", "first"]));
    wait_until(LONG, || !resumes()).unwrap();
}

/// RFC 6066 §3 has neither, and clients send both.
#[test]
fn an_address_as_a_name_is_none_and_a_dot_at_its_end_nothing() {
    let test = "an_address_as_a_name_is_none_and_a_dot_at_its_end_nothing";
    let Some(place) = Place::new(test) else { return };
    let origin = telling();
    let running = place.listen(&origin, "");
    for name in ["127.0.0.1", "::1", "a.test.", "A.Test", "b.test."] {
        let said = place.ask(running.address, &["-servername", name]);
        assert!(said.contains(OK), "{name}: {said}");
    }
}

/// RFC 5746 and RFC 9325 §3.5: a client that would begin anew gets no.
#[test]
fn renegotiation_is_refused() {
    let Some(place) = Place::new("renegotiation_is_refused") else { return };
    let origin = telling();
    let running = place.listen(&origin, "");
    let mut child = Command::new(&place.openssl)
        .args(["s_client", "-connect", &running.address.to_string(), "-tls1_2"])
        .args(["-servername", "a.test"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A line with this letter alone begins anew; the input stays open, or it would be given up at once.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"R\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RENEGOTIATING") && said.contains("no renegotiation"), "{said}");
    drop(input);
    running.wait_for_metric("evenkeel_tls_handshakes_total", "result=\"full\"", 1);
}

#[test]
fn a_listener_without_its_authorities_does_not_start_and_one_with_says_who_may_read_its_keys() {
    let test =
        "a_listener_without_its_authorities_does_not_start_and_one_with_says_who_may_read_its_keys";
    let Some(place) = Place::new(test) else { return };
    let origin = telling();
    place.put("keys", &keys(1));
    let check = |text: &str| {
        fs::write(place.file("evenkeel.toml"), text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["check".as_ref(), "-c".as_ref(), place.file("evenkeel.toml").as_os_str()])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let absent = place.listener("web", "127.0.0.1:1", &origin, REQUIRED);
    let (code, said) = check(&absent);
    assert_eq!(code, Some(78), "{said}");
    for file in ["ca.pem does not exist", "list.pem does not exist"] {
        assert!(said.contains(file), "{said}");
    }
    set_mode(&place.file("keys"), 0o644);
    let keys = "tls = { ticket_keys = \"@/keys\" }";
    let (code, said) = check(&place.listener("web", "127.0.0.1:1", &origin, keys));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("keys may be read by everybody"), "{said}");
}

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A line of base64, another one for each number.
fn keys(number: u8) -> String {
    format!("{:02}", number).repeat(32) + "\n"
}

const DAY: Duration = Duration::from_hours(24);

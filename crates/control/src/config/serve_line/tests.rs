use std::path::PathBuf;

use evenkeel_plan::health::CheckKind;

use super::*;
use crate::config::CertificateSource;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_line_becomes_a_listener_with_endpoints_of_its_own() {
    let line = words(&["9001", "app:80", "9002*3", "!9003", "!9004*2"]);
    let config = parse("8080", &line, &ServeOptions::default()).unwrap().config;
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].binds, [Bind::Any(8080)]);
    assert_eq!(config.listeners[0].to.as_ref(), Some(&config.clusters[0].name));
    let endpoints: Vec<_> = config.clusters[0]
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.name.as_str(), endpoint.weight, endpoint.backup))
        .collect();
    let expected = [
        ("127.0.0.1:9001", 1, false),
        ("app:80", 1, false),
        ("127.0.0.1:9002", 3, false),
        ("127.0.0.1:9003", 1, true),
        ("127.0.0.1:9004", 2, true),
    ];
    assert_eq!(endpoints, expected);
    assert_eq!(config.clusters[0].health, [HealthCheck::default()]);
    assert_eq!(config.admin, AdminBind::Preferred(AdminBind::DEFAULT_ADDRESS));
}

#[test]
fn the_address_may_say_the_protocol() {
    for (listen, protocol, bind) in [
        ("http:8080", Protocol::Http, "0.0.0.0:8080"),
        ("http:127.0.0.1:8080", Protocol::Http, "127.0.0.1:8080"),
        ("http:[::1]:8080", Protocol::Http, "[::1]:8080"),
        ("[::1]:8080", Protocol::Http, "[::1]:8080"),
        (":8080", Protocol::Http, "0.0.0.0:8080"),
        ("tcp:5432", Protocol::Tcp, "0.0.0.0:5432"),
        ("tls:[::1]:443", Protocol::Tls, "[::1]:443"),
    ] {
        let config = parse(listen, &words(&["9001"]), &ServeOptions::default()).unwrap().config;
        let expected: std::net::SocketAddr = bind.parse().unwrap();
        let expected = match expected.ip().is_unspecified() {
            true => Bind::Any(expected.port()),
            false => Bind::Only(expected),
        };
        assert_eq!(config.listeners[0].binds, [expected], "{listen}");
        assert_eq!(config.listeners[0].protocol, protocol, "{listen}");
    }
}

#[test]
fn https_shows_the_certificate_for_development_and_http_shows_none() {
    let variable = |name: &str| (name == "STATE_DIRECTORY").then(|| "/state".into());
    let certificate = DevelopmentCertificate::of(variable);
    let options = ServeOptions { certificate, ..ServeOptions::default() };
    let listener = |listen| {
        let loaded = parse(listen, &words(&["9001"]), &options).unwrap();
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
        loaded.config.listeners[0].clone()
    };
    assert_eq!(listener("http:8443").tls, None);
    let secure = listener("https:127.0.0.1:8443");
    assert_eq!(secure.binds, [Bind::Only("127.0.0.1:8443".parse().unwrap())]);
    let tls = secure.tls.unwrap();
    let [CertificateSource::Files { cert, key: Some(key) }] = &tls.certificates[..] else {
        panic!("{tls:?}");
    };
    assert_eq!(cert.path, PathBuf::from("/state/development/localhost.crt"));
    assert_eq!(key.written, "/state/development/localhost.key");
}

#[test]
fn options_are_taken_over() {
    let options = ServeOptions {
        balance: Algorithm::Random,
        health: Some("/up".to_owned()),
        admin: Some("off".to_owned()),
        workers: WorkerCount::Fixed(3),
        access_log: Some(AccessFormat::Combined),
        ..ServeOptions::default()
    };
    let config = parse("8080", &words(&["9001"]), &options).unwrap().config;
    assert_eq!(config.clusters[0].balance, Algorithm::Random.into());
    let kind = config.clusters[0].health[0].kind.clone();
    assert!(matches!(kind, CheckKind::Http { path, .. } if &*path == "/up"));
    assert_eq!((config.admin, config.workers), (AdminBind::Off, WorkerCount::Fixed(3)));

    let access = config.access.unwrap();
    assert_eq!((access.log.format, access.path), (AccessFormat::Combined, AccessPath::Stdout));

    let options = ServeOptions { admin: Some("127.0.0.1:0".to_owned()), ..options };
    let config = parse("8080", &words(&["9001"]), &options).unwrap().config;
    assert_eq!(config.admin, AdminBind::Fixed("127.0.0.1:0".parse().unwrap()));
}

#[test]
fn every_mistake_of_a_line_is_shown_under_its_word() {
    let options = ServeOptions {
        health: Some("up".to_owned()),
        admin: Some("nowhere".to_owned()),
        workers: WorkerCount::Fixed(0),
        ..ServeOptions::default()
    };
    let line = words(&["99999", "9001*x", "app", "9002", "!9002*2"]);
    let report = parse("udp:53", &line, &options).unwrap_err();
    let line = &report.source().text;
    let said: Vec<(Code, &str)> = report
        .diagnostics()
        .iter()
        .map(|diagnostic| (diagnostic.code, &line[diagnostic.span.clone().unwrap()]))
        .collect();
    let expected = [
        (Code::Unsupported, "udp:53"),
        (Code::PortOutOfRange, "99999"),
        (Code::OutOfBounds, "9001*x"),
        (Code::PortMissing, "app"),
        (Code::DuplicateEndpoint, "!9002*2"),
        (Code::BadRequestPart, "up"),
        (Code::OutOfBounds, "0"),
        (Code::PortMissing, "nowhere"),
    ];
    assert_eq!(said, expected, "{report}");
}

#[test]
fn a_line_without_endpoints_is_an_error_at_its_end() {
    let report = parse("8080", &[], &ServeOptions::default()).unwrap_err();
    assert_eq!(report.diagnostics()[0].code, Code::NoEndpoints);
    assert!(report.to_string().contains("the command line:1:20"), "{report}");
}

#[test]
fn a_listener_that_sends_to_itself_is_warned_about() {
    let loaded = parse("8080", &words(&["8080"]), &ServeOptions::default()).unwrap();
    assert_eq!(loaded.warnings.diagnostics()[0].code, Code::SendsToItself);
}

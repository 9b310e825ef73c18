use evenkeel_control::admin::{
    LastCheck, ListenerStatus, RouteStatus, StandingStatus, TargetStatus,
};
use evenkeel_control::config::{
    Config, ConfigFile, DevelopmentCertificate, Loaded, Seen, ServeOptions, serve_line,
};

use super::*;

fn plain() -> Palette {
    Palette::new(false)
}

fn service(toml: &str, kept: Kept) -> Service {
    let Loaded { config, warnings, .. } = Config::parse("test.toml", toml).unwrap();
    Service { config, warnings, kept, development: None }
}

fn endpoint(name: &str, state: EndpointState) -> EndpointStatus {
    EndpointStatus {
        name: name.to_owned(),
        address: None,
        state,
        forced: None,
        standing: StandingStatus::Up,
        reason: None,
        since_unix_seconds: None,
        weight: 1,
        backup: false,
        priority: 0,
        zone: None,
        labels: Default::default(),
        in_flight: 0,
        limit: None,
        adaptive_limit: None,
        requests: 0,
        failures: 0,
        responses: Default::default(),
        latency: None,
        latency_counts: Vec::new(),
        last_check: None,
        checks: Vec::new(),
    }
}

fn checked(passed: bool, detail: &str) -> Option<LastCheck> {
    let detail = detail.to_owned();
    Some(LastCheck { passed, detail, at_unix_seconds: 0.0, took_seconds: 0.0003 })
}

fn listener(name: &str, bind: &str, cluster: &str) -> ListenerStatus {
    ListenerStatus {
        name: name.to_owned(),
        binds: vec![bind.to_owned()],
        cluster: Some(cluster.to_owned()),
        routes: vec![RouteStatus {
            name: "/*".to_owned(),
            host: "*".to_owned(),
            path: "/*".to_owned(),
            to: vec![TargetStatus { cluster: cluster.to_owned(), weight: 1 }],
            labels: Default::default(),
            requests: [0; 5].into(),
            streams: None,
            admission: Default::default(),
        }],
        connections: 0,
        active: 0,
        refused: Default::default(),
        requests: [0; 5].into(),
        streams: None,
        redirect_to_https: None,
        admission: Default::default(),
        tls: None,
    }
}

fn status(listeners: Vec<ListenerStatus>, clusters: Vec<(&str, Vec<EndpointStatus>)>) -> Status {
    let cluster = |(name, endpoints): (&str, Vec<EndpointStatus>)| ClusterStatus {
        name: name.to_owned(),
        algorithm: "least-request".to_owned(),
        in_service: endpoints.len(),
        well: endpoints.len(),
        panic: None,
        working: endpoints.len(),
        last_resort: None,
        pending: 0,
        shed: Default::default(),
        endpoints,
        tls: None,
    };
    Status {
        version: "1.2.3".to_owned(),
        uptime_seconds: 0.0,
        generation: 1,
        workers: 1,
        ready: true,
        draining: false,
        latency_bounds_seconds: Vec::new(),
        listeners,
        clusters: clusters.into_iter().map(cluster).collect(),
        ..Status::default()
    }
}

#[test]
fn one_cluster_is_shown_with_the_state_of_each_endpoint_and_why() {
    let toml = "[listener.web]\nbind = ':8080'\nto = ['127.0.0.1:9001', '127.0.0.1:9002', 'a:1']";
    let service = service(toml, Kept::Nowhere);
    let status = status(
        vec![listener("web", ":8080", "web")],
        vec![(
            "web",
            vec![
                EndpointStatus {
                    last_check: checked(true, "passed"),
                    weight: 3,
                    ..endpoint("127.0.0.1:9001", EndpointState::Up)
                },
                EndpointStatus {
                    last_check: checked(false, "connection refused"),
                    backup: true,
                    ..endpoint("127.0.0.1:9002", EndpointState::Down)
                },
                EndpointStatus {
                    reason: Some("name does not resolve: no".to_owned()),
                    ..endpoint("a:1", EndpointState::Unresolved)
                },
            ],
        )],
    );
    let admin = Some(Address::Tcp("127.0.0.1:9900".parse().unwrap()));
    let picture = Picture { service: &service, status: &status, admin, palette: plain() };
    let expected = "\
evenkeel 1.2.3  http :8080 → 3 endpoints, least-request, checked by TCP every 2 s
  ✓ 127.0.0.1:9001   up     300 µs   (weight 3)
  ✗ 127.0.0.1:9002   down   connection refused; will keep trying   (backup)
  ? a:1              unresolved   name does not resolve: no; will keep trying
admin http://127.0.0.1:9900   ·   keep this as a file: --save evenkeel.toml
";
    assert_eq!(picture.to_string(), expected);
}

#[test]
fn several_clusters_are_named_and_checks_may_be_off() {
    let toml = "[listener.a]\nbind = ':1'\nto = 'x'\n[listener.b]\nbind = ':2'\nto = 'y'\n\
                [cluster.x]\nendpoints = ['127.0.0.1:3']\nhealth = false\n\
                [cluster.y]\nendpoints = ['127.0.0.1:4']\n\
                health = { path = '/up', interval = '1500ms', timeout = '1s' }\n";
    let file = ConfigFile { path: "e.toml".into(), workers: None };
    let service = service(toml, Kept::Read(file, Seen::default()));
    let one = |name| vec![endpoint(name, EndpointState::Unchecked)];
    let status = status(
        vec![
            listener("a", ":1", "x"),
            listener("b", ":2", "y"),
            ListenerStatus {
                cluster: None,
                routes: Vec::new(),
                redirect_to_https: Some(443),
                ..listener("plain", ":80", "x")
            },
        ],
        vec![("x", one("127.0.0.1:3")), ("y", one("127.0.0.1:4"))],
    );
    let picture = Picture { service: &service, status: &status, admin: None, palette: plain() };
    let expected = "\
evenkeel 1.2.3
http :1 → x: 1 endpoint, least-request, not checked
  · 127.0.0.1:3   unchecked
http :2 → y: 1 endpoint, least-request, checked by HTTP /up every 1500 ms
  · 127.0.0.1:4   unchecked
http :80 → https :443 by redirect
admin off   ·   config e.toml
";
    assert_eq!(picture.to_string(), expected);
}

#[test]
fn who_comes_by_https_is_told_how_to_trust_what_it_is_shown() {
    let variable = |name: &str| (name == "STATE_DIRECTORY").then(|| "/state".into());
    let certificate = DevelopmentCertificate::of(variable);
    let file = "/state/development/localhost.crt";
    let trust = |url| {
        format!(
            "try {url}   ·   a browser asks once: the certificate is this machine's own\n    curl --cacert {file} {url}"
        )
    };
    let elsewhere =
        format!("certificate {file}   ·   good only for localhost and this machine's name");
    for (bind, said) in [
        (":8443", trust("https://localhost:8443/")),
        ("127.0.0.1:8443", trust("https://127.0.0.1:8443/")),
        ("[::1]:443", trust("https://[::1]:443/")),
        ("192.0.2.1:443", elsewhere),
    ] {
        let options = ServeOptions { certificate: certificate.clone(), ..ServeOptions::default() };
        let listen = format!("https:{bind}");
        let loaded = serve_line::parse(&listen, &["9001".to_owned()], &options).unwrap();
        let service = Service {
            config: loaded.config,
            warnings: loaded.warnings,
            kept: Kept::Nowhere,
            development: Some(certificate.clone()),
        };
        let endpoints = vec![endpoint("127.0.0.1:9001", EndpointState::Unchecked)];
        let status = status(vec![listener("web", bind, "web")], vec![("web", endpoints)]);
        let picture = Picture { service: &service, status: &status, admin: None, palette: plain() };
        let expected = format!(
            "\
evenkeel 1.2.3  https {bind} → 1 endpoint, least-request, checked by TCP every 2 s
  · 127.0.0.1:9001   unchecked
{said}
admin off   ·   keep this as a file: --save evenkeel.toml
"
        );
        assert_eq!(picture.to_string(), expected);
    }
}

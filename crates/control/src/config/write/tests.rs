use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use evenkeel_plan::balance::SameSite;
use evenkeel_plan::balance::hash::maglev::TableSize;
use evenkeel_plan::balance::hash::{HashKey, KeySource};
use evenkeel_plan::budget::Allowance;
use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::errors::ErrorPage;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::hedge::{After, Hedging};
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts, Protocol};
use evenkeel_plan::overload::{Adapts, Limits};
use evenkeel_plan::rate::{Per, Prefixes, Quota, Rate, RateKey};
use evenkeel_plan::rebalance::Kind;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::retry::{RetryPolicy, Trigger, Triggers};
use evenkeel_plan::route::{HostPattern, PathPattern};
use evenkeel_plan::tls::Origination;
use evenkeel_plan::{breaker, outlier, rebalance};
use evenkeel_proto::path::PathRules;
use ipnet::IpNet;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::decode::{DIRECTORY_DEFAULT, STATE_DEFAULT, STATUS_DEFAULT};
use super::super::files::Files;
use super::super::model::{
    AcmeConfig, AdmissionConfig, CertificateSource, ChallengeConfig, ClientAuthConfig,
    ConnectionRateConfig, ConnectionsConfig, ErrorsConfig, FilePlace, HstsConfig, HttpsPort,
    ListenerConfig, OriginationConfig, PageConfig, RateLimitConfig, RouteConfig, TlsConfig, Trust,
};
use super::super::words::{ACME_KEYS, AMBIGUITY, EMPTY_SEGMENTS, TLS_VERSIONS, UNUSUAL_NAMES};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_as_the_same_config(config in configs()) {
        let text = to_toml(&config);
        let read = Config::parse_with("written.toml", &text, &Echo);
        let read = read.map_err(|report| TestCaseError::fail(format!("{report}\n{text}")))?;
        prop_assert_eq!(read.config, config, "{}", text);
    }
}

#[test]
fn a_serve_line_is_saved_in_a_few_lines() {
    let options = super::super::ServeOptions {
        balance: Algorithm::Random,
        health: Some("/up".to_owned()),
        access_log: Some(AccessFormat::Json),
        ..Default::default()
    };
    let endpoints = ["9001", "!9002*3"].map(str::to_owned);
    let config = super::super::serve_line::parse("8080", &endpoints, &options).unwrap().config;
    let expected = "
[listener.web]
bind = \":8080\"
to = [\"127.0.0.1:9001\", { address = \"127.0.0.1:9002\", weight = 3, backup = true }]
balance = \"random\"
health = \"/up\"

[log]
access = true
";
    assert_eq!(to_toml(&config), format!("{HEADER}{expected}"));
}

#[test]
fn an_access_log_is_written_in_its_shortest_form() {
    let written = |format, path: Option<&str>, keep| {
        let path = path.map_or(AccessPath::Stdout, |path| AccessPath::File(path.into()));
        let mut table = Table::default();
        add_access(&mut table, &AccessConfig { log: AccessLog { format, keep }, path });
        table.lines()
    };
    let (json, combined) = (AccessFormat::Json, AccessFormat::Combined);
    assert_eq!(written(json, None, Kept::All), "access = true\n");
    assert_eq!(written(combined, None, Kept::All), "access = \"combined\"\n");
    assert_eq!(written(json, Some("a"), Kept::All), "access = { path = \"a\" }\n");
    let all = "access = { format = \"combined\", path = \"a\", keep = \"errors\" }\n";
    assert_eq!(written(combined, Some("a"), Kept::Errors), all);
}

// === Configs ===

/// Every file says what it is called.
struct Echo;

impl Files for Echo {
    fn read(&self, path: &Path, _bytes_max: u64) -> io::Result<Vec<u8>> {
        Ok(format!("this is {}", path.display()).into_bytes())
    }

    fn list(&self, _folder: &Path) -> io::Result<Vec<OsString>> {
        Ok(Vec::new())
    }

    fn is_directory(&self, _path: &Path) -> Option<bool> {
        None
    }
}

/// Configs that a file can say. Listeners and clusters share some names, so that both forms are written.
fn configs() -> impl Strategy<Value = Config> {
    let workers =
        prop_oneof![Just(WorkerCount::Auto), (1..=1024_usize).prop_map(WorkerCount::Fixed)];
    let admin = prop_oneof![
        Just(AdminBind::Off),
        Just(AdminBind::Fixed(AdminBind::DEFAULT_ADDRESS)),
        Just(AdminBind::Fixed(SocketAddr::from(([10, 0, 0, 1], 0)))),
        Just(AdminBind::Unix("/run/evenkeel.sock".into())),
    ];
    let names = Just(["web", "api", "a.b", "x-1", "_y"].map(str::to_owned).to_vec()).prop_shuffle();
    let parts = (names.clone(), vec(clusters(), 1..5), names, vec(listeners(), 1..5));
    let log = (select(&LogLevel::ALL[..]), option::of(accesses()));
    let top = (workers, durations(0), option::of(labels()));
    (top, parts, admin, log, (routes(), acmes())).prop_map(
        |(
            (workers, drain, zone),
            (cluster_names, mut clusters, names, mut listeners),
            admin,
            (log_level, access),
            (routes, acme),
        )| {
            for (cluster, name) in clusters.iter_mut().zip(cluster_names) {
                cluster.name = name;
            }
            for (position, (listener, name)) in listeners.iter_mut().zip(names).enumerate() {
                listener.to = Some(clusters[position % clusters.len()].name.clone());
                if clusters.iter().any(|cluster| cluster.name == name) {
                    listener.to = Some(name.clone());
                }
                listener.name = name;
                move_ports(&mut listener.binds, position);
            }
            let sources = listeners.iter_mut().filter_map(|it| it.tls.as_mut());
            for (tls, acme) in sources.zip(&acme) {
                let (name, file) = (acme.name.clone(), acme.file());
                tls.certificates.push(CertificateSource::Acme { name, file });
            }
            let routes = fit(routes, &mut listeners, &clusters);
            Config {
                workers,
                drain,
                zone,
                listeners,
                routes,
                acme,
                clusters,
                admin,
                admin_token: None,
                log_level,
                access,
            }
        },
    )
}

/// Routes whose listeners and clusters are numbers, for [`fit`].
fn routes() -> impl Strategy<Value = Vec<(Vec<usize>, RouteConfig)>> {
    let host = select(vec![
        HostPattern::Any,
        HostPattern::Exact("a.example".into()),
        HostPattern::Exact("[::1]".into()),
        HostPattern::Below("example".into()),
    ]);
    let path = select(vec![
        PathPattern::Any,
        PathPattern::Exact("/".into()),
        PathPattern::Exact("/a%2Ab".into()),
        PathPattern::Below("/a".into()),
    ]);
    let to = vec((0..5_usize, 0..=65_535_u32), 1..4);
    let exchange = option::of(option::of(durations(1)));
    let labels = prop_oneof![Just(Labels::default()), Just(one_label())];
    let parts = (vec(0..5_usize, 1..3), any::<bool>(), (host, path), (to, labels), exchange);
    let parts = (parts, admissions(), any::<bool>());
    let route = parts.prop_map(|(parts, admission, grpc_web)| {
        let (listeners, named, (host, path), (to, labels), exchange_timeout) = parts;
        let name = named.then(String::new);
        let to = to.into_iter().map(|(cluster, weight)| (cluster.to_string(), weight)).collect();
        let found = Vec::new();
        let route = RouteConfig {
            name,
            listeners: found,
            host,
            path,
            alpn: Box::default(),
            to,
            labels,
            admission,
            exchange_timeout,
            grpc_web,
        };
        (listeners, route)
    });
    vec(route, 0..6)
}

/// Gives routes the names of listeners and clusters, and leaves out those that would tie. Some listeners leave all to routes.
fn fit(
    routes: Vec<(Vec<usize>, RouteConfig)>,
    listeners: &mut [ListenerConfig],
    clusters: &[ClusterConfig],
) -> Vec<RouteConfig> {
    let mut taken = HashSet::new();
    let mut fitting = Vec::new();
    for (number, (positions, mut route)) in routes.into_iter().enumerate() {
        let everything = (&route.host, &route.path) == (&HostPattern::Any, &PathPattern::Any);
        if everything || !taken.insert((route.host.clone(), route.path.clone())) {
            continue;
        }
        let may_have = |position: &usize| match listeners[*position].protocol {
            Protocol::Http => true,
            Protocol::Tcp => false,
            Protocol::Tls => route.path == PathPattern::Any && !route.grpc_web,
        };
        let positions = positions.iter().map(|position| position % listeners.len());
        let positions: BTreeSet<usize> = positions.filter(may_have).collect();
        if positions.is_empty() {
            continue;
        }
        if positions.iter().all(|position| listeners[*position].protocol == Protocol::Tls) {
            route.alpn = ["h2".into(), "a\"b".into()].into_iter().take(number % 3).collect();
        }
        for position in positions {
            route.listeners.push(listeners[position].name.clone());
            let own = clusters.iter().any(|cluster| cluster.name == listeners[position].name);
            if number % 2 == 0 && !own {
                listeners[position].to = None;
            }
        }
        if route.name.is_some() {
            route.name = Some(format!("r{number}"));
        }
        let mut seen = HashSet::new();
        route.to.retain_mut(|(cluster, _)| {
            let position = cluster.parse::<usize>().unwrap() % clusters.len();
            cluster.clone_from(&clusters[position].name);
            seen.insert(position)
        });
        route.to[0].1 = route.to[0].1.max(1);
        let has_labels = |name: &str| {
            let cluster = clusters.iter().find(|cluster| cluster.name == name);
            let mut endpoints = cluster.into_iter().flat_map(|cluster| &cluster.endpoints);
            endpoints.any(|endpoint| endpoint.labels == route.labels)
        };
        if !route.to.iter().all(|(cluster, _)| has_labels(cluster)) {
            route.labels = Labels::default();
        }
        fitting.push(route);
    }
    fitting
}

/// Gives each bind a port that no other listener has.
fn move_ports(binds: &mut [Bind], listener: usize) {
    for (position, bind) in binds.iter_mut().enumerate() {
        let port = u16::try_from(1000 + listener * 100 + position).unwrap();
        match bind {
            Bind::Any(any) => *any = port,
            Bind::Only(address) => address.set_port(port),
            Bind::Inherited(name) => *name = format!("{name}{port}").into(),
        }
    }
}

fn listeners() -> impl Strategy<Value = ListenerConfig> {
    let protocols =
        prop_oneof![2 => Just(Protocol::Http), 1 => Just(Protocol::Tcp), 1 => Just(Protocol::Tls)];
    (http_listeners(), protocols).prop_map(|(listener, protocol)| with_protocol(listener, protocol))
}

fn http_listeners() -> impl Strategy<Value = ListenerConfig> {
    let bind = prop_oneof![
        Just(Bind::Any(1)),
        any::<std::net::IpAddr>().prop_map(|ip| Bind::Only(SocketAddr::new(ip, 1))),
        "[ -9;-~]{1,9}".prop_map(|name| Bind::Inherited(name.into())),
    ];
    let sizes = (256..=1_048_576_usize, 8..=256_usize, 256..=1_048_576_usize);
    let limits = (sizes, option::of(1..=u64::MAX), 1..=1024_u32);
    let timeouts = [durations(1), durations(1), durations(1), durations(1), durations(1)];
    let secure = option::of((tls(), default_or(durations(1)), option::of(hsts())));
    let ports = prop_oneof![Just(HttpsPort::Ours), (1..=u16::MAX).prop_map(HttpsPort::Only)];
    let secure = (secure, option::of(ports));
    let bounds = (default_or(timeouts), default_or(limits), any::<bool>());
    let names = select(UNUSUAL_NAMES.map(|(_, names)| names).to_vec());
    let rules = (path_rules(), names, errors());
    let who = (networks(), admissions(), connections());
    (vec(bind, 1..3), who, bounds, rules, secure).prop_map(
        |(
            binds,
            who,
            (timeouts, limits, http2),
            (paths, header_names, errors),
            (secure, redirect),
        )| {
            let (trusted_proxies, admission, connections) = who;
            // What has no effect cannot be said.
            let redirect_to_https = redirect.filter(|_| secure.is_none());
            let (tls, handshake, hsts) = secure
                .map_or((None, None, None), |(tls, handshake, hsts)| (Some(tls), handshake, hsts));
            let handshake = handshake.unwrap_or(DownstreamTimeouts::default().tls);
            ListenerConfig {
                name: String::new(),
                binds,
                protocol: Protocol::Http,
                http2,
                to: None,
                admission,
                connections,
                trusted_proxies,
                timeouts: timeouts.map_or_else(
                    || DownstreamTimeouts { tls: handshake, ..Default::default() },
                    |[header, body, keep_alive, write, tunnel]| DownstreamTimeouts {
                        tls: handshake,
                        header,
                        body,
                        keep_alive,
                        write,
                        tunnel,
                    },
                ),
                limits: limits.map_or_else(
                    Default::default,
                    |((header_bytes, header_count, target_bytes), body, streams)| {
                        DownstreamLimits { header_bytes, header_count, target_bytes, body, streams }
                    },
                ),
                paths,
                header_names,
                errors,
                tls: tls.map(|tls| TlsConfig { http2, ..tls }),
                redirect_to_https,
                hsts,
            }
        },
    )
}

/// The listener if it had that protocol, without what has no effect then and so cannot be said.
fn with_protocol(listener: ListenerConfig, protocol: Protocol) -> ListenerConfig {
    if protocol == Protocol::Http {
        return listener;
    }
    let tls = listener.tls.filter(|_| protocol == Protocol::Tcp);
    let is_tls = tls.is_some() || protocol == Protocol::Tls;
    let DownstreamTimeouts { tls: handshake, tunnel, .. } = listener.timeouts;
    let default = DownstreamTimeouts::default();
    ListenerConfig {
        protocol,
        http2: true,
        tls: tls.map(|tls| TlsConfig { carries: protocol, http2: true, ..tls }),
        timeouts: DownstreamTimeouts {
            tls: if is_tls { handshake } else { default.tls },
            tunnel,
            ..default
        },
        trusted_proxies: Vec::new(),
        limits: DownstreamLimits::default(),
        paths: PathRules::default(),
        header_names: Default::default(),
        errors: ErrorsConfig::default(),
        redirect_to_https: None,
        hsts: None,
        ..listener
    }
}

fn tls() -> impl Strategy<Value = TlsConfig> {
    let path = || "[a-z$\"/]{0,9}[a-z]".prop_map(FilePlace::from);
    let files = (path(), option::of(path()));
    let source = prop_oneof![
        path().prop_map(CertificateSource::Directory),
        files.prop_map(|(cert, key)| CertificateSource::Files { cert, key }),
    ];
    let versions = select(TLS_VERSIONS.map(|(_, version)| version).to_vec());
    let auth = (any::<bool>(), vec(path(), 1..3), vec(path(), 0..2));
    let auth = auth.prop_map(|(is_required, authorities, revocations)| ClientAuthConfig {
        is_required,
        authorities,
        revocations,
    });
    (vec(source, 1..3), versions, option::of(auth), option::of(path())).prop_map(
        |(certificates, min_version, client_auth, ticket_keys)| TlsConfig {
            carries: Protocol::Http,
            http2: true,
            certificates,
            min_version,
            client_auth,
            ticket_keys,
        },
    )
}

fn acmes() -> impl Strategy<Value = Vec<AcmeConfig>> {
    let dns = (vec("[a-z /$\"]{1,9}", 0..3), durations(0), durations(0));
    let dns = dns.prop_map(|(arguments, timeout, wait)| ChallengeConfig::Dns01 {
        command: ["/bin/true".to_owned()].into_iter().chain(arguments).map(Box::from).collect(),
        timeout,
        wait,
    });
    let simple = select(vec![ChallengeConfig::Http01, ChallengeConfig::TlsAlpn01]);
    let place = || "[a-z$\"/]{0,9}[a-z]".prop_map(FilePlace::from);
    let state = prop_oneof![
        place(),
        Just(FilePlace { written: String::new(), path: STATE_DEFAULT.into() }),
    ];
    let who = (vec("[a-z]{1,9}[.]example", 1..3), option::of("[a-z]{1,9}@[a-z]{1,9}"));
    let what = (select(ACME_KEYS.map(|(_, key)| key).to_vec()), option::of("[a-z]{1,9}"));
    let directory = select(vec![DIRECTORY_DEFAULT, "https://ca.example:14000/dir"]);
    let parts = (who, directory, prop_oneof![dns, simple], what, (option::of(place()), state));
    let one = parts.prop_map(
        |((mut names, email), directory, challenge, (key, profile), (ca, state))| {
            names.dedup();
            AcmeConfig {
                name: String::new(),
                names,
                directory: directory.to_owned(),
                email,
                challenge,
                key,
                profile,
                binding: None,
                ca,
                state,
            }
        },
    );
    vec(one, 0..3).prop_map(|mut all| {
        for (position, acme) in all.iter_mut().enumerate() {
            acme.name = format!("acme-{position}");
        }
        all
    })
}

fn hsts() -> impl Strategy<Value = HstsConfig> {
    let flags = (any::<bool>(), any::<bool>());
    (0..=31_536_000_u64, flags).prop_map(|(seconds, (include_subdomains, preload))| HstsConfig {
        max_age: Duration::from_secs(seconds),
        include_subdomains,
        preload,
    })
}

fn networks() -> impl Strategy<Value = Vec<IpNet>> {
    let network = |(ip, prefix): (std::net::IpAddr, u8)| IpNet::new(ip, prefix).unwrap();
    let v4 = (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(ip, prefix)| (ip.into(), prefix));
    let v6 = (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(ip, prefix)| (ip.into(), prefix));
    vec(prop_oneof![v4, v6].prop_map(network), 0..3)
}

fn quotas() -> impl Strategy<Value = Quota> {
    (1..=1000_u32, select(Per::ALL.to_vec()), option::of(1..=5000_u32))
        .prop_map(|(count, per, burst)| Quota::new(Rate { count, per }, burst.unwrap_or(count)))
}

fn prefixes() -> impl Strategy<Value = Prefixes> {
    default_or((0..=32_u8, 0..=128_u8))
        .prop_map(|some| some.map_or_else(Prefixes::default, |(v4, v6)| Prefixes { v4, v6 }))
}

fn admissions() -> impl Strategy<Value = AdmissionConfig> {
    let sources = ["client", "host", "path", "header:x-key", "cookie:id", "query:id"];
    let source = select(sources.to_vec()).prop_map(|text| text.parse::<KeySource>().unwrap());
    let flags = (any::<bool>(), any::<bool>());
    let limit = (quotas(), vec(source, 1..3), prefixes(), flags, 8..=(1_u32 << 24));
    let limit = limit.prop_map(|(quota, sources, prefixes, (dry_run, headers), entries)| {
        let key = RateKey { sources: sources.into(), prefixes };
        RateLimitConfig { quota, key, dry_run, headers, entries }
    });
    let limit = prop_oneof![quotas().prop_map(RateLimitConfig::new), limit];
    let parts = (networks(), networks(), vec(limit, 0..3));
    parts.prop_map(|(allow, deny, limits)| AdmissionConfig { allow, deny, limits })
}

fn connections() -> impl Strategy<Value = ConnectionsConfig> {
    let rate = (quotas(), prefixes(), 8..=(1_u32 << 24))
        .prop_map(|(quota, prefixes, entries)| ConnectionRateConfig { quota, prefixes, entries });
    let rate = prop_oneof![quotas().prop_map(ConnectionRateConfig::new), rate];
    let counts = || option::of(1..=u32::MAX);
    (counts(), counts(), option::of(rate)).prop_map(|(max, per_client, rate)| ConnectionsConfig {
        max,
        per_client,
        rate,
    })
}

fn path_rules() -> impl Strategy<Value = PathRules> {
    let rule = || select(AMBIGUITY.map(|(_, rule)| rule).to_vec());
    let empty = select(EMPTY_SEGMENTS.map(|(_, rule)| rule).to_vec());
    ([rule(), rule(), rule(), rule(), rule(), rule()], empty).prop_map(|(rules, empty_segments)| {
        let [encoded_slash, encoded_nul, backslash, overlong_utf8, bad_escape, dot_segments] =
            rules;
        PathRules {
            encoded_slash,
            encoded_nul,
            backslash,
            overlong_utf8,
            bad_escape,
            dot_segments,
            empty_segments,
        }
    })
}

fn errors() -> impl Strategy<Value = ErrorsConfig> {
    let kinds = [
        ("html", "text/html; charset=utf-8"),
        ("json", "application/json"),
        ("txt", "text/plain; charset=utf-8"),
    ];
    let files = ("[^\0]{0,8}[a-z]", select(kinds.to_vec()));
    let pages = vec((prop_oneof![400..=599_u16, Just(4), Just(5)], files), 0..4);
    (any::<bool>(), pages).prop_map(|(reason_header, pages)| {
        let page = |(status, (name, (extension, media_type))): (u16, (String, (&str, &str)))| {
            let file = format!("{name}.{extension}");
            let statuses =
                if status < 10 { status * 100..=status * 100 + 99 } else { status..=status };
            let template = format!("this is {file}").into();
            PageConfig {
                file,
                page: ErrorPage { statuses, media_type: media_type.into(), template },
            }
        };
        let mut pages: Vec<PageConfig> = pages.into_iter().map(page).collect();
        let order = |page: &PageConfig| (page.page.statuses.len(), *page.page.statuses.start());
        pages.sort_by_key(order);
        pages.dedup_by_key(|page| order(page));
        ErrorsConfig { reason_header, pages }
    })
}

fn accesses() -> impl Strategy<Value = AccessConfig> {
    let format = select(ACCESS_FORMATS.map(|(_, format)| format).to_vec());
    let keep = select(KEPT.map(|(_, keep)| keep).to_vec());
    let path = prop_oneof![
        Just(AccessPath::Stdout),
        "[^\0]{0,12}[a-z]".prop_map(|path| AccessPath::File(path.into()))
    ];
    (format, keep, path)
        .prop_map(|(format, keep, path)| AccessConfig { log: AccessLog { format, keep }, path })
}

fn clusters() -> impl Strategy<Value = ClusterConfig> {
    let timeouts = ([durations(1), durations(1), durations(1)], option::of(durations(1)));
    // How long a handshake may take is said only where there is one.
    let tls = option::of((originations(), durations(1)));
    let pools = (durations(1), 0..=65_535_usize);
    let pools = (pools, option::of(durations(1)), option::of(1..=1_000_000_000_u32)).prop_map(
        |((idle, max_idle), max_age, max_requests)| PoolLimits {
            idle,
            max_idle,
            max_age,
            max_requests,
        },
    );
    let deadline_header = option::of(Just("x-time-left".to_owned()));
    let http = select(HTTP_VERSIONS.map(|(_, version)| version).to_vec());
    let pools = (
        default_or(pools),
        deadline_header,
        resiliences(),
        (default_or(overload_limits()), option::of(rebalances())),
    );
    let use_of_it = (balances(), (eligibilities(), stickies()), vec(checks(), 0..4));
    (vec(endpoints(), 1..4), use_of_it, (default_or(timeouts), tls, http), pools).prop_map(
        |(
            mut endpoints,
            (balance, (eligibility, sticky), health),
            (timeouts, tls, http),
            (pool, deadline_header, resilience, (limits, rebalance)),
        )| {
            let (mut tls, handshake) = tls.unzip();
            let nameless = |it: &EndpointConfig| Origination::host_name(&it.name).is_none();
            if let Some(tls) = tls.as_mut().filter(|_| endpoints.iter().any(nameless)) {
                tls.server_name.get_or_insert_with(|| "a.test".into());
            }
            let default = UpstreamTimeouts::default();
            let handshake = handshake.unwrap_or(default.tls);
            endpoints[0].weight = endpoints[0].weight.max(1);
            endpoints.sort_by(|a, b| a.name.cmp(&b.name));
            endpoints.dedup_by(|a, b| a.name == b.name);
            endpoints[0].weight = endpoints[0].weight.max(1);
            ClusterConfig {
                name: String::new(),
                endpoints,
                balance,
                eligibility,
                sticky,
                health,
                tls: tls.map(|tls| OriginationConfig { http, ..tls }),
                http,
                timeouts: timeouts.map_or(
                    UpstreamTimeouts { tls: handshake, ..default },
                    |([connect, first_byte, idle], exchange)| UpstreamTimeouts {
                        tls: handshake,
                        connect,
                        first_byte,
                        idle,
                        exchange,
                    },
                ),
                deadline_header,
                pool: pool.unwrap_or_default(),
                resilience,
                limits: limits.unwrap_or_default(),
                rebalance,
            }
        },
    )
}

fn rebalances() -> impl Strategy<Value = rebalance::Settings> {
    let kinds = subsequence(Kind::ALL.to_vec(), 1..=Kind::ALL.len());
    (1..=1_000_u32, durations(0), 0..=100_u32, kinds).prop_map(|(pace, min_age, margin, kinds)| {
        rebalance::Settings {
            pace: f64::from(pace) / 10.0,
            min_age,
            margin: f64::from(margin) / 100.0,
            kinds: kinds.into_iter().collect(),
        }
    })
}

fn originations() -> impl Strategy<Value = OriginationConfig> {
    let file = || "[^\0/]{0,6}[a-z]".prop_map(FilePlace::from);
    let trust = prop_oneof![
        Just(Trust::System),
        Just(Trust::Anybody),
        file().prop_map(Trust::Authorities),
    ];
    let name = option::of("[a-z]{1,8}(\\.[a-z]{1,8})?".prop_map(String::into_boxed_str));
    let certificate = (file(), option::of(file()))
        .prop_map(|(cert, key)| CertificateSource::Client { cert, key });
    (trust, name, option::of(certificate)).prop_map(|(trust, server_name, certificate)| {
        OriginationConfig { trust, server_name, certificate, http: HttpVersion::default() }
    })
}

fn overload_limits() -> impl Strategy<Value = Limits> {
    let most = || option::of(1..=1_000_000_u32);
    let counts = (most(), most(), 0..=65_535_u32);
    let adapts = select(vec![Adapts::Never, Adapts::InNeed, Adapts::Always]);
    (counts, durations(1), adapts, option::of("[a-z-]{1,12}")).prop_map(
        |((connections, requests, pending), pending_wait, adaptive, priority)| Limits {
            connections,
            requests,
            pending,
            pending_wait,
            adaptive,
            priority: priority.map(Box::from),
        },
    )
}

fn resiliences() -> impl Strategy<Value = Resilience> {
    let all = (default_or(retries()), outliers(), breakers(), option::of(hedges()));
    all.prop_map(|(retry, outlier, breaker, hedge)| Resilience {
        retry: retry.unwrap_or_default(),
        outlier,
        breaker,
        hedge,
    })
}

fn outliers() -> impl Strategy<Value = Option<outlier::Settings>> {
    let share = || option::of((0..=1000_u32).prop_map(|it| f64::from(it) / 10.0 / 100.0));
    let counts = (option::of(1..=10_000_u32), 1..=1_000_000_u32);
    let deviations = option::of((5..=100_u32).prop_map(|it| f64::from(it) / 10.0));
    let durations = ([durations(1), durations(1), durations(1)], option::of(durations(1)));
    let settings = (counts, share(), share(), deviations, durations).prop_map(
        |((consecutive, min_requests), failure_rate, most, deviations, (times, stall))| {
            let [window, eject, eject_max] = times;
            let max_ejected = most.unwrap_or(0.5);
            outlier::Settings {
                consecutive,
                failure_rate,
                deviations,
                min_requests,
                window,
                eject,
                eject_max,
                max_ejected,
                stall,
            }
        },
    );
    option::of(prop_oneof![Just(outlier::Settings::default()), settings])
}

fn breakers() -> impl Strategy<Value = Option<breaker::Settings>> {
    let share = || option::of((0..=1000_u32).prop_map(|it| f64::from(it) / 10.0 / 100.0));
    let durations = [durations(1), durations(1), durations(1)];
    let settings = (share(), share(), durations, 1..=4096_u32, 1..=63_u8).prop_map(
        |(failure_rate, slow_rate, [slow, window, cool_down], min_requests, trials)| {
            breaker::Settings {
                failure_rate,
                slow_rate,
                slow,
                min_requests,
                window,
                cool_down,
                trials,
            }
        },
    );
    option::of(prop_oneof![Just(breaker::Settings::default()), settings])
}

fn hedges() -> impl Strategy<Value = Hedging> {
    let quantile = (500..=999_u32).prop_map(|it| After::Quantile(f64::from(it) / 10.0 / 100.0));
    let after = prop_oneof![quantile, durations(1).prop_map(After::Fixed)];
    (after, 0..=100_u32).prop_map(|(after, share)| Hedging {
        after,
        budget: Allowance { share: f64::from(share) / 100.0, per_second: 0.0 },
    })
}

fn retries() -> impl Strategy<Value = RetryPolicy> {
    let on = vec(select(&Trigger::ALL[..]), 1..6).prop_map(Triggers::from_iter);
    let budget = (0..=100_u32, 0..=1000_u32);
    (1..=16_u32, on, budget, durations(1), 0..=1_u64 << 20).prop_map(
        |(attempts, on, (share, rate), backoff, body)| RetryPolicy {
            attempts,
            on,
            budget: Allowance {
                share: f64::from(share) / 100.0,
                per_second: f64::from(rate) / 7.0,
            },
            backoff,
            body,
        },
    )
}

fn balances() -> impl Strategy<Value = BalanceConfig> {
    let source = select(&["client", "host", "path", "header:x-id", "cookie:id", "query:a%41"][..]);
    let source = source.prop_map(|text| text.parse::<KeySource>().unwrap());
    let size = select(&[2, 65_537, 5_000_011][..]);
    let parts =
        (vec(source, 1..4), 1..=10_000_u32, size, option::of(1.0..=100.0_f64), "/[a-z]{0,4}");
    (select(&Algorithm::ALL[..]), option::of(parts)).prop_map(|(algorithm, parts)| {
        let mut balance = BalanceConfig::from(algorithm);
        let Some((sources, vnodes, size, bounded_load, path)) = parts else { return balance };
        balance.bounded_load = bounded_load.filter(|_| algorithm.hashes());
        match algorithm {
            Algorithm::RingHash => balance.vnodes = vnodes,
            Algorithm::Maglev | Algorithm::ClientIp => {
                balance.table_size = TableSize::new(size).unwrap();
            }
            Algorithm::Prequal => balance.load_path = path.into(),
            _ => {}
        }
        if algorithm.hashes() && algorithm != Algorithm::ClientIp {
            balance.key = HashKey::new(sources);
        }
        balance
    })
}

/// Without keys, which are not written.
fn stickies() -> impl Strategy<Value = Option<StickyConfig>> {
    let key = select(vec!["client", "header:x-id", "cookie:id"]);
    let key = key.prop_map(|text| StickyConfig::Key(text.parse().unwrap()));
    let same_site = select(vec![SameSite::Lax, SameSite::Strict]);
    let texts = ("[a-z]{1,4}", "/[a-z]{0,4}", option::of("[a-z]{1,4}"));
    let times = (option::of(durations(1000)), durations(1));
    let cookie = (texts, times, same_site, any::<(bool, bool)>());
    let cookie = cookie.prop_map(|((name, path, domain), (ttl, drain), same_site, flags)| {
        let ((secure, http_only), keys) = (flags, Vec::new());
        StickyConfig::Cookie(CookieConfig {
            name,
            ttl,
            keys,
            path,
            domain,
            same_site,
            secure,
            http_only,
            drain,
        })
    });
    option::of(prop_oneof![key, cookie])
}

fn eligibilities() -> impl Strategy<Value = EligibilityConfig> {
    let share = || (0..=100_u32).prop_map(|percent| f64::from(percent) / 100.0);
    let slow_start = (durations(1), select(vec![0.1, 1.0, 2.5]))
        .prop_map(|(time, aggression)| SlowStart { time, aggression });
    let parts = (share(), option::of(slow_start), option::of(share()));
    let stated = parts.prop_map(|(panic_below, slow_start, prefer_zone)| EligibilityConfig {
        panic_below,
        slow_start,
        prefer_zone,
    });
    default_or(stated).prop_map(Option::unwrap_or_default)
}

fn labels() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._/-]{1,8}"
}

/// Which routes ask for, too.
fn one_label() -> Labels {
    Box::new([("x".into(), "1".into())])
}

fn endpoints() -> impl Strategy<Value = EndpointConfig> {
    let hosts = prop_oneof![
        any::<std::net::IpAddr>().prop_map(|ip| ip.to_string()),
        "[a-z]{1,8}(\\.[a-z0-9-]{1,8}){0,2}\\.internal",
    ];
    let any_labels = btree_map(labels(), labels(), 0..3);
    let any_labels = any_labels.prop_map(|labels| {
        labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    });
    let all = prop_oneof![any_labels, Just(one_label())];
    let told = (0..=100_u8, option::of(labels()), all);
    let parts = (hosts, 1..=u16::MAX, 0..=65_535_u32, any::<bool>(), told);
    parts.prop_map(|(host, port, weight, backup, (priority, zone, labels))| {
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        EndpointConfig {
            name: format!("{bracketed}:{port}"),
            host,
            port,
            weight,
            backup,
            priority,
            zone,
            labels,
            forced: None,
        }
    })
}

fn checks() -> impl Strategy<Value = HealthCheck> {
    let status = prop_oneof![
        Just(vec![STATUS_DEFAULT]),
        vec(
            (100..=599_u16, 100..=599_u16)
                .prop_map(|(a, b)| RangeInclusive::new(a.min(b), a.max(b))),
            1..3
        )
    ];
    let http =
        ("/[!-\"$-~]{0,12}", option::of("[a-z0-9.:-]{1,12}"), select(&["GET", "HEAD"][..]), status);
    let http = http.prop_map(|(path, host, method, status)| CheckKind::Http {
        method: method.into(),
        path: path.into(),
        host: host.map(Into::into),
        status,
        body: None,
    });
    let kind = prop_oneof![Just(CheckKind::Tcp), http, other_kinds()];
    let intervals = (durations(1), option::of(durations(1)));
    let bounds = (intervals, durations(1), 0..=100_u32, 1..=100_u32, 1..=100_u32);
    (kind, default_or(bounds)).prop_map(|(kind, bounds)| {
        let check = HealthCheck { kind, ..HealthCheck::default() };
        match bounds {
            None => check,
            Some(((interval, fast_interval), timeout, percent, fall, rise)) => {
                let jitter = f64::from(percent) / 100.0;
                HealthCheck { interval, fast_interval, timeout, jitter, fall, rise, ..check }
            }
        }
    })
}

/// With a body, TLS, gRPC, and programs.
fn other_kinds() -> impl Strategy<Value = CheckKind> {
    let text = "[ -~äß\n]{1,20}";
    let with_body = text.prop_map(|text| CheckKind::Http {
        method: "GET".into(),
        path: "/".into(),
        host: None,
        status: vec![STATUS_DEFAULT],
        body: Some(text.into()),
    });
    let tls = option::of("[a-z][a-z0-9]{0,5}[.]example")
        .prop_map(|name| CheckKind::Tls { server_name: name.map(Into::into) });
    let grpc =
        ("[A-Za-z0-9._/-]{0,12}", option::of("[a-z0-9.:-]{1,12}")).prop_map(|(service, host)| {
            CheckKind::Grpc { service: service.into(), host: host.map(Into::into) }
        });
    let exec = ("/[a-z/]{0,6}[a-z$]", vec(text, 0..3)).prop_map(|(program, arguments)| {
        let arguments = arguments.into_iter().map(Into::into);
        CheckKind::Exec { command: [program.into()].into_iter().chain(arguments).collect() }
    });
    prop_oneof![with_body, tls, grpc, exec]
}

fn durations(least_millis: u64) -> impl Strategy<Value = Duration> + Clone {
    prop_oneof![least_millis..=5000, (1..=86_400_u64).prop_map(|seconds| seconds * 1000)]
        .prop_map(Duration::from_millis)
}

fn default_or<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    option::of(strategy)
}

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, SystemTime};

use evenkeel_plan::lines::LineCounters;
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::vitals::{Slot, Standing};
use evenkeel_proto::http2::{Fault, Flood};
use evenkeel_proto::method::Method;
use rcgen::date_time_ymd;
use tokio::sync::watch;

use super::*;
use crate::certificates::Store;
use crate::certificates::fixture::{directory, made, put, tls, write};
use crate::conductor::Desk;
use crate::fixture::{self, NothingInFlight, plan};
use crate::overview::Machinery;

#[test]
fn every_line_is_openmetrics() {
    let text = scrape();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.last(), Some(&"# EOF"));
    let (mut families, mut series, mut current) = (HashSet::new(), HashSet::new(), None);
    for line in &lines[..lines.len() - 1] {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(text.ends_with('.'), "{line}");
            assert!(families.insert(name), "{name} is described twice");
        } else if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            assert!(families.contains(name), "{line}");
            current = Some((name, kind));
        } else {
            let (id, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
            assert!(series.insert(id), "{id} is there twice");
            assert_belongs(id, current.unwrap());
        }
    }
    assert!(families.len() > 20 && series.len() > families.len());
}

/// A series is named after its family, with the suffix of its kind, and has well-formed labels.
fn assert_belongs(id: &str, (family, kind): (&str, &str)) {
    let (name, labels) = id.split_once('{').map_or((id, ""), |(name, labels)| (name, labels));
    let suffixes: &[&str] = match kind {
        "counter" => &["_total"],
        "gauge" => &[""],
        "info" => &["_info"],
        "histogram" => &["_bucket", "_sum", "_count"],
        other => panic!("{other} is no kind of ours"),
    };
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{id} under {family}"));
    assert!(suffixes.contains(&suffix), "{id} under {family} {kind}");
    assert!(family.starts_with("evenkeel_") || family.starts_with("process_"), "{family}");
    if labels.is_empty() {
        return;
    }
    for label in labels.strip_suffix('}').unwrap().split(',') {
        let (key, value) = label.split_once('=').unwrap();
        assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{id}");
        assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{id}");
    }
}

#[test]
fn what_was_counted_is_what_is_shown() {
    let text = scrape();
    let version = env!("CARGO_PKG_VERSION");
    let endpoint = r#"cluster="api",endpoint="10.0.0.1:80""#;
    for expected in [
        format!(r#"evenkeel_build_info{{version="{version}"}} 1"#),
        "evenkeel_plan_generation 1".to_owned(),
        "evenkeel_access_log_lines_total 9".to_owned(),
        r#"evenkeel_access_log_lost_lines_total{cause="ring_full"} 3"#.to_owned(),
        r#"evenkeel_access_log_lost_lines_total{cause="write_failed"} 4"#.to_owned(),
        r#"evenkeel_listener_connections_total{listener="web"} 7"#.to_owned(),
        r#"evenkeel_listener_connections_active{listener="web"} 3"#.to_owned(),
        r#"evenkeel_panics_total{listener="web"} 2"#.to_owned(),
        r#"evenkeel_http2_faults_total{listener="web",fault="flood_pings"} 5"#.to_owned(),
        r#"evenkeel_requests_total{listener="web",cluster="api",code_class="2xx",method="GET"} 12"#
            .to_owned(),
        r#"evenkeel_route_requests_total{listener="web",route="/*",code_class="2xx"} 8"#.to_owned(),
        r#"evenkeel_failures_total{listener="web",reason="no_endpoint_up"} 1"#.to_owned(),
        r#"evenkeel_bytes_total{listener="web",dir="out"} 99"#.to_owned(),
        r#"evenkeel_request_duration_seconds_count{listener="web"} 2"#.to_owned(),
        r#"evenkeel_request_duration_seconds_bucket{le="0.005",listener="web"} 1"#.to_owned(),
        r#"evenkeel_request_duration_seconds_bucket{le="+Inf",listener="web"} 2"#.to_owned(),
        r#"evenkeel_tls_certificate_not_after_seconds{listener="web",name="a.example"} 2208988800"#
            .to_owned(),
        r#"evenkeel_tls_certificate_problems{listener="web"} 1"#.to_owned(),
        format!(r#"evenkeel_upstream_requests_total{{{endpoint},code_class="5xx"}} 4"#),
        format!(r#"evenkeel_upstream_connects_total{{{endpoint},result="failed"}} 2"#),
        format!("evenkeel_upstream_inflight{{{endpoint}}} 0"),
        format!("evenkeel_upstream_connections{{{endpoint}}} 1"),
        format!("evenkeel_upstream_up{{{endpoint}}} 0"),
        format!("evenkeel_upstream_weight{{{endpoint}}} 1"),
        format!(r#"evenkeel_health_checks_total{{{endpoint},result="pass"}} 0"#),
        r#"evenkeel_upstream_up{cluster="api",endpoint="10.0.0.2:80"} 1"#.to_owned(),
        r#"evenkeel_cluster_endpoints{cluster="api"} 2"#.to_owned(),
        r#"evenkeel_cluster_endpoints_well{cluster="api"} 1"#.to_owned(),
        r#"evenkeel_cluster_panicking{cluster="api"} 0"#.to_owned(),
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains(r#"method="PATCH""#), "what never occurred is not shown");
}

/// Two of one name, and a third that is none.
fn know_certificates(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    for (file, year) in [("a", 2050), ("b", 2040)] {
        let made = made(&["a.example"], |it| it.not_after = date_time_ymd(year, 1, 1));
        write(folder.path(), file, &made);
    }
    let mut config = fixture::config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let certificates = vec![directory(folder.path())];
    config.listeners[0].tls = Some(tls(certificates));
    put(store, &config);
    fs::write(folder.path().join("c.crt"), "text").unwrap();
    store.refresh(SystemTime::now());
}

/// One scrape of a small plan with two workers and something counted in each.
fn scrape() -> String {
    let plan = plan(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80"])]);
    let listener = &plan.listeners[0].counters;
    for (worker, connections) in [(0, 5), (1, 2)] {
        let shard = listener.shard(worker);
        shard.connections.add(connections);
        shard.requests[Method::Get as usize][1].add(6);
        shard.duration.observe(Duration::from_millis(if worker == 0 { 4 } else { 40 }));
    }
    listener.shard(0).connections_active.add(4);
    listener.shard(1).panics.add(2);
    listener.shard(1).http2_faults[Fault::Flood(Flood::Pings).index()].add(5);
    listener.shard(1).connections_active.add(-1);
    listener.shard(0).failures[Reason::NoEndpoint as usize].add(1);
    listener.shard(1).bytes_out.add(99);
    plan.listeners[0].routes.routes()[0].counters.shard(1).requests[1].add(8);
    let life = &plan.clusters[0].endpoints[0].life;
    life.vitals.set_standing(Standing::Down);
    let _open = Slot::try_new(Arc::clone(life));
    life.counters.shard(1).attempts.add(6);
    life.counters.shard(1).responses[4].add(4);
    life.counters.shard(0).connect_failures.add(2);
    let mut publisher = Publisher::default();
    publisher.publish(plan);
    let (_, first_round) = watch::channel(true);
    let lines = LineCounters::new(2);
    lines.written.add(9);
    lines.ring_full.shard(0).add(1);
    lines.ring_full.shard(1).add(2);
    lines.write_failed.add(4);
    let sight = Arc::new(NothingInFlight);
    let machinery = Machinery { workers: 2, lines: Arc::new(lines), sight };
    let (knowledge, desk) = (fixture::knowledge(), Desk::new().0);
    know_certificates(&knowledge.certificates);
    let overview = Overview::new(publisher.reader(), &knowledge, desk, first_round, machinery);
    Metrics::new(Arc::new(overview)).render().unwrap()
}

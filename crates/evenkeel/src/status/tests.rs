use evenkeel_control::admin::{
    ClusterStatus, EndpointState, EndpointStatus, LastReload, LeavingStatus, ListenerStatus,
    OverrideStatus, ReloadResult, RestartPending, ShedStatus, Trigger,
};

use super::fixture::{NOW, busy, cluster, endpoint, listener, route, status};
use super::*;

fn page(status: &Status) -> String {
    Page { status, now: NOW, palette: Palette::new(false) }.to_string()
}

fn troubled() -> Status {
    let endpoints = vec![
        busy("127.0.0.1:9001", 33_012, 0),
        EndpointStatus {
            state: EndpointState::Down,
            reason: Some("connection refused (3 of 3)".to_owned()),
            since_unix_seconds: Some(NOW - 12.0),
            in_flight: 0,
            ..busy("127.0.0.1:9002", 33_000, 40)
        },
        EndpointStatus {
            state: EndpointState::Unchecked,
            since_unix_seconds: None,
            weight: 3,
            backup: true,
            ..endpoint("[::1]:9003")
        },
    ];
    let api = ClusterStatus { endpoints, working: 2, ..cluster("api", &[]) };
    let mut status = status(vec![api]);
    status.listeners = vec![listener("web", ":8080", "api")];
    status
}

#[test]
fn a_page_shows_everything_below_each_other() {
    let expected = "\
evenkeel 1.2.3  ready · up 3 h 12 min · 2 workers · generation 7 · config /etc/evenkeel.toml

listener  binds  to   open  connections  requests    4xx     5xx
web       :8080  api    12        1,204    99,120  0.1 %  <0.1 %

api  least-request · 2 of 3 endpoints can get work
   endpoint        state      since      weight  in flight  requests  errors      p50      p99
✓  127.0.0.1:9001  up         3 min ago       1          2    33,012     0 %  5.12 ms  21.0 ms
✗  127.0.0.1:9002  down       12 s ago        1          0    33,000   0.1 %  5.12 ms  21.0 ms  connection refused (3 of 3)
·  [::1]:9003      unchecked  –               3          0         0       –        –        –  backup
";
    assert_eq!(page(&troubled()), expected);
}

#[test]
fn a_cluster_whose_requests_wait_for_room_says_how_many() {
    let mut status = troubled();
    status.clusters[0].pending = 1_010;
    assert!(page(&status).contains("2 of 3 endpoints can get work · 1,010 wait for room\n"));
}

#[test]
fn limits_show_where_they_are_in_force_and_whom_they_left_no_room() {
    let mut status = troubled();
    let cluster = &mut status.clusters[0];
    cluster.shed = ShedStatus { overloaded: 1_200, pending_timeout: 4 };
    let [busy, down, backup] = &mut cluster.endpoints[..] else { panic!() };
    (busy.in_flight, busy.limit, busy.adaptive_limit) = (19, Some(20), Some(20));
    (down.limit, down.adaptive_limit) = (Some(100), None);
    (backup.limit, backup.adaptive_limit) = (Some(100), Some(400));
    let shown = page(&status);
    let expected = "\
api  least-request · 2 of 3 endpoints can get work · 1,204 refused for want of room
   endpoint        state      since      weight  in flight  requests  errors      p50      p99
✓  127.0.0.1:9001  up         3 min ago       1   19 of 20    33,012     0 %  5.12 ms  21.0 ms  adaptive limit
✗  127.0.0.1:9002  down       12 s ago        1   0 of 100    33,000   0.1 %  5.12 ms  21.0 ms  connection refused (3 of 3)
·  [::1]:9003      unchecked  –               3   0 of 100         0       –        –        –  backup
";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn a_cluster_whose_endpoints_all_get_work_although_none_is_well_says_so() {
    let mut status = troubled();
    let cluster = &mut status.clusters[0];
    (cluster.working, cluster.last_resort) =
        (3, Some("all breakers are open: any may get work".into()));
    let expected =
        "3 of 3 endpoints can get work\n! all breakers are open: any may get work\n   endpoint";
    assert!(page(&status).contains(expected), "{}", page(&status));
}

#[test]
fn a_cluster_that_panics_says_why() {
    let mut status = troubled();
    let why = "1 of 3 is well, fewer than 34%: all are used";
    status.clusters[0].panic = Some(why.to_owned());
    // Of those with the labels of a route alone.
    status.clusters[0].well = 2;
    assert!(page(&status).contains(&format!("can get work\n! panics: {why}\n   endpoint")));
    // One that is drained gets nothing, and is none of them.
    (status.clusters[0].working, status.clusters[0].in_service) = (2, 2);
    for (well, words) in [
        (0, "0 of 2 in service are well, so all of them get work"),
        (1, "1 of 2 in service is well, so all of them get work"),
    ] {
        status.clusters[0].well = well;
        let expected = format!("least-request · {words}\n! panics: {why}\n");
        assert!(page(&status).contains(&expected), "{}", page(&status));
    }
}

#[test]
fn routes_are_listed_where_there_are_any() {
    let mut status = troubled();
    assert!(!page(&status).contains("route"));
    let split = route("a.example", "/v1/*", &[("api", 95), ("next", 5)]);
    status.listeners[0].routes.insert(0, split);
    let expected = "
route           listener  to              requests    4xx  5xx
a.example/v1/*  web       api 95, next 5     1,000  1.0 %  0 %
/*              web       api                1,000  1.0 %  0 %
";
    let page = page(&status);
    assert!(page.contains(expected), "{page}");
    assert!(page.contains(":8080  1 route, else api"), "{page}");
}

#[test]
fn streams_are_counted_as_such_and_redirects_lead_to_https() {
    let mut status = status(Vec::new());
    let mut stream = listener("db", ":5432", "db");
    (stream.streams, stream.requests) = (Some(1204), [0; 5].into());
    let plain = ListenerStatus {
        redirect_to_https: Some(8443),
        cluster: None,
        routes: Vec::new(),
        ..listener("plain", ":80", "api")
    };
    status.listeners = vec![stream, plain];
    let expected = "
listener  binds  to                       open  connections       requests    4xx     5xx
db        :5432  db                         12        1,204  1,204 streams      –       –
plain     :80    https :8443 by redirect    12        1,204         99,120  0.1 %  <0.1 %
";
    let shown = page(&status);
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn a_refused_config_is_told_before_everything_else() {
    let mut status = troubled();
    status.config.refused = true;
    status.config.last_reload = Some(LastReload {
        at_unix_seconds: NOW - 180.0,
        trigger: Trigger::File,
        result: ReloadResult::Refused,
        changes: Vec::new(),
        problem: Some("error: unknown key\n --> evenkeel.toml:1:1\n".to_owned()),
    });
    let page = page(&status);
    let expected = "
! the config was refused 3 min ago, when the file had changed: what runs is older than what it says
  error: unknown key
   --> evenkeel.toml:1:1

listener";
    assert!(page.contains(expected), "{page}");
}

#[test]
fn workers_that_wait_for_a_restart_are_told() {
    let mut status = troubled();
    let [key, running, wanted] = ["workers", "2", "4"].map(str::to_owned);
    status.config.restart_pending = vec![RestartPending { key, running, wanted }];
    let page = page(&status);
    assert!(page.contains("\n! restart pending: workers 2 → 4\n"), "{page}");
}

#[test]
fn what_was_changed_over_the_api_is_listed() {
    let mut status = troubled();
    let (cluster, endpoint) = ("api".to_owned(), "127.0.0.1:9004".to_owned());
    status.leaving =
        vec![LeavingStatus { cluster: cluster.clone(), endpoint: endpoint.clone(), in_flight: 2 }];
    let text = "removed".to_owned();
    status.overrides = vec![OverrideStatus { cluster, endpoint, text, idle: true }];
    let page = page(&status);
    assert!(page.contains("runs there\n  api  127.0.0.1:9004  2 in flight\n"), "{page}");
    let line = "  api  127.0.0.1:9004  removed  (changes nothing as the config stands)\n";
    assert!(page.contains("reload --clear") && page.ends_with(line), "{page}");
}

#[test]
fn a_balancer_that_shuts_down_or_still_checks_says_so() {
    let mut status = status(Vec::new());
    status.ready = false;
    assert!(page(&status).contains("not ready: the first checks are still running"));
    status.draining = true;
    status.config.source = None;
    let page = page(&status);
    assert!(page.contains("shutting down") && page.contains("from the command line"), "{page}");
}

#[test]
fn one_cluster_is_kept_and_what_we_do_not_know_stays() {
    let json = r#"{"version":"2","new":[1],"clusters":[{"name":"a"},{"name":"b","more":1}],
        "overrides":[{"cluster":"a"}],"leaving":[]}"#;
    let kept: serde_json::Value = serde_json::from_str(&keep_in_json(json, "b").unwrap()).unwrap();
    assert_eq!(kept["clusters"], serde_json::json!([{ "name": "b", "more": 1 }]));
    assert_eq!(
        (kept["new"][0].as_u64(), kept["overrides"].as_array().unwrap().len()),
        (Some(1), 0)
    );
}

use std::time::Duration;

use super::*;
use crate::balance::Balancing;
use crate::cluster::HttpVersion;
use crate::endpoint::Life;
use crate::overload::Limits;
use crate::rate::{Per, Quota, Rate};

const MS: Duration = Duration::from_millis(1);

/// One attempt, which a refused connection ended.
pub(super) fn story() -> Story {
    Story {
        kind: Kind::Failed,
        request_id: "id".into(),
        began: Duration::from_secs(1),
        listener: "web".into(),
        client: ([127, 0, 0, 1], 5000).into(),
        method: "GET".into(),
        path: "/".into(),
        host: None,
        route: None,
        cluster: Some("api".into()),
        rule: None,
        wait: None,
        attempts: vec![attempt("a:1", Reason::ConnectFailed, Then::NobodyLeft)],
        attempts_left_out: 0,
        candidates: Vec::new(),
        candidates_left_out: 0,
        status: Some(502),
        call: None,
        failure: Some(Reason::ConnectFailed),
        total: MS * 12,
    }
}

fn attempt(endpoint: &str, failure: Reason, then: Then) -> Attempt {
    Attempt {
        endpoint: endpoint.into(),
        hedge: false,
        began: Duration::ZERO,
        pooled: Some(false),
        connected: None,
        first_byte: None,
        ended: MS,
        status: None,
        call: None,
        failure: Some(failure),
        detail: None,
        then,
    }
}

fn answered(endpoint: &str, status: u16) -> Attempt {
    let passed = attempt(endpoint, Reason::NoEndpoint, Then::Passed);
    Attempt { status: Some(status), failure: None, ..passed }
}

#[test]
fn a_sentence_names_every_attempt_and_why_there_was_no_other() {
    let again = Then::Again { after: Duration::ZERO };
    let refused = || attempt("a:1", Reason::ConnectFailed, again);
    let spent = Then::Not(retry::Why::AttemptsSpent);
    for (story, expected) in [
        (
            Story {
                attempts: vec![refused(), attempt("b:1", Reason::UpstreamClosed, spent)],
                ..story()
            },
            "Failed with 502 after 12.0 ms: a:1 refused the connection or could not be reached, then b:1 closed \
             the connection before its answer was complete; `retry.attempts` allows no more.",
        ),
        (
            Story {
                kind: Kind::Rescued,
                attempts: vec![refused(), answered("b:1", 200)],
                status: Some(200),
                failure: None,
                ..story()
            },
            "Went well with 200 after 12.0 ms: a:1 refused the connection or could not be reached, then b:1 answered 200.",
        ),
        (
            Story {
                kind: Kind::Slow,
                attempts: vec![answered("b:1", 200)],
                status: Some(200),
                failure: None,
                total: MS * 1500,
                ..story()
            },
            "Answered 200 after 1.5 s: b:1 answered 200.",
        ),
        (
            Story {
                attempts: vec![Attempt {
                    call: Some(grpc::Status::new(14)),
                    then: spent,
                    ..answered("b:1", 503)
                }],
                status: Some(503),
                call: Some(grpc::Status::new(14)),
                failure: None,
                ..story()
            },
            "Answered UNAVAILABLE after 12.0 ms: b:1 answered UNAVAILABLE; `retry.attempts` allows no more.",
        ),
        (
            Story {
                kind: Kind::Client,
                attempts: Vec::new(),
                status: Some(404),
                failure: Some(Reason::NoRoute),
                ..story()
            },
            "Refused with 404: Nothing is here.",
        ),
        (
            Story {
                attempts: vec![attempt("a:1", Reason::ConnectFailed, Then::NoRoom)],
                wait: Some(Wait { waited: Some(MS * 8), ..wait() }),
                ..story()
            },
            "Failed with 502 after 12.0 ms: it waited 8.0 ms for room, then a:1 refused the connection or could not be \
             reached; no other endpoint had room, and a further attempt does not wait for it.",
        ),
    ] {
        assert_eq!(story.sentence(), expected);
    }
}

fn wait() -> Wait {
    Wait { waited: None, pending: 4, pending_wait: MS * 5000, session_at: None }
}

/// Refused for this reason, after `wait` for room at endpoints that are full by these limits.
fn turned_away(reason: Reason, wait: Wait, fulls: &[(LimitKey, u32)]) -> String {
    let candidates =
        fulls.iter().zip(["a:1", "b:1", "c:1"]).map(|(&(key, most), endpoint)| Candidate {
            endpoint: endpoint.into(),
            tried: false,
            bar: Some(Bar::Full(Full { has: most, most, key })),
            in_flight: most,
            expected: None,
        });
    let (candidates, status) = (candidates.collect(), Some(reason.status()));
    let story = Story {
        attempts: Vec::new(),
        failure: Some(reason),
        wait: Some(wait),
        candidates,
        status,
        ..story()
    };
    story.sentence()
}

#[test]
fn who_found_no_room_is_told_by_which_limit_and_for_how_long() {
    use LimitKey::{Adaptive, Connections, Requests};
    let waited = |waited| Wait { waited: Some(waited), ..wait() };
    let at_b = || Wait { session_at: Some("b:1".into()), ..waited(MS * 700) };
    let (two, none) = ([(Requests, 2); 2], Wait { pending: 0, ..wait() });
    for (reason, wait, fulls, expected) in [
        (
            Reason::Overloaded,
            wait(),
            &two[..],
            "Refused with 503: no endpoint had room (`limits.requests = 2`), and as many waited as may (`limits.pending = 4`).",
        ),
        (
            Reason::Overloaded,
            none,
            &[(Connections, 1)],
            "Refused with 503: no endpoint had room (`limits.connections = 1`), and none may wait (`limits.pending = 0`).",
        ),
        (
            Reason::Overloaded,
            waited(MS * 1200),
            &[(Adaptive, 17), (Adaptive, 20), (Requests, 9)],
            "Refused with 503: for 1.2 s no endpoint had room (`limits.requests = 9`, `limits.adaptive` allows 17 to 20 at a \
             time), and then another request took its place, as no more may wait (`limits.pending = 4`).",
        ),
        (
            Reason::PendingTimeout,
            waited(MS * 5000),
            &[(Adaptive, 20)],
            "Refused with 503: for 5.0 s no endpoint had room (`limits.adaptive` allows 20 at a time), and it may wait no \
             longer (`limits.pending_wait = 5s`).",
        ),
        (
            Reason::PendingTimeout,
            at_b(),
            &[(Requests, 3), (Connections, 8)],
            "Refused with 503: for 700.0 ms the endpoint of its session, b:1, had no room (`limits.connections = 8`), and it \
             may wait no longer (`limits.pending_wait = 5s`).",
        ),
        (
            Reason::ClientGone,
            waited(MS * 300),
            &two,
            "The client went away. For 300.0 ms no endpoint had room (`limits.requests = 2`).",
        ),
        // Somebody has left in the meantime.
        (
            Reason::ExchangeTimeout,
            waited(MS),
            &[],
            "The exchange took too long. For 1.0 ms no endpoint had room.",
        ),
    ] {
        assert_eq!(turned_away(reason, wait, fulls), expected);
    }
}

#[test]
fn whom_a_rule_refused_is_told_whose_rule_it_was_and_what_it_says() {
    let rate = |name: &str| Rule::Rate {
        name: name.into(),
        quota: Quota::new(Rate { count: 5, per: Per::Minute }, 3),
    };
    let client = [10, 0, 0, 7].into();
    for (rule, route, reason, expected) in [
        (
            rate("listener"),
            None,
            Reason::RateLimited,
            "Refused with 429 by the listener web, before a route was looked for: its `rate_limit` allows 5/m, and 3 at once.",
        ),
        (
            rate("route-2"),
            Some("/login".into()),
            Reason::RateLimited,
            "Refused with 429 by the route /login: its `rate_limit` route-2 allows 5/m, and 3 at once.",
        ),
        (
            Rule::Networks { client },
            Some("/admin".into()),
            Reason::Denied,
            "Refused with 403 by the route /admin: its `allow` and `deny` do not let in 10.0.0.7.",
        ),
    ] {
        let (status, failure) = (Some(reason.status()), Some(reason));
        let attempts = Vec::new();
        let story = Story { rule: Some(rule), route, status, failure, attempts, ..story() };
        assert_eq!(story.sentence(), expected);
    }
}

#[test]
fn only_what_endpoints_or_we_have_done_is_a_failure_and_all_else_is_the_clients() {
    for reason in Reason::ALL {
        let is_ours = reason.is_endpoints_fault()
            || (reason.status() >= 503 && reason != Reason::VersionNotSupported);
        let expected = if is_ours { Kind::Failed } else { Kind::Client };
        assert_eq!(Kind::of(reason), expected, "{reason:?}");
    }
}

#[test]
fn a_candidate_tells_what_speaks_against_it() {
    let now = Time::from_nanos(1_000);
    let fresh =
        || Endpoint::new("a:1", Some(([10, 0, 0, 1], 1).into()), Life::new(1, &Arc::default()));
    let written = |requests, connections| Limits { requests, connections, ..Limits::default() };
    let cluster = |limits: &Limits, http: HttpVersion| {
        let limits = limits.clone();
        Cluster { limits, http, ..Cluster::new("api", Balancing::default(), Vec::new()) }
    };
    let some = cluster(&written(Some(1), Some(2)), HttpVersion::Http1);
    let bar = |endpoint: &Endpoint| Candidate::new(endpoint, &some, false, now).bar;
    assert_eq!(bar(&fresh()), None);
    let full = |cluster: &Cluster, pace: Option<u32>| {
        let endpoint = fresh();
        let vitals = &endpoint.life.vitals;
        vitals.limit_to(cluster.in_flight_max());
        vitals.pace_to(pace);
        let _leases = [vitals.lease(), vitals.lease()];
        Candidate::new(&endpoint, cluster, false, now).bar.map(Bar::words)
    };
    for (limits, pace, expected) in [
        (written(None, None), None, None),
        (written(Some(3), Some(3)), None, None),
        (written(Some(2), Some(2)), None, Some("full: 2 of 2 (`limits.requests`)")),
        (written(Some(5), Some(2)), None, Some("full: 2 of 2 (`limits.connections`)")),
        (written(None, Some(1)), None, Some("full: 2 of 1 (`limits.connections`)")),
        (written(Some(9), None), Some(2), Some("full: 2 of 2 (`limits.adaptive`)")),
        (written(Some(2), None), Some(2), Some("full: 2 of 2 (`limits.requests`)")),
    ] {
        let said = full(&cluster(&limits, HttpVersion::Http1), pace);
        assert_eq!(said.as_deref(), expected, "{limits:?} {pace:?}");
    }
    // Many are on one connection.
    for (limits, expected) in [
        (written(Some(2), Some(1)), Some("full: 2 of 2 (`limits.requests`)")),
        (written(None, Some(1)), None),
    ] {
        let said = full(&cluster(&limits, HttpVersion::Http2), None);
        assert_eq!(said.as_deref(), expected, "{limits:?}");
    }
    assert_eq!(bar(&Endpoint { address: None, ..fresh() }), Some(Bar::NoAddress));
    assert_eq!(bar(&Endpoint { weight: 0, ..fresh() }), Some(Bar::Draining));
    assert_eq!(bar(&Endpoint { forced: Some(Forced::Down), ..fresh() }), Some(Bar::ForcedDown));
    let endpoint = fresh();
    let vitals = &endpoint.life.vitals;
    vitals.avoid(now, now.after(MS));
    assert_eq!(bar(&endpoint), Some(Bar::Avoided { left: MS }));
    vitals.suspect(now, MS);
    assert_eq!(bar(&endpoint), Some(Bar::Suspected));
    vitals.set_standing(Standing::Down);
    let _lease = vitals.lease();
    let candidate = Candidate::new(&endpoint, &some, true, now);
    assert_eq!((candidate.bar, candidate.in_flight), (Some(Bar::Down), 1));
    assert!(candidate.tried && candidate.expected.is_none());
}

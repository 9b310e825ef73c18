use std::time::Duration;

use super::*;
use crate::endpoint::Life;

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
        attempts: vec![attempt("a:1", Reason::ConnectFailed, Then::NobodyLeft)],
        attempts_left_out: 0,
        candidates: Vec::new(),
        candidates_left_out: 0,
        status: Some(502),
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
        failure: Some(failure),
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
                kind: Kind::Client,
                attempts: Vec::new(),
                status: Some(404),
                failure: Some(Reason::NoRoute),
                ..story()
            },
            "Refused with 404: Nothing is here.",
        ),
    ] {
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
    let bar = |endpoint: &Endpoint| Candidate::new(endpoint, false, now).bar;
    assert_eq!(bar(&fresh()), None);
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
    let candidate = Candidate::new(&endpoint, true, now);
    assert_eq!((candidate.bar, candidate.in_flight), (Some(Bar::Down), 1));
    assert!(candidate.tried && candidate.expected.is_none());
}

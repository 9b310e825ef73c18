//! Checks that a contender does the work that is measured: the same header edits, upstream
//! connections kept. A figure of one that does less would say nothing.

use std::time::Duration;

use evenkeel_testkit::{Origin, Request, Response, Script};

mod http2;

use super::contender::Contender;
use super::protocol::Protocol;
use super::running::Running;
use crate::Outcome;

/// What `contender` does not do; empty if it does all.
pub(super) fn check(contender: Contender, protocol: &Protocol) -> Outcome<Vec<String>> {
    let mut missing = if protocol.is_grpc() {
        http2::check(contender, protocol)?
    } else {
        check_http1(contender, protocol)?
    };
    missing.sort();
    missing.dedup();
    Ok(missing)
}

fn check_http1(contender: Contender, protocol: &Protocol) -> Outcome<Vec<String>> {
    let answer = |_: &Request| Script::ok("Hello, world\n");
    let origins = [Origin::start(answer)?, Origin::start(answer)?];
    let ports = [0, 1].map(|n: usize| origins[n].address().port());
    let running = Running::start(contender, protocol, ports)?;
    let mut client = running.connect()?;
    let mut responses = Vec::new();
    for _ in 0..EXCHANGES {
        let request = b"GET /path HTTP/1.1\r\nHost: example.test\r\n\r\n";
        responses.push(client.exchange(request, ANSWER_WITHIN)?);
    }
    drop(client);
    running.end()?;
    let requests: Vec<Request> = origins.iter().flat_map(Origin::requests).collect();
    let requests: Vec<_> = requests.into_iter().filter(|r| r.target == "/path").collect();
    let mut missing = Vec::new();
    for response in &responses {
        missing.extend(faults(response, &requests, protocol.scheme()));
    }
    let connections = requests.iter().filter(|request| request.index == 0).count();
    if requests.len() != EXCHANGES || connections > origins.len() {
        let seen = requests.len();
        missing.push(format!("{EXCHANGES} requests became {seen} on {connections} connections"));
    }
    Ok(missing)
}

/// What is wrong with `response`, and with the request that it answers.
fn faults(response: &Response, requests: &[Request], scheme: &str) -> Vec<String> {
    let id = response.header("x-request-id").unwrap_or_default();
    let of_id = requests.iter().filter(|r| !id.is_empty() && r.header("x-request-id") == Some(id));
    let [request] = of_id.collect::<Vec<_>>()[..] else {
        return vec!["the answer's X-Request-ID is not that of one request".to_owned()];
    };
    let mut faults = edits(|name| request.header(name), |name| response.header(name), scheme);
    if request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        faults.push("the upstream connection is not to be kept".to_owned());
    }
    if (response.status, response.body.as_slice()) != (200, b"Hello, world\n") {
        faults.push(format!("the answer is {} {:?}", response.status, response.text()));
    }
    faults
}

/// What of the common edits is missing, by the fields of a request upstream and those of the answer that is returned.
fn edits<'a>(
    upstream: impl Fn(&str) -> Option<&'a str>,
    returned: impl Fn(&str) -> Option<&'a str>,
    scheme: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    if upstream("x-request-id").is_none() || upstream("x-request-id") != returned("x-request-id") {
        faults.push("the answer's X-Request-ID is not that of the request".to_owned());
    }
    for (name, expected) in REQUEST_FIELDS.into_iter().chain([("x-forwarded-proto", scheme)]) {
        let value = upstream(name);
        if value != Some(expected) {
            faults.push(format!("upstream {name} is {value:?} and not {expected:?}"));
        }
    }
    for (side, via) in [("upstream", upstream("via")), ("returned", returned("via"))] {
        // `1.1`, or `2` and `2.0`.
        if !via.is_some_and(|via| via.starts_with(['1', '2'])) {
            faults.push(format!("{side} Via is {via:?}"));
        }
    }
    faults
}

const REQUEST_FIELDS: [(&str, &str); 3] =
    [("host", HOST), ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-host", HOST)];

const HOST: &str = "example.test";

/// Enough to see each origin several times.
const EXCHANGES: usize = 8;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

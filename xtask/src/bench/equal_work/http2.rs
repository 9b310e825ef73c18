//! The same for contenders that speak nothing but HTTP/2: curl asks them, and Node says what has arrived.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{EXCHANGES, HOST, edits};
use crate::Outcome;
use crate::bench::contender::Contender;
use crate::bench::protocol::Protocol;
use crate::bench::running::{Origins, Running};
use crate::tools::require;

/// What `contender` does not do; empty if it does all.
pub(super) fn check(contender: Contender, protocol: &Protocol) -> Outcome<Vec<String>> {
    let origins = Origins::start_with(|port| {
        let mut node = Command::new(require("node")?);
        node.args([SERVER, &port.to_string()]);
        Ok(node)
    })?;
    let running = Running::start(contender, protocol, origins.ports)?;
    let (mut missing, mut sessions) = (Vec::new(), BTreeSet::new());
    for _ in 0..EXCHANGES {
        let mut curl = Command::new(require("curl")?);
        curl.args(["-q", "--silent", "--show-error", "--max-time", "10", "--include"]);
        curl.args(["--http2-prior-knowledge", "--header", &format!("Host: {HOST}")]);
        let output = curl.arg(format!("http://{}/head", running.address())).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        match faults(&said, protocol.scheme()) {
            Some((faults, session)) => {
                missing.extend(faults);
                sessions.insert(session);
            }
            None => {
                let why = String::from_utf8_lossy(&output.stderr);
                missing.push(format!("the answer is {said:?} {why:?}"));
            }
        }
    }
    running.end()?;
    // Each origin counts from 0.
    if sessions.len() > origins.ports.len() {
        missing.push(format!("{EXCHANGES} requests went over the connections {sessions:?}"));
    }
    Ok(missing)
}

/// What is wrong with an answer whose body says what the request was, and on which connection to its origin that came; `None` if it
/// is something else.
fn faults(answer: &str, scheme: &str) -> Option<(Vec<String>, u64)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let request: Value = serde_json::from_str(body).ok()?;
    let upstream = |name: &str| match name {
        // `grpc_set_header Host` of nginx takes the place of the other (RFC 9113 §8.3.1).
        "host" => request[":authority"].as_str().or(request["host"].as_str()),
        name => request[name].as_str(),
    };
    let returned = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        Some(fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?.1)
    };
    Some((edits(upstream, returned, scheme), request["session"].as_u64()?))
}

const SERVER: &str = "crates/evenkeel/tests/interop/http2_server.mjs";

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/2 200 \r\nx-request-id: 1\r\nvia: 2 a\r\n\r\n{\":authority\": \"example.test\", \
        \"x-request-id\": \"1\", \"x-forwarded-for\": \"127.0.0.1\", \"x-forwarded-host\": \"example.test\", \
        \"x-forwarded-proto\": \"http\", \"via\": \"2 a\", \"session\": 1}";

    #[test]
    fn who_does_less_is_found_out() {
        assert_eq!(faults(ANSWER, "http"), Some((Vec::new(), 1)));
        for (part, other) in [
            ("via: 2 a\r\n", ""),
            ("x-request-id: 1", "x-request-id: 2"),
            ("\"x-forwarded-proto\": \"http\"", "\"x-forwarded-proto\": \"https\""),
        ] {
            let (found, _) = faults(&ANSWER.replace(part, other), "http").unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
        }
        assert_eq!(faults("HTTP/2 502 \r\n\r\nno", "http"), None);
    }
}

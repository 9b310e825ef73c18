//! Calls of gRPC: what operators see of how they end, wherever their endpoints say so. The endpoints' frames are written by hand.

use std::fs;
use std::io;
use std::time::Duration;

use evenkeel_testkit::http2::{Block, Frame, Kind, Outcome, Peer, frame};
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Http2Client, Http2Endpoint, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{LONG, Running, end};

/// Says how a call has gone before anything else, so that its head is all of its answer ("Trailers-Only").
fn at_once(peer: &mut Peer, stream: u32, status: &str) -> io::Result<()> {
    peer.head(stream, &begun().field("grpc-status", status), true)
}

/// Says it after the head, and after these messages.
fn at_the_end(peer: &mut Peer, stream: u32, messages: &[u8], status: &str) -> io::Result<()> {
    peer.head(stream, &begun(), false)?;
    if !messages.is_empty() {
        peer.data(stream, messages, false)?;
    }
    peer.head(stream, &Block::new().field("grpc-status", status), true)
}

fn begun() -> Block {
    Block::new().field(":status", "200").field("content-type", "application/grpc")
}

/// What an endpoint does with a call that is complete.
type Behaviour = fn(&mut Peer, u32) -> io::Result<()>;

/// An endpoint for each of these, which take their turns.
fn before(keys: &str, behaviours: &[Behaviour]) -> (Vec<Http2Endpoint>, Running) {
    let start = |on: &Behaviour| {
        let on = *on;
        let answer = move |peer: &mut Peer, frame: &Frame| {
            if frame.ends_stream() { on(peer, frame.stream) } else { Ok(()) }
        };
        Http2Endpoint::start(&[], answer).unwrap()
    };
    let endpoints: Vec<_> = behaviours.iter().map(start).collect();
    let names: Vec<_> = endpoints.iter().map(|it| it.address().to_string()).collect();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"greeter\"\n[cluster.greeter]\nendpoints = {names:?}\n\
         http = \"2\"\nhealth = false\nbalance = \"round-robin\"\n{keys}\n",
    ));
    (endpoints, running)
}

fn call(client: &mut Http2Client, path: &str) -> Outcome {
    let block = Block::request("POST", path).field("te", "trailers");
    let stream = client.request(&block.field("content-type", "application/grpc"), false).unwrap();
    client.data(stream, MESSAGE, true).unwrap();
    client.outcome(stream, LONG).unwrap()
}

const CANCEL: u32 = 8;

const INTERNAL_ERROR: u32 = 2;

const MESSAGE: &[u8] = b"\0\0\0\0\x01x";

/// Our own deadlines are coarser than those of clients, who always come first: each call that took too long looked like one that was cancelled.
#[test]
fn who_leaves_when_the_time_of_a_call_is_up_has_waited_and_who_leaves_before_has_changed_their_mind()
 {
    let (_endpoints, running) = before("", &[|_, _| Ok(())]);
    let mut client = Http2Client::connect(running.address).unwrap();
    for (reason, after) in [("client_gone", 400), ("exchange_timeout", 985)] {
        let block = Block::request("POST", "/greeter").field("te", "trailers");
        let block = block.field("content-type", "application/grpc").field("grpc-timeout", "1S");
        let stream = client.request(&block, false).unwrap();
        client.data(stream, MESSAGE, true).unwrap();
        pause(Duration::from_millis(after));
        client.send(&frame(Kind::RstStream, 0, stream, &CANCEL.to_be_bytes())).unwrap();
        let label = format!("reason=\"{reason}\"");
        running.wait_for_metric("evenkeel_failures_total", &label, 1);
    }
    running.wait_for_metric("evenkeel_failures_total", "", 2);
}

/// A dozen requests of whoever comes by were enough for a healthy server to be left out.
#[test]
fn a_server_of_calls_that_resets_whatever_is_none_stays_in_service() {
    let serve = |peer: &mut Peer, frame: &Frame| match frame.kind {
        Kind::Headers if frame.ends_stream() => peer.reset(frame.stream, INTERNAL_ERROR),
        // The only calls are those that ask whether it serves (`HealthCheckResponse.SERVING`).
        Kind::Data if frame.ends_stream() => {
            at_the_end(peer, frame.stream, b"\0\0\0\0\x02\x08\x01", "0")
        }
        _ => Ok(()),
    };
    let server = Http2Endpoint::start(&[], serve).unwrap();
    let config = |health| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"greeter\"\n[cluster.greeter]\nendpoints = [\"{}\"]\n\
             http = \"2\"\nretry = \"off\"\nhealth = {health}\n",
            server.address()
        )
    };
    let running = Running::from_toml(&config("{ kind = \"grpc\" }"));
    running.wait_for_state(0, "up");
    let stray = |running: &Running| {
        let mut client = Http2Client::connect(running.address).unwrap();
        let stream = client.request(&Block::request("GET", "/"), true).unwrap();
        let outcome = client.outcome(stream, LONG).unwrap();
        assert!(matches!(outcome, Outcome::Answered { status: 502, .. }), "{outcome:?}");
    };
    (0..30).for_each(|_| stray(&running));
    running.wait_for_metric("evenkeel_failures_total", "reason=\"upstream_closed\"", 30);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
    assert_eq!(running.endpoint(0)["state"], "up");
    // Of a server of anything else it is a failure.
    let running = Running::from_toml(&config("false"));
    stray(&running);
    running.wait_for_metric("evenkeel_upstream_failures_total", "", 1);
}

/// A call that failed was a 200 that went well in the log, in the figures of its endpoint, and to whoever asked why.
#[test]
fn how_calls_end_is_in_the_log_in_figures_and_remembered_wherever_they_say_it() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("access.log");
    let keys = format!("retry = \"off\"\n[log]\naccess = {{ path = \"{}\" }}", log.display());
    let (_endpoints, running) = before(
        &keys,
        &[|peer, stream| match stream {
            1 => at_the_end(peer, stream, MESSAGE, "0"),
            3 => at_once(peer, stream, "14"),
            5 => at_the_end(peer, stream, b"", "13"),
            7 => at_the_end(peer, stream, MESSAGE, "15"),
            9 => at_the_end(peer, stream, b"", "3"),
            // Without a word.
            11 => peer.answer(stream, MESSAGE),
            13 => peer.head(stream, &Block::new().field(":status", "404"), true),
            15 => at_the_end(peer, stream, b"", "99"),
            // It was remembered for an attempt that did not follow it.
            _ => at_once(peer, stream, "8"),
        }],
    );
    let expected = [
        ("OK", 200),
        ("UNAVAILABLE", 503),
        ("INTERNAL", 500),
        ("DATA_LOSS", 500),
        ("INVALID_ARGUMENT", 400),
        ("UNKNOWN", 500),
        ("UNIMPLEMENTED", 404),
        ("_OTHER", 500),
        ("RESOURCE_EXHAUSTED", 429),
    ];
    let mut client = Http2Client::connect(running.address).unwrap();
    for (name, http) in expected {
        let outcome = call(&mut client, &format!("/greeter/{name}"));
        let sent = if http == 404 { 404 } else { 200 };
        assert!(matches!(outcome, Outcome::Answered { status, .. } if [0, sent].contains(&status)));
    }
    running.wait_for_metric("evenkeel_grpc_calls_total", "", expected.len() as u64);
    for (name, _) in expected {
        let labels = format!("route=\"/*\",status=\"{name}\"");
        running.wait_for_metric("evenkeel_grpc_calls_total", &labels, 1);
    }
    running.wait_for_metric("evenkeel_requests_total", "code_class=\"5xx\"", 5);
    running.wait_for_metric("evenkeel_upstream_requests_total", "code_class=\"5xx\"", 5);
    running.wait_for_metric("evenkeel_upstream_faults_total", "", 4);
    assert_eq!(running.endpoint(0)["responses"]["5xx"], 5);

    let stories = || running.ask("GET", "/api/v1/why", "").1["stories"].as_array().unwrap().clone();
    wait_until(LONG, || stories().len() == 5).unwrap();
    let unavailable = stories().pop().unwrap();
    assert_eq!(unavailable["grpc_status"], "UNAVAILABLE");
    assert_eq!((&unavailable["kind"], &unavailable["status"]), (&"failed".into(), &503.into()));
    let sentence = unavailable["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Answered UNAVAILABLE after "), "{sentence}");

    running.process.signal(Signal::TERM).unwrap();
    drop(client);
    end(running.process);
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), expected.len());
    for (line, (name, http)) in lines.iter().zip(expected) {
        assert_eq!(line["rpc.response.status_code"], name, "{line}");
        assert_eq!(line["http.response.status_code"], http, "{line}");
    }
}

/// Nothing else than calls has one, whatever is in its fields.
#[test]
fn a_request_that_is_no_call_has_no_status_of_one() {
    let (_endpoints, running) = before("", &[|peer, stream| at_once(peer, stream, "14")]);
    let mut client = Http2Client::connect(running.address).unwrap();
    let stream = client.request(&Block::request("GET", "/"), true).unwrap();
    assert!(matches!(client.outcome(stream, LONG).unwrap(), Outcome::Answered { status: 200, .. }));
    running.wait_for_metric("evenkeel_requests_total", "code_class=\"2xx\"", 1);
    assert_eq!(running.metric("evenkeel_grpc_calls_total", ""), 0);
    assert_eq!(running.metric("evenkeel_upstream_faults_total", ""), 0);
}

#[test]
fn what_we_refuse_and_whom_we_lose_is_counted_by_what_the_client_is_told() {
    let (endpoints, running) = before(
        "retry = \"off\"",
        &[|peer, stream| match stream {
            1 => peer.reset(stream, INTERNAL_ERROR),
            _ => Ok(()),
        }],
    );
    let mut client = Http2Client::connect(running.address).unwrap();
    call(&mut client, "/greeter/Broken");
    running.wait_for_metric("evenkeel_grpc_calls_total", "status=\"UNAVAILABLE\"", 1);
    let block = Block::request("POST", "/").field("content-type", "application/grpc");
    let stream = client.request(&block, false).unwrap();
    wait_until(LONG, || endpoints[0].frames(Kind::Headers).len() == 2).unwrap();
    client.send(&frame(Kind::RstStream, 0, stream, &CANCEL.to_be_bytes())).unwrap();
    running.wait_for_metric("evenkeel_grpc_calls_total", "status=\"CANCELLED\"", 1);
}

/// What a client sees is the end of an answer that had begun with 200; that it then went well was what the log and the figures said. Who can read what
/// follows an answer is told there: a stream that is reset is to gRPC a fault of whoever did it, and its call one that is not to be made again.
#[test]
fn a_call_that_breaks_off_behind_its_first_message_is_not_counted_and_logged_as_one_that_went_well()
{
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("access.log");
    let keys = format!("[log]\naccess = {{ path = \"{}\" }}", log.display());
    let (_endpoints, running) = before(
        &keys,
        &[|peer, stream| {
            peer.head(stream, &begun(), false)?;
            peer.data(stream, MESSAGE, false)?;
            if stream == 1 { peer.reset(stream, INTERNAL_ERROR) } else { Ok(()) }
        }],
    );
    let mut client = Http2Client::connect(running.address).unwrap();
    let broken = call(&mut client, "/greeter/Broken");
    assert!(matches!(broken, Outcome::Answered { .. }), "{broken:?}");
    let endless = |client: &mut Http2Client, path, timeout| {
        let block = Block::request("POST", path).field("content-type", "application/grpc");
        let stream = client.request(&block.field("grpc-timeout", timeout), true).unwrap();
        let is_message = |frame: &Frame| frame.kind == Kind::Data && frame.stream == stream;
        while !is_message(&client.read_frame(LONG).unwrap().unwrap()) {}
        stream
    };
    let late = endless(&mut client, "/greeter/Late", "1S");
    assert!(matches!(client.outcome(late, LONG).unwrap(), Outcome::Reset(_)));
    let left = endless(&mut client, "/greeter/Left", "1H");
    client.send(&frame(Kind::RstStream, 0, left, &CANCEL.to_be_bytes())).unwrap();
    running.wait_for_metric("evenkeel_requests_total", "", 3);
    for (class, count) in [("2xx", 0), ("4xx", 1), ("5xx", 2)] {
        let class = format!("code_class=\"{class}\"");
        running.wait_for_metric("evenkeel_requests_total", &class, count);
    }
    // It is the endpoint's failure once, beside its answers that began well.
    running.wait_for_metric("evenkeel_upstream_requests_total", "code_class=\"2xx\"", 3);
    running.wait_for_metric("evenkeel_upstream_failures_total", "", 1);

    let (_, why) = running.ask("GET", "/api/v1/why?status=503", "");
    let sentence = why["stories"][0]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Failed with UNAVAILABLE after "), "{sentence}");
    let deed = "began to answer and closed the connection before its answer was complete.";
    assert!(sentence.ends_with(deed), "{sentence}");

    running.process.signal(Signal::TERM).unwrap();
    drop(client);
    end(running.process);
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [("UNAVAILABLE", 503), ("DEADLINE_EXCEEDED", 504), ("CANCELLED", 499)];
    assert_eq!(lines.len(), expected.len());
    for (line, (name, http)) in lines.iter().zip(expected) {
        assert_eq!(line["rpc.response.status_code"], name, "{line}");
        assert_eq!(line["http.response.status_code"], http, "{line}");
    }
}

/// Each of its answers begins well.
#[test]
fn an_endpoint_whose_calls_all_fail_at_their_ends_loses_its_work_as_one_that_fails_at_once() {
    let trips = "outlier = \"off\"\nbreaker = { failure_rate = \"90%\", min_requests = 10, cool_down = \"1h\" }";
    let ejects = "breaker = \"off\"\noutlier = { failure_rate = \"off\", deviations = \"off\" }";
    let silent: Behaviour = |peer, stream| at_the_end(peer, stream, b"", "14");
    let talkative: Behaviour = |peer, stream| {
        peer.head(stream, &begun(), false)?;
        peer.data(stream, MESSAGE, false)?;
        // The message has been passed on when the end comes.
        pause(Duration::from_millis(10));
        peer.head(stream, &Block::new().field("grpc-status", "14"), true)
    };
    let well: Behaviour = |peer, stream| at_the_end(peer, stream, MESSAGE, "0");
    for (keys, state, sick) in [
        (trips, "tripped", silent),
        (ejects, "ejected", silent),
        (trips, "tripped", talkative),
        (ejects, "ejected", talkative),
    ] {
        let (_endpoints, running) = before(keys, &[sick, well]);
        let mut client = Http2Client::connect(running.address).unwrap();
        let reached = wait_until(LONG, || {
            call(&mut client, "/greeter/Hello");
            running.endpoint(0)["state"] == state
        });
        reached.unwrap_or_else(|error| panic!("{error}: {}", running.endpoint(0)));
    }
}

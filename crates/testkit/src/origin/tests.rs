use super::*;
use crate::{Client, Gate, get};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn requests_are_answered_recorded_and_counted() {
    let origin = Origin::start(|request: &Request| Script::ok(&request.target)).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    for path in ["/a", "/b"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.exchange(request.as_bytes(), SOON).unwrap().text(), path);
    }
    let post =
        b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    assert_eq!(client.exchange(post, SOON).unwrap().status, 200);

    let requests = origin.requests();
    assert_eq!((origin.connection_count(), requests.len()), (1, 3));
    assert_eq!(requests[2].body, b"hi");
    assert_eq!((requests[2].connection, requests[2].index), (0, 2));
    let received = origin.received(0);
    assert!(received.starts_with(b"GET /a HTTP/1.1\r\n") && received.ends_with(post));
}

#[test]
fn pieces_arrive_as_one_answer() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let origin = Origin::start(move |_: &Request| Script::new().send_in_pieces(answer, 1)).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    let response = client.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", SOON).unwrap();
    assert_eq!((response.text().as_str(), response.head.len()), ("abc", 47));
}

#[test]
fn a_close_ends_in_order_and_a_reset_does_not() {
    let origin = Origin::start(|request: &Request| match request.target.as_str() {
        "/close" => Script::ok("bye").close(),
        _ => Script::new().reset(),
    })
    .unwrap();
    assert_eq!(get(origin.address(), "/close").unwrap().text(), "bye");
    let error = get(origin.address(), "/reset").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
}

#[test]
fn a_script_waits_for_its_gate() {
    let gate = Gate::new();
    let script = Script::new().wait_for(&gate).followed_by(Script::ok("now"));
    let origin = Origin::start(move |_: &Request| script.clone()).unwrap();
    let mut client = Client::connect(origin.address()).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    origin.wait_for_requests(1, SOON).unwrap();
    assert!(client.read_response(Duration::from_millis(20)).is_err());
    gate.open();
    assert_eq!(client.read_response(SOON).unwrap().text(), "now");
}

#[test]
fn a_stopped_origin_refuses_and_a_restarted_one_answers_on_the_same_port() {
    let never = Gate::new();
    let mut origin = Origin::start(move |request: &Request| match request.target.as_str() {
        "/hang" => Script::new().wait_for(&never),
        _ => Script::ok("").close(),
    })
    .unwrap();
    let mut hanging = Client::connect(origin.address()).unwrap();
    hanging.send(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    origin.wait_for_requests(1, SOON).unwrap();

    origin.stop().unwrap();
    assert_eq!(hanging.read_to_end(SOON).unwrap(), b"");
    let refused = Client::connect(origin.address()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(origin.open_connection_count(), 0);

    origin.restart().unwrap();
    assert_eq!(get(origin.address(), "/").unwrap().status, 200);
    assert_eq!((origin.connection_count(), origin.request_count()), (2, 2));
}

/// Speaks before it is spoken to, and again before it has read the body.
struct Hasty;

impl Behaviour for Hasty {
    fn accepted(&self, number: usize) -> Script {
        if number == 0 { Script::new().reset() } else { Script::new() }
    }

    fn head_arrived(&self, request: &Request) -> Script {
        match request.header("expect") {
            Some("100-continue") => Script::new().send("HTTP/1.1 100 Continue\r\n\r\n"),
            _ => Script::new(),
        }
    }

    fn answer(&self, request: &Request) -> Script {
        Script::status(201, &request.body)
    }
}

#[test]
fn a_behaviour_can_speak_at_accept_and_before_the_body() {
    let origin = Origin::start(Hasty).unwrap();
    let mut first = Client::connect(origin.address()).unwrap();
    assert!(first.read_to_end(SOON).is_err(), "the first connection is reset");

    let mut client = Client::connect(origin.address()).unwrap();
    let head = b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(client.exchange(head, SOON).unwrap().status, 100);
    let response = client.exchange(b"body", SOON).unwrap();
    assert_eq!((response.status, response.text().as_str()), (201, "body"));
}

#[test]
fn a_script_tells_when_it_has_come_to_a_place() {
    let sent = Gate::new();
    let script = Script::ok("a").open(&sent).close();
    let origin = Origin::start(move |_: &Request| script.clone()).unwrap();
    assert!(!sent.is_open());
    assert_eq!(get(origin.address(), "/").unwrap().text(), "a");
    assert!(sent.wait(Duration::from_secs(10)));
    let readings = origin.readings().unwrap();
    assert_eq!((readings.len(), readings[0].requests.len(), readings[0].is_cut), (1, 1, false));
}

//! Requests that come before their turn, and connections that are shared by many: nobody gets another one's answer.

use evenkeel_testkit::{Gate, Request, Script, wait_until};

use crate::hostile_arena::{Arena, Records};
use crate::running::{GET, LONG};

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Answers with the target; holds `/held` back until the gate opens.
fn echo_but_hold(held: &Gate) -> impl Fn(&Request) -> Script + Send + Sync + use<> {
    let held = held.clone();
    move |request: &Request| {
        let answer = Script::ok(&request.target);
        match request.target.as_str() {
            "/held" => Script::new().wait_for(&held).followed_by(answer),
            _ => answer,
        }
    }
}

#[test]
fn answers_come_in_the_order_of_their_requests() {
    let held = Gate::new();
    let arena = Arena::before(echo_but_hold(&held), "", "");
    let mut client = arena.connect();
    let many: String = (0..40).map(|number| get(&format!("/{number}"))).collect();
    client.send(format!("{}{many}", get("/held")).as_bytes()).unwrap();
    arena.origin.wait_for_requests(1, LONG).unwrap();
    // Another client is not behind this one.
    let other = arena.connect().exchange(get("/other").as_bytes(), LONG).unwrap();
    assert_eq!(other.text(), "/other");
    assert_eq!(client.leftover(), b"");
    held.open();
    assert_eq!(client.read_response(LONG).unwrap().text(), "/held");
    for number in 0..40 {
        assert_eq!(client.read_response(LONG).unwrap().text(), format!("/{number}"));
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_comes_behind_a_refused_request_is_not_read() {
    let arena = Arena::before(|request: &Request| Script::ok(&request.target), "", "");
    for refused in [
        "GET / HTTP/1.1\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: test\r\n\r\n",
    ] {
        let before = arena.origin.request_count();
        let mut client = arena.connect();
        client.send(format!("{}{refused}{}", get("/first"), get("/smuggled")).as_bytes()).unwrap();
        assert_eq!(client.read_response(LONG).unwrap().text(), "/first");
        assert!([400, 405].contains(&client.read_response(LONG).unwrap().status), "{refused}");
        assert_eq!(client.read_to_end(LONG).unwrap(), b"", "{refused}");
        assert_eq!(arena.origin.request_count(), before + 1);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_comes_behind_a_last_request_is_not_read() {
    let arena = Arena::before(|request: &Request| Script::ok(&request.target), "", "");
    for last in [
        "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        "GET /last HTTP/1.0\r\n\r\n",
    ] {
        let before = arena.origin.request_count();
        let mut client = arena.connect();
        client.send(format!("{last}{}", get("/smuggled")).as_bytes()).unwrap();
        assert_eq!(client.read_response(LONG).unwrap().text(), "/last");
        assert_eq!(client.read_until_gone(LONG).unwrap(), b"");
        assert_eq!(arena.origin.request_count(), before + 1);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection_and_is_framed_all_the_same() {
    let arena = Arena::before(|request: &Request| Script::ok(&request.target), "", "");
    let mut client = arena.connect();
    let kept = "POST /kept HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello";
    client.send(format!("{kept}{kept}{}", get("/new")).as_bytes()).unwrap();
    for target in ["/kept", "/kept", "/new"] {
        assert_eq!(client.read_response(LONG).unwrap().text(), target);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_client_that_leaves_does_not_leave_its_answer_to_the_next() {
    let held = Gate::new();
    let arena = Arena::before(echo_but_hold(&held), "", "");
    for number in 1..=5 {
        let mut client = arena.connect();
        client.send(get("/held").as_bytes()).unwrap();
        arena.origin.wait_for_requests(number, LONG).unwrap();
        client.reset().unwrap();
    }
    held.open();
    for _ in 0..20 {
        for target in ["/a", "/b"] {
            let response = arena.connect().exchange(get(target).as_bytes(), LONG).unwrap();
            assert_eq!(response.text(), target);
        }
    }
    arena.judge(Records::AreWhole);
}

/// Response-queue poisoning: an answer that nobody asked for waits on an idle connection for the next client.
#[test]
fn an_answer_that_nobody_asked_for_is_never_anybodys() {
    let (idle, poisoned) = (Gate::new(), Gate::new());
    let (when, then) = (idle.clone(), poisoned.clone());
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let behaviour = move |request: &Request| match request.connection {
        0 => Script::ok("first").wait_for(&when).send(poison).open(&then),
        _ => Script::ok("well"),
    };
    let arena = Arena::before(behaviour, "", "");
    assert_eq!(arena.serves().text(), "first");
    idle.open();
    assert!(poisoned.wait(LONG));
    // The balancer finds it while it looks after its idle connections.
    wait_until(LONG, || arena.origin.open_connection_count() == 0).unwrap();
    for _ in 0..3 {
        assert_eq!(arena.serves().text(), "well");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn two_clients_never_share_what_is_half_done() {
    let held = Gate::new();
    let arena = Arena::before(echo_but_hold(&held), "", "");
    let mut slow = arena.connect();
    slow.send(b"POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello").unwrap();
    wait_until(LONG, || arena.origin.open_connection_count() == 1).unwrap();
    let mut waiting = arena.connect();
    waiting.send(get("/held").as_bytes()).unwrap();
    arena.origin.wait_for_requests(1, LONG).unwrap();
    assert_eq!(arena.connect().exchange(get("/quick").as_bytes(), LONG).unwrap().text(), "/quick");
    slow.send(b"world").unwrap();
    assert_eq!(slow.read_response(LONG).unwrap().text(), "/slow");
    held.open();
    assert_eq!(waiting.read_response(LONG).unwrap().text(), "/held");
    let connection = |target: &str| {
        arena
            .origin
            .requests()
            .iter()
            .find(|each| each.target == target)
            .map(|each| each.connection)
    };
    assert_ne!(connection("/slow"), connection("/held"));
    assert_ne!(connection("/slow"), connection("/quick"));
    arena.judge(Records::AreWhole);
}

#[test]
fn empty_lines_between_requests_are_no_requests() {
    let arena = Arena::new();
    let mut client = arena.connect();
    client.send(&[b"\r\n\r\n", GET, b"\r\n", GET].concat()).unwrap();
    for _ in 0..2 {
        assert_eq!(client.read_response(LONG).unwrap().status, 200);
    }
    arena.judge(Records::AreWhole);
}

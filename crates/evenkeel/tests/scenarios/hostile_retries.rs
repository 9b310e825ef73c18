//! What is sent twice, and what never is.

use std::collections::HashMap;
use std::net::TcpListener;

use evenkeel_testkit::{Origin, Request, Script};

use crate::hostile_arena::{Arena, Records, post};
use crate::running::{GET, LONG, Running, refusing};

fn identified(method: &str, number: usize) -> String {
    format!("{method} /{number} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody")
}

/// How often each request has reached `origin`.
fn counts(origin: &Origin) -> HashMap<(String, String), usize> {
    let mut counts = HashMap::new();
    for request in origin.requests() {
        *counts.entry((request.method, request.target)).or_default() += 1;
    }
    counts
}

/// Whatever an endpoint does to it, and however its pooled connections die.
#[test]
fn what_may_not_be_done_twice_is_never_sent_twice() {
    let endings = [
        Script::new().close(),
        Script::new().reset(),
        Script::new().finish_sending(),
        Script::new().send("HTTP/1.1 2").close(),
        Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").close(),
        Script::new().send("garbage\r\n\r\n"),
        Script::ok("well").close(),
        Script::ok("well").reset(),
        Script::ok("well"),
    ];
    let count = endings.len();
    let behaviour = move |request: &Request| {
        let number: usize = request.target[1..].parse().unwrap_or_default();
        if request.method == "GET" {
            Script::ok("well")
        } else {
            endings[number % endings.len()].clone()
        }
    };
    let arena = Arena::before(behaviour, "", "");
    for method in ["POST", "PATCH", "LOCK"] {
        for number in 0..3 * count {
            // So that there is a connection in the pool for the next.
            arena.serves();
            let mut client = arena.connect();
            client.send(identified(method, number).as_bytes()).unwrap();
            match client.read_response(LONG) {
                Ok(response) => assert!([200, 502].contains(&response.status), "{response:?}"),
                Err(error) => {
                    assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{method} {number}");
                }
            }
        }
    }
    for ((method, target), count) in counts(&arena.origin) {
        assert!(method == "GET" || count == 1, "{method} {target} was sent {count} times");
    }
    arena.judge(Records::MayBeCut);
}

/// Not even what may be: the endpoint that has answered a part of it has seen it.
#[test]
fn a_request_that_was_answered_in_part_goes_nowhere_else() {
    let origins = [(); 3].map(|()| {
        Origin::start(|_: &Request| {
            Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome").close()
        })
        .unwrap()
    });
    let words = origins.each_ref().map(|origin| origin.address().to_string());
    let running = Running::serve(&words.each_ref().map(String::as_str));
    for number in 1..=6 {
        assert!(running.connect().exchange(GET, LONG).is_err());
        assert_eq!(origins.iter().map(Origin::request_count).sum::<usize>(), number);
    }
}

#[test]
fn a_request_whose_connection_was_refused_goes_elsewhere_whatever_its_method() {
    let origin = Origin::start(|request: &Request| Script::ok(&request.body)).unwrap();
    let refusing = [refusing(), refusing()];
    let listener = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\", \"{}\", \"{}\"]\nhealth = false\n",
        refusing[0],
        refusing[1],
        origin.address()
    );
    for round in 1..=5 {
        // A new one each time: an old one avoids who has refused it.
        let running = Running::from_toml(&listener);
        let response =
            running.connect().exchange(&post("Content-Length: 4\r\n", "body"), LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "body"));
        assert_eq!(origin.request_count(), round);
    }
}

#[test]
fn when_everybody_refuses_the_client_hears_of_it_once() {
    let refusing = [refusing(), refusing()];
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\", \"{}\"]\nhealth = false\n",
        refusing[0], refusing[1]
    ));
    let mut client = running.connect();
    for _ in 0..3 {
        let response = client.exchange(GET, LONG).unwrap();
        assert!([502, 503].contains(&response.status), "{}", response.status);
        assert_eq!(client.leftover(), b"");
    }
}

/// The kernel takes connections in the name of a listener that accepts none; nobody knows what becomes of what is sent there.
#[test]
fn a_request_that_was_sent_and_not_answered_goes_nowhere_else() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = Origin::start(|_: &Request| Script::ok("second")).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"both\"\n[cluster.both]\n\
         endpoints = [\"{}\", {{ address = \"{}\", backup = true }}]\nhealth = false\ntimeouts = {{ first_byte = \"300ms\" }}\n",
        deaf.local_addr().unwrap(),
        origin.address()
    ));
    let response =
        running.connect().exchange(&post("Content-Length: 4\r\n", "body"), LONG).unwrap();
    assert_eq!(response.status, 504);
    assert_eq!(origin.request_count(), 0);
}

//! Sticky sessions, as clients and operators see them.

use evenkeel_testkit::{Client, Origin, Response};

use crate::running::{LONG, Running, named};

/// A cluster of three, whose sessions are signed with these keys.
fn sticky(origins: &[Origin; 3], keys: &str) -> String {
    let [a, b, c] = origins.each_ref().map(|origin| origin.address().to_string());
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [\"{a}\", \"{b}\", \"{c}\"]\nbalance = \"round-robin\"\n\
         sticky = {{ cookie = \"ek\", keys = [{keys}] }}\n"
    )
}

/// Whatever is answered.
fn send(client: &mut Client, cookie: Option<&str>) -> Response {
    let line = cookie.map_or(String::new(), |value| format!("Cookie: a=1; {value}\r\n"));
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n");
    client.exchange(request.as_bytes(), LONG).unwrap()
}

fn ask(client: &mut Client, cookie: Option<&str>) -> Response {
    let response = send(client, cookie);
    assert_eq!(response.status, 200, "{}", response.text());
    response
}

/// A new session: its cookie, and where it is.
fn begin(client: &mut Client) -> (String, String) {
    let first = ask(client, None);
    (cookie_of(&first), first.text())
}

/// The cookie that an answer sets, without what is said about it.
fn cookie_of(response: &Response) -> String {
    let field = response.header("set-cookie").unwrap();
    assert!(field.contains("; Path=/; Max-Age=3600; SameSite=Lax; HttpOnly"), "{field}");
    field.split(';').next().unwrap().to_owned()
}

const KEY: &str = "\"0123456789abcdef\"";
const NEW_KEY: &str = "\"fedcba9876543210\", \"0123456789abcdef\"";

#[test]
fn a_session_stays_at_its_endpoint_also_at_another_replica_and_with_a_new_key() {
    let origins = [named("a"), named("b"), named("c")];
    let one = Running::from_toml(&sticky(&origins, KEY));
    let mut client = one.connect();
    let (cookie, at) = begin(&mut client);
    // What is in it is sealed, and looks like anything but an address.
    assert!(!cookie.contains("127.0.0.1"), "{cookie}");
    for _ in 0..10 {
        let again = ask(&mut client, Some(&cookie));
        assert_eq!((again.text(), again.header("set-cookie")), (at.clone(), None));
    }
    // Whoever has none, or one that nobody has signed, is balanced like any other.
    let elsewhere: Vec<String> =
        (0..3).map(|_| ask(&mut client, Some("ek=made-up")).text()).collect();
    assert_eq!(elsewhere.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    // A replica, or the same after a restart, reads it; with a new key it signs it anew, and believes the old.
    let other = Running::from_toml(&sticky(&origins, NEW_KEY));
    let mut client = other.connect();
    let moved = ask(&mut client, Some(&cookie));
    assert_eq!(moved.text(), at);
    let renewed = cookie_of(&moved);
    assert_ne!(renewed, cookie);
    assert_eq!(ask(&mut client, Some(&renewed)).text(), at);
}

#[test]
fn a_session_stays_in_its_cluster_where_a_route_divides_requests_among_two() {
    let origins = ["a", "b", "c", "d"].map(named);
    let [a, b, c, d] = origins.each_ref().map(|origin| origin.address().to_string());
    let of = |sticky: &str| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\n[[route]]\nto = {{ old = 1, new = 1 }}\n\
             [cluster.old]\nendpoints = [\"{a}\", \"{b}\"]\nsticky = {sticky}\n\
             [cluster.new]\nendpoints = [\"{c}\", \"{d}\"]\nsticky = {sticky}\n"
        )
    };
    let running = Running::from_toml(&of(&format!("{{ cookie = \"ek\", keys = [{KEY}] }}")));
    let mut client = running.connect();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let (cookie, at) = begin(&mut client);
        for _ in 0..5 {
            let again = ask(&mut client, Some(&cookie));
            assert_eq!((again.text(), again.header("set-cookie")), (at.clone(), None));
        }
        seen.insert(at);
    }
    // One in two to the power of 19 sees one cluster alone.
    assert!(
        seen.iter().any(|at| at < &"c".to_owned()) && seen.iter().any(|at| at >= &"c".to_owned())
    );
    let running = Running::from_toml(&of("\"cookie:user\""));
    let mut client = running.connect();
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..40 {
        let cookie = format!("user={user}");
        let at = ask(&mut client, Some(&cookie)).text();
        assert!((0..5).all(|_| ask(&mut client, Some(&cookie)).text() == at), "{user}");
        seen.insert(at);
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_session_whose_cluster_cannot_go_on_with_it_moves_to_the_other() {
    let mut origins = [named("old"), named("new")];
    let [old, new] = origins.each_ref().map(|origin| origin.address().to_string());
    let sticky = format!("sticky = {{ cookie = \"ek\", keys = [{KEY}] }}\nhealth = false");
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\n[[route]]\nto = {{ old = 1, new = 1 }}\n\
         [cluster.old]\nendpoints = [\"{old}\"]\n{sticky}\n[cluster.new]\nendpoints = [\"{new}\"]\n{sticky}\n"
    ));
    let mut client = running.connect();
    let (cookie, at) = begin(&mut client);
    origins[usize::from(at == "new")].stop().unwrap();
    // By weight, half of the requests would go to where nobody is.
    let mut moved = std::iter::repeat_with(|| send(&mut client, Some(&cookie))).take(200);
    let moved = moved.find(|response| response.status == 200).unwrap();
    let (cookie, to) = (cookie_of(&moved), moved.text());
    assert_ne!(to, at);
    assert!((0..10).all(|_| ask(&mut client, Some(&cookie)).text() == to));
}

#[test]
fn a_session_moves_once_when_its_endpoint_dies_and_does_not_come_back_with_it() {
    let mut origins = [named("a"), named("b"), named("c")];
    let running = Running::from_toml(&sticky(&origins, KEY));
    let mut client = running.connect();
    let (cookie, at) = begin(&mut client);
    let dead = ["a", "b", "c"].iter().position(|name| *name == at).unwrap();
    origins[dead].stop().unwrap();
    let moved = ask(&mut client, Some(&cookie));
    let (next, to) = (cookie_of(&moved), moved.text());
    assert_ne!(to, at);
    origins[dead].restart().unwrap();
    for _ in 0..5 {
        assert_eq!(ask(&mut client, Some(&next)).text(), to);
    }
}

#[test]
fn an_endpoint_that_is_drained_keeps_its_sessions_and_gets_no_new_ones() {
    let origins = [named("a"), named("b"), named("c")];
    let running = Running::from_toml(&sticky(&origins, KEY));
    let mut client = running.connect();
    let (cookie, at) = begin(&mut client);
    let drained = ["a", "b", "c"].iter().position(|name| *name == at).unwrap();
    let path = format!("/api/v1/clusters/api/endpoints/{}/state", origins[drained].address());
    let (status, answer) = running.ask("PUT", &path, r#"{"state": "drain"}"#);
    assert_eq!(status, 200, "{answer}");
    running.wait_for_state(drained, "draining");
    for _ in 0..6 {
        assert_eq!(ask(&mut client, Some(&cookie)).text(), at);
        assert_ne!(ask(&mut client, None).text(), at);
    }
}

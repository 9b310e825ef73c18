//! Listeners where something else comes in after a reload: what was begun before must not be taken for it.

use evenkeel_testkit::{Client, Origin, Script};

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// An endpoint of requests.
fn origin() -> Origin {
    Origin::start(|_: &_| Script::ok("hello")).unwrap()
}

/// A request would be taken for bytes that go on as they are, past all that is asked of requests.
#[test]
fn a_connection_for_requests_carries_none_when_its_listener_becomes_one_for_streams() {
    let origin = origin();
    let held = Held::new();
    let running = Running::from_toml(&listener("http", &[origin.address()], ""));
    let mut old = running.connect();
    assert_eq!(old.exchange(REQUEST, LONG).unwrap().text(), "hello");
    running.rewrite(&listener("tcp", &[held.address()], ""));
    running.reload();
    let (mut client, mut endpoint) = (connect(&running), held.accept());
    client.write_all(b"bytes").unwrap();
    expect(&mut endpoint, "bytes");
    // It may have seen the end before.
    let _ = old.send(REQUEST);
    assert_eq!(old.read_until_gone(LONG).unwrap(), b"");
    assert_eq!(origin.request_count(), 1);
    held.0.set_nonblocking(true).unwrap();
    assert_eq!(held.0.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// What is in a stream must not be taken for requests.
#[test]
fn a_stream_is_none_of_requests_when_its_listener_becomes_one_for_these() {
    let (origin, held) = (origin(), Held::new());
    let toml = format!("drain = \"1s\"\n{}", listener("tcp", &[held.address()], ""));
    let running = Running::from_toml(&toml);
    let (mut old, mut endpoint) = (connect(&running), held.accept());
    old.write_all(b"GET").unwrap();
    expect(&mut endpoint, "GET");
    running.rewrite(
        &toml
            .replace("\"tcp\"", "\"http\"")
            .replace(&held.address().to_string(), &origin.address().to_string()),
    );
    running.reload();
    assert_eq!(running.connect().exchange(REQUEST, LONG).unwrap().text(), "hello");
    // It ends within the time for that, and until then it is what it was.
    assert_eq!(rest(&endpoint), b"");
    drop(endpoint);
    assert_eq!(rest(&old), b"");
    assert_eq!(origin.request_count(), 1);
}

/// Neither what was proved by TLS, nor that there was none, holds on a listener that is another one now.
#[test]
fn a_connection_by_tls_is_not_served_when_its_listener_speaks_clear_text_nor_the_other_way_about() {
    let (origin, certificate) = (origin(), Certificate::of(&["a.test"]));
    let clear = listener("http", &[origin.address()], "");
    let keys = "certificates = [{ cert = \"a.crt\", key = \"a.key\" }]";
    let secured = listener("https", &[origin.address()], keys);
    let running = Running::from_toml(&clear);
    certificate.put(&running);
    let by_tls = || {
        let name = ServerName::try_from("a.test").unwrap();
        Client::connect_tls(running.address, name, trusting(slice::from_ref(&certificate))).unwrap()
    };
    let by_clear_text = || running.connect();
    let connect: [&dyn Fn() -> Client; 2] = [&by_clear_text, &by_tls];
    for (before, after, toml) in [(0, 1, &secured), (1, 0, &clear)] {
        let mut old = connect[before]();
        assert_eq!(old.exchange(REQUEST, LONG).unwrap().text(), "hello");
        running.rewrite(toml);
        running.reload();
        assert_eq!(connect[after]().exchange(REQUEST, LONG).unwrap().text(), "hello");
        let served = origin.request_count();
        let _ = old.send(REQUEST);
        assert_eq!(old.read_until_gone(LONG).unwrap(), b"");
        assert_eq!(origin.request_count(), served);
    }
}

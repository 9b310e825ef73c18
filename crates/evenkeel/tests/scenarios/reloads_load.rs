//! Reloads, drains and removals while requests are running: none of them is lost.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Origin, Request, Script, get, wait_until};

use crate::running::{GET, LONG, Running, end, free_address, named};

/// Clients that ask one request after the other until they are told to stop, every second one on a new connection each time.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(address: SocketAddr, clients: usize) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..clients).map(|number| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || ask(address, number % 2 == 1, &stop, &answered))
        });
        let clients = clients.collect();
        Self { stop, answered, clients }
    }

    /// Waits until so many more have been answered.
    fn flows(&self, more: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        wait_until(LONG, || self.answered.load(Ordering::Relaxed) >= goal).unwrap();
    }

    /// Everything that went wrong, from the first to the last request.
    fn failures(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

fn ask(address: SocketAddr, anew: bool, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    let mut client = Client::connect(address).unwrap();
    while !stop.load(Ordering::Relaxed) && failures.len() < 10 {
        match client.exchange(GET, LONG) {
            Ok(response) if response.status == 200 => {
                answered.fetch_add(1, Ordering::Relaxed);
                if anew {
                    client = Client::connect(address).unwrap();
                }
            }
            Ok(response) => failures.push(format!("{}: {}", response.status, response.text())),
            Err(error) => {
                failures.push(error.to_string());
                client = Client::connect(address).unwrap();
            }
        }
    }
    failures
}

/// A cluster of these, checked often.
fn cluster(endpoints: &[&Origin]) -> String {
    let list: Vec<String> =
        endpoints.iter().map(|each| format!("\"{}\"", each.address())).collect();
    format!(
        "drain = \"20s\"\n[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [{}]\nhealth = {{ interval = \"100ms\", timeout = \"90ms\" }}\n",
        list.join(", ")
    )
}

#[test]
fn a_hundred_reloads_that_add_and_remove_an_endpoint_lose_nothing_and_cut_nothing() {
    let origins = [named("a"), named("b"), named("c")];
    let streaming = Streaming::start();
    let both = cluster(&[&origins[0], &origins[1]]);
    let with_streams = |text: &str| {
        format!(
            "{text}[listener.streams]\nbind = \"{}\"\nto = \"{}\"\nhealth = false\n",
            streaming.front, streaming.back
        )
    };
    let running = Running::from_toml_with(2, &with_streams(&both));
    let mut download = streaming.open(DOWNLOAD);
    let mut socket = streaming.open(UPGRADE);
    let load = Load::start(running.address, 4);
    load.flows(100);
    let all = cluster(&[&origins[0], &origins[1], &origins[2]]);
    let more = free_address();
    for number in 1..=100 {
        let mut text = with_streams(if number % 2 == 1 { &all } else { &both });
        // Now and then another listener comes, gets another name, and goes.
        if number % 10 > 5 {
            let name = if number % 10 == 6 { "more" } else { "renamed" };
            text += &format!("[listener.{name}]\nbind = \"{more}\"\nto = \"api\"\n");
        }
        running.rewrite(&text);
        running.reload();
        assert!(number % 10 < 6 || get(more, "/").unwrap().status == 200, "{number}");
        load.flows(5);
        download.moves(b'd');
        socket.moves(b'w');
    }
    assert_eq!(load.failures(), [""; 0]);
    // The watch may have been quicker than we for some of them, and found nothing left to do for others.
    running.wait_for_metric("evenkeel_config_reloads_total", "applied", 100);
    assert_eq!(running.metric("evenkeel_config_reloads_total", "refused"), 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
    assert!(origins[2].request_count() > 0, "the third had its share");
}

#[test]
fn a_live_endpoint_is_drained_and_removed_without_a_loss() {
    let slow = || {
        let pause = Duration::from_millis(5);
        Origin::start(move |_: &Request| Script::new().pause(pause).followed_by(Script::ok("x")))
    };
    let origins = [slow().unwrap(), slow().unwrap(), slow().unwrap()];
    let running = Running::from_toml_with(2, &cluster(&[&origins[0], &origins[1], &origins[2]]));
    let load = Load::start(running.address, 6);
    load.flows(50);
    let path = |origin: &Origin| format!("/api/v1/clusters/api/endpoints/{}", origin.address());
    let drained = path(&origins[0]);
    let (status, answer) = running.ask("PUT", &format!("{drained}/state"), "{\"state\":\"drain\"}");
    assert_eq!(status, 200, "{answer}");
    wait_until(LONG, || running.endpoint(0)["in_flight"] == 0).unwrap();
    let asked = origins[0].request_count();
    load.flows(100);
    assert_eq!(origins[0].request_count(), asked, "drained means no new work");
    assert_eq!(running.endpoint(0)["state"], "draining");
    // Removed in the middle of its work.
    let (status, answer) = running.ask("DELETE", &path(&origins[1]), "");
    assert_eq!(status, 200, "{answer}");
    wait_until(LONG, || running.status()["leaving"].as_array().unwrap().is_empty()).unwrap();
    load.flows(100);
    let (status, _) = running.ask("PUT", &format!("{drained}/state"), "{\"state\":\"auto\"}");
    assert_eq!(status, 200);
    wait_until(LONG, || origins[0].request_count() > asked).unwrap();
    assert_eq!(load.failures(), [""; 0]);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
    assert_eq!(running.status()["overrides"].as_array().unwrap().len(), 1, "the removal");
}

#[test]
fn a_stop_under_load_loses_no_request_that_ends_in_time() {
    let pause = Duration::from_millis(300);
    let origin =
        Origin::start(move |_: &Request| Script::new().pause(pause).followed_by(Script::ok("x")));
    let origin = origin.unwrap();
    let running = Running::from_toml_with(2, &cluster(&[&origin]));
    let mut clients: Vec<Client> = (0..20).map(|_| running.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(GET).unwrap());
    origin.wait_for_requests(20, LONG).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    for client in &mut clients {
        assert_eq!(client.read_response(LONG).unwrap().status, 200);
    }
    let ended = end(running.process);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

const DOWNLOAD: &[u8] = b"GET /download HTTP/1.1\r\nHost: test\r\n\r\n";
const UPGRADE: &[u8] =
    b"GET /socket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// An endpoint of which the test holds the bare sockets, and the address of the listener before it.
struct Streaming {
    listener: TcpListener,
    front: SocketAddr,
    back: SocketAddr,
}

/// Both ends of something that goes on and on.
struct Stream {
    client: TcpStream,
    endpoint: TcpStream,
}

impl Streaming {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let back = listener.local_addr().unwrap();
        Self { listener, front: crate::running::free_address(), back }
    }

    fn open(&self, request: &[u8]) -> Stream {
        let mut client = TcpStream::connect(self.front).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.write_all(request).unwrap();
        let (mut endpoint, _) = self.listener.accept().unwrap();
        let head = read_head(&mut endpoint);
        endpoint
            .write_all(if head.contains("/socket") {
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".as_slice()
            })
            .unwrap();
        read_head(&mut client);
        Stream { client, endpoint }
    }
}

impl Stream {
    /// A byte that goes in at the endpoint's end comes out at the client's.
    fn moves(&mut self, byte: u8) {
        self.endpoint.write_all(&[byte]).unwrap();
        let mut read = [0];
        self.client.read_exact(&mut read).unwrap();
        assert_eq!(read, [byte]);
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

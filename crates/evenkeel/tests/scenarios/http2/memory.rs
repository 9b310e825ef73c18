//! What clients of HTTP/2 can make the balancer hold for the bytes that they send, once all that a worker lends is lent. `docs/http2.md` has the figures.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Kind, frame};
use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Http2Client, wait_until};

use crate::running::{BINARY, LONG, Running, free_address, in_new_directory};

/// A client with a window of so many bytes for each answer asks for as many as it may.
fn crowd(address: SocketAddr, window: u32, again: &[u8]) -> Http2Client {
    let mut client = Http2Client::connect_with(address, &[(INITIAL_WINDOW_SIZE, window)]).unwrap();
    let first = Block::new().raw([0x82, 0x86, 0x84, 0x41, 1, b't']);
    client.request(&first, true).unwrap();
    let flags = END_STREAM | END_HEADERS;
    let more: Vec<u8> =
        (1..STREAMS).flat_map(|_| frame(Kind::Headers, flags, client.open(), again)).collect();
    client.send(&more).unwrap();
    client
}

/// A `GET /` of four bytes: the authority is in the table.
const AGAIN: [u8; 4] = [0x82, 0x86, 0x84, 0xbe];

#[test]
fn a_connection_that_asks_for_nothing_costs_the_librarys_buffers() {
    let Cost { sent, held } = *IDLE;
    println!("asks for nothing: {held} bytes for {sent}");
    assert!(held < 24 << 10, "{held}");
}

#[test]
fn requests_that_are_not_answered_hold_a_bounded_multiple_of_what_is_sent() {
    is_bounded("is not answered", Endpoint::Silent, |address| crowd(address, 65_535, &AGAIN));
}

#[test]
fn answers_that_no_window_lets_through_hold_a_bounded_multiple_of_what_is_sent() {
    is_bounded("opens no window", Endpoint::Large, |address| crowd(address, 0, &AGAIN));
}

#[test]
fn answers_that_are_let_through_by_the_byte_hold_a_bounded_multiple_of_what_is_sent() {
    is_bounded("opens by a byte", Endpoint::Large, |address| crowd(address, 1, &AGAIN));
}

#[test]
fn answers_that_nobody_reads_hold_a_bounded_multiple_of_what_is_sent() {
    is_bounded("never reads", Endpoint::Large, |address| {
        let mut client = crowd(address, 1 << 30, &AGAIN);
        client.send(&frame(Kind::WindowUpdate, 0, 0, &(1_u32 << 30).to_be_bytes())).unwrap();
        client
    });
}

/// CVE-2026-47774, CVE-2026-49975: empty crumbs, of a byte each.
#[test]
fn crumbs_of_cookies_hold_a_bounded_multiple_of_what_is_sent() {
    let block = || AGAIN.into_iter().chain([0xa0; 60]).collect::<Vec<u8>>();
    is_bounded("crumbs", Endpoint::Large, |address| crowd(address, 0, &block()));
}

/// Names of the static table (RFC 7541 Appendix A), of a byte each: as many as make a map grow that has room for twice as many then.
#[test]
fn heads_that_wait_hold_a_bounded_multiple_of_what_is_sent() {
    // Without Content-Length, Expect and Host, which must not be empty.
    let names = (0x8f..=0xaa).filter(|name| ![0x9c, 0xa3, 0xa6].contains(name));
    let block = || AGAIN.into_iter().chain(names.clone()).collect::<Vec<u8>>();
    is_bounded("25 fields", Endpoint::Silent, |address| crowd(address, 0, &block()));
}

#[test]
fn answers_of_our_own_hold_a_bounded_multiple_of_what_is_sent() {
    is_bounded("is answered by us", Endpoint::None, |address| crowd(address, 0, &AGAIN));
}

/// What a connection holds beyond one that asks for nothing is less than [`MOST`] times what it sends beyond that.
#[track_caller]
#[expect(clippy::print_stdout, reason = "docs/http2.md has the figures")]
fn is_bounded(what: &str, endpoint: Endpoint, attack: impl Fn(SocketAddr) -> Http2Client) {
    let Cost { sent, held } = Cost::of(endpoint, attack);
    let (more_sent, more_held) = (sent - IDLE.sent, held.saturating_sub(IDLE.held));
    println!("{what}: {held} bytes for {sent}, {} to 1 beyond", more_held / more_sent);
    assert!(more_held < MOST * more_sent, "{held} bytes for {sent}");
}

/// How many bytes a connection sends, and how many we hold for it.
struct Cost {
    sent: u64,
    held: u64,
}

static IDLE: LazyLock<Cost> =
    LazyLock::new(|| Cost::of(Endpoint::Silent, |address| Http2Client::connect(address).unwrap()));

impl Cost {
    /// Of each connection of this attack, when others before it hold all that the worker lends.
    /// At once, or when those that got none of that have waited in vain.
    fn of(endpoint: Endpoint, attack: impl Fn(SocketAddr) -> Http2Client) -> Self {
        let (to, more) = match endpoint {
            Endpoint::None => (
                String::new(),
                "[[route]]\nhost = \"other\"\nto = \"none\"\n[cluster.none]\nendpoints = [\"127.0.0.1:1\"]\nhealth = false\n",
            ),
            _ => (format!("to = [\"{}\"]\nhealth = false", endpoint.start()), ""),
        };
        let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
        let address = free_address();
        let toml = format!(
            "[listener.web]\nbind = \"{address}\"\n{to}\n\
             timeouts = {{ header = \"10m\", body = \"10m\", write = \"10m\" }}\n\
             {more}[admin]\nbind = \"127.0.0.1:0\"\n"
        );
        fs::write(&file, toml).unwrap();
        let mut command = Command::new(BINARY);
        // Huge pages come in steps of 2 MiB.
        command.args(["run", "--workers", "1", "-c", &file]).env("MIMALLOC_ALLOW_THP", "0");
        let running = Running::start(&mut command, address);
        // The first ones also pay for what is there once.
        let _first: Vec<Http2Client> = (0..FIRST).map(|_| attack(address)).collect();
        for _ in 0..100 {
            turned_away(&running);
        }
        let before = settled(&running);
        let others: Vec<Http2Client> = (0..ATTACKERS).map(|_| attack(address)).collect();
        let after = settled(&running).max(settled_late(&running));
        let sent: u64 = others.iter().map(Http2Client::sent).sum();
        Self { sent: sent / ATTACKERS, held: after.saturating_sub(before) / ATTACKERS }
    }
}

/// What it holds when it has stopped to grow.
fn settled(running: &Running) -> u64 {
    let held = || running.process.resident_bytes().unwrap();
    let (mut before, mut same) = (held(), 0);
    wait_until(LONG, || {
        pause(Duration::from_millis(200));
        let now = held();
        let is_same = now.abs_diff(std::mem::replace(&mut before, now)) < 16 << 10;
        same = if is_same { same + 1 } else { 0 };
        same == 5
    })
    .unwrap();
    before
}

/// What it holds when it has turned away whoever waits, which of clients that do not read is nobody.
fn settled_late(running: &Running) -> u64 {
    let _ = wait_until(WAITS_MAX, || turned_away(running) >= WAIT_MIN);
    settled(running)
}

fn turned_away(running: &Running) -> u64 {
    running.metric("evenkeel_failures_total", "reason=\"pending_timeout\"")
}

/// What requests get. It keeps their connections for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    /// There is none.
    None,
    /// Nothing.
    Silent,
    /// As much of a large answer as the system takes.
    Large,
}

impl Endpoint {
    fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            // They end with the test.
            let mut kept = Vec::new();
            for socket in listener.incoming().flatten() {
                if self == Self::Large {
                    let socket = socket.try_clone().unwrap();
                    thread::spawn(move || answer(&socket));
                }
                kept.push(socket);
            }
        });
        address
    }
}

fn answer(mut socket: &TcpStream) {
    let body = vec![b'x'; 256 << 10];
    let _ = socket.read(&mut [0; 1024]);
    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    // Most servers send the body by itself: it may be read by itself, too.
    pause(Duration::from_millis(200));
    let _ = socket.set_nonblocking(true);
    let _ = socket.write(&body);
}

/// So many connections come first, which take all that the worker lends.
const FIRST: u64 = 10;

/// So many are looked at.
const ATTACKERS: u64 = 24;

/// As many requests as may be under way on a connection.
const STREAMS: usize = 128;

/// At least so many of all requests get nothing of what the worker lends, which is 512, and have not earned any.
const WAIT_MIN: u64 = (FIRST + ATTACKERS) * (STREAMS as u64 - 2) - 600;

/// They wait for no longer than that.
const WAITS_MAX: Duration = Duration::from_secs(11);

/// How much may be held for each byte.
const MOST: u64 = 100;

/// RFC 9113 §6.5.2.
const INITIAL_WINDOW_SIZE: u16 = 4;

//! Checks that the load of new connections makes each a new session: one that is resumed takes no signature of the contender.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use evenkeel_testkit::ports;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use super::case::Case;
use super::load::{self, Load};
use super::tls::Tls;
use crate::Outcome;

/// What is wrong with the load, by what a server saw of it that would have resumed; `None` if nothing is.
pub(super) fn check(tls: &Tls) -> Outcome<Option<String>> {
    let [port] = ports::free_ports()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let done = AtomicBool::new(false);
    let (loaded, seen) = thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, &tls.server, &done));
        // One after the other, as they are served: so that each has a ticket of the one before.
        let load = Load { connections: 1, ..Case::Connect.load() };
        let loaded = load::run(&tls.target(port), load, 1);
        done.store(true, Ordering::Release);
        // Only now does it look.
        drop(TcpStream::connect(address));
        (loaded, server.join())
    });
    let answers = loaded?.answers;
    let Seen { full, resumed } = seen.map_err(|_| "the server of full handshakes has failed")??;
    let is_sound = resumed == 0 && full >= answers && answers > 1;
    Ok((!is_sound).then(|| {
        format!("the load resumed {resumed} sessions beside {full} full handshakes for {answers} answers")
    }))
}

/// How many handshakes were done.
#[derive(Default)]
struct Seen {
    full: u64,
    resumed: u64,
}

/// Answers one request on each connection, until it is `done`.
fn serve(
    listener: &TcpListener,
    config: &Arc<ServerConfig>,
    done: &AtomicBool,
) -> io::Result<Seen> {
    let mut seen = Seen::default();
    loop {
        let (socket, _) = listener.accept()?;
        if done.load(Ordering::Acquire) {
            return Ok(seen);
        }
        // The load breaks off its last connection.
        match answer(socket, config) {
            Ok(Some(HandshakeKind::Resumed)) => seen.resumed += 1,
            Ok(Some(_)) => seen.full += 1,
            Ok(None) | Err(_) => {}
        }
    }
}

fn answer(socket: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Option<HandshakeKind>> {
    socket.set_read_timeout(Some(QUESTION_WITHIN))?;
    let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, socket));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
    }
    let stream = stream.get_mut();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(stream.conn.handshake_kind())
}

const QUESTION_WITHIN: Duration = Duration::from_secs(5);

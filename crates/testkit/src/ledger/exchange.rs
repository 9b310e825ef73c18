//! One request of a ledger and its answer, and what that comes to. Called by `crew`.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::entry::{Class, Method};
use crate::message::{Fields, Framing, parse_decimal, parse_head};
use crate::stamp;
use crate::wait::Deadline;
use crate::wire::Wire;

/// A client's connection, kept from one request to the next for as long as the other side does.
pub(super) struct Conversation {
    address: SocketAddr,
    wire: Option<Wire>,
}

/// What is sent.
pub(super) struct Question {
    pub(super) id: u64,
    pub(super) method: Method,
    /// Of a POST.
    pub(super) body_bytes: usize,
}

impl Conversation {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, wire: None }
    }

    /// Asks, and says what became of it.
    pub(super) fn ask(&mut self, question: &Question, until: Instant) -> Class {
        let Some(left) = left(until) else { return Class::TimedOut };
        let mut wire = match self.wire.take().filter(is_usable) {
            Some(wire) => wire,
            None => match connect(self.address, left) {
                Ok(wire) => wire,
                Err(error) if is_timeout(&error) => return Class::TimedOut,
                Err(_) => return Class::NotConnected,
            },
        };
        let class = ask_over(&mut wire, question, until);
        match class {
            Ok((class, true)) => {
                self.wire = Some(wire);
                class
            }
            Ok((class, false)) | Err(class) => class,
        }
    }
}

/// Whether the other side has neither closed it nor said anything unasked.
fn is_usable(wire: &Wire) -> bool {
    let stream = wire.stream();
    let idle = || {
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        peeked
    };
    matches!(idle(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn connect(address: SocketAddr, within: Duration) -> io::Result<Wire> {
    let stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_nodelay(true)?;
    Ok(Wire::new(stream))
}

/// What became of it, and whether the connection can be used once more.
fn ask_over(wire: &mut Wire, question: &Question, until: Instant) -> Result<(Class, bool), Class> {
    let Some(left) = left(until) else { return Err(Class::TimedOut) };
    wire.set_deadline(Deadline::after(left));
    let sent = send(wire.stream(), question, left);
    // Who refuses a body may have answered already, though it could not all be sent.
    let head = wire.take_head().map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Class::TimedOut,
        io::ErrorKind::InvalidData => Class::WrongAnswer,
        io::ErrorKind::UnexpectedEof => Class::Truncated,
        _ => Class::Reset,
    })?;
    let head = head.ok_or(Class::Reset)?;
    let (status, fields) = parse(&head).map_err(|_| Class::WrongAnswer)?;
    let mut class = if status == 200 { Class::Ok } else { Class::of_status(status) };
    let framing = fields.framing().map_err(|_| Class::WrongAnswer)?.unwrap_or(Framing::Close);
    let body = take_body(wire, framing)?;
    if !wire.leftover().is_empty() || !belongs(question, status, &fields) {
        return Err(Class::WrongAnswer);
    }
    if class == Class::Ok {
        class = judge_body(question, &fields, &body);
    }
    let closes = fields.all("connection").any(|value| value.eq_ignore_ascii_case("close"));
    Ok((class, sent.is_ok() && framing != Framing::Close && !closes))
}

fn send(mut to: &TcpStream, question: &Question, within: Duration) -> io::Result<()> {
    let Question { id, method, body_bytes } = question;
    let mut request = format!(
        "{} /ledger/{id} HTTP/1.1\r\nHost: ledger\r\n{}: {id}\r\n",
        method.name(),
        stamp::ID
    )
    .into_bytes();
    match method {
        Method::Get => request.extend_from_slice(b"\r\n"),
        Method::Post => {
            request.extend(format!("Content-Length: {body_bytes}\r\n\r\n").bytes());
            request.extend(stamp::body(*id, *body_bytes));
        }
    }
    to.set_write_timeout(Some(within))?;
    to.write_all(&request)
}

fn parse(head: &[u8]) -> io::Result<(u16, Fields)> {
    let (line, fields) = parse_head(head)?;
    let mut words = line.splitn(3, ' ');
    let (version, status) = (words.next(), words.next().unwrap_or_default());
    let status = u16::try_from(parse_decimal(status)?).unwrap_or_default();
    match version {
        Some("HTTP/1.1" | "HTTP/1.0") => Ok((status, fields)),
        _ => Err(crate::message::malformed("not a status line", line)),
    }
}

fn take_body(wire: &mut Wire, framing: Framing) -> Result<Vec<u8>, Class> {
    let body = match framing {
        Framing::None => Ok(Vec::new()),
        Framing::Length(length) => wire.take_exactly(length),
        Framing::Chunked => wire.take_chunked().map(|(body, _)| body),
        Framing::Close => wire.take_to_end(),
    };
    body.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Class::TimedOut,
        io::ErrorKind::InvalidData => Class::WrongAnswer,
        _ => Class::Truncated,
    })
}

/// Whether the answer is to this question. One that is not stamped is a balancer's own, which no success can be.
fn belongs(question: &Question, status: u16, fields: &Fields) -> bool {
    match fields.get(stamp::ID) {
        Some(id) => id == question.id.to_string(),
        None => status != 200,
    }
}

/// A successful answer has the body that its stamp says, and says that the question had the body that was sent.
fn judge_body(question: &Question, fields: &Fields, body: &[u8]) -> Class {
    let number = |name| fields.get(name).and_then(|value| value.parse::<u64>().ok());
    let sent = match question.method {
        Method::Get => Vec::new(),
        Method::Post => stamp::body(question.id, question.body_bytes),
    };
    let length = number(stamp::LENGTH).and_then(|length| usize::try_from(length).ok());
    let (Some(length), Some(digest)) = (length, number(stamp::DIGEST)) else {
        return Class::WrongAnswer;
    };
    let expected = stamp::body(question.id, length);
    if digest != stamp::digest(&sent) || !expected.starts_with(body) {
        return Class::WrongAnswer;
    }
    if body.len() < length { Class::TruncatedSilently } else { Class::Ok }
}

fn left(until: Instant) -> Option<Duration> {
    until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

//! An input of `whole_proxy` as a script: what a client sends, and what the endpoint answers.
//!
//! A byte below 128 stands for itself, one of the last four for something that is done, all others for a piece of HTTP, so that
//! a mutation of one byte is a message with another field, and not noise.

/// What happens, one after the other.
#[derive(Debug)]
pub enum Step {
    Send(Vec<u8>),
    /// Gives the others time to see that there is no more yet.
    Pause,
    /// Sends no more.
    Close,
}

#[derive(Debug)]
pub struct Script {
    /// How the listener is set up; see [`crate::proxy`].
    pub settings: u8,
    pub client: Vec<Step>,
    /// One for each request that the endpoint sees.
    pub answers: Vec<Vec<Step>>,
}

/// Reads an input. There is none that is no script.
pub fn script(bytes: &[u8]) -> Script {
    let (&settings, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let mut parts = bytes.split(|&byte| byte == NEXT).map(steps);
    let client = parts.next().unwrap_or_default();
    Script { settings, client, answers: parts.take(ANSWERS_MAX).collect() }
}

fn steps(bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut pending = Vec::new();
    for &byte in bytes {
        match byte {
            PAUSE | CLOSE => {
                steps.push(Step::Send(std::mem::take(&mut pending)));
                steps.push(if byte == PAUSE { Step::Pause } else { Step::Close });
            }
            0..0x80 => pending.push(byte),
            _ => pending.extend_from_slice(TOKENS[usize::from(byte - 0x80) % TOKENS.len()]),
        }
    }
    steps.push(Step::Send(pending));
    steps
}

/// Begins the next answer.
const NEXT: u8 = 0xff;
const PAUSE: u8 = 0xfe;
const CLOSE: u8 = 0xfd;

const ANSWERS_MAX: usize = 8;

/// From 0x80 on, again and again.
const TOKENS: [&[u8]; 60] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\n",
    b"HEAD /h HTTP/1.1\r\nHost: a\r\n",
    b"GET /old HTTP/1.0\r\n",
    b"GET http://b/x?y HTTP/1.1\r\nHost: a\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n",
    b"PUT /a/../b%2e HTTP/1.1\r\nHost: a\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"TE: trailers\r\nConnection: TE\r\n",
    b"Connection: Upgrade\r\nUpgrade: chat\r\n",
    b"\r\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 304 Not Modified\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 500 No\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length: 99999\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: \tchunked\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Content-Length : 5\r\n",
    b"Trailer: X-Sum\r\n",
    b"X-A: b\r\n",
    b"X: \r\n y\r\n",
    b"Connection: X-A, host, content-length\r\n",
    b"Host: b\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"ffffffffffffffff\r\n",
    b"5;a=b\r\nhello\r\n",
    b"5\nhello\n",
    b"1\r\nx\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/2.0\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\n",
    b"X_Real_IP: 1.2.3.4\r\n",
    b"Keep-Alive: timeout=5\r\n",
    b"Date: today\r\n",
    b"Accept: application/json\r\n",
    b"Max-Forwards: 0\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    b"\x81\x03abc",
];

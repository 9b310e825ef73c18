//! The HTTP check: one request on a connection of its own, answered by a head whose status decides. Called by `probe`.

use evenkeel_plan::limits::{INTERIM_RESPONSES_MAX, RESPONSE_FIELDS_MAX, RESPONSE_HEAD_BYTES_MAX};
use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::{ParseError, ParseLimits, parse_response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failure;

/// The request of a check. `User-Agent` tells the people who read the origin's log who asks.
pub(super) fn request(method: &str, path: &str, host: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel-health\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// Sends `request` and returns the status of the answer. The body stays unread: the connection is closed at once.
pub(super) async fn exchange(mut stream: TcpStream, request: &str) -> Result<u16, Failure> {
    stream.write_all(request.as_bytes()).await.map_err(|_| Failure::Closed)?;
    let mut unread = Vec::new();
    for _ in 0..=INTERIM_RESPONSES_MAX {
        let (head, length) = read_head(&mut stream, unread).await?;
        if !head.is_interim() {
            return Ok(head.status);
        }
        unread = head.fields.buffer;
        unread.drain(..length);
    }
    Err(Failure::Malformed("too many interim answers"))
}

/// Reads until a head is complete; `received` is what came in after the one before. The proxy's own parser reads it, so
/// that a check passes nothing that the proxy would refuse.
async fn read_head(
    stream: &mut TcpStream,
    received: Vec<u8>,
) -> Result<(ResponseHead, usize), Failure> {
    let limits =
        ParseLimits { fields: RESPONSE_FIELDS_MAX, target_bytes: 0, names: UnusualNames::Keep };
    let mut fields = Fields::default();
    fields.buffer = received;
    loop {
        let filled = fields.buffer.len();
        if let Some(parsed) = parse_response(&mut fields, filled, limits).map_err(refused)? {
            return Ok(parsed);
        }
        if filled >= RESPONSE_HEAD_BYTES_MAX {
            return Err(Failure::TooLarge(RESPONSE_HEAD_BYTES_MAX));
        }
        fields.buffer.reserve(READ_BYTES);
        let read = stream.read_buf(&mut fields.buffer).await.map_err(|_| Failure::Closed)?;
        if read == 0 {
            return Err(Failure::Closed);
        }
    }
}

fn refused(error: ParseError) -> Failure {
    Failure::Malformed(match error {
        ParseError::Malformed(rule) => rule,
        ParseError::UnsupportedVersion => "not HTTP/1",
        ParseError::TooManyFields => "too many fields",
        ParseError::TargetTooLong => "a target in an answer",
    })
}

/// Room for the heads that health endpoints send, in one read.
const READ_BYTES: usize = 2048;

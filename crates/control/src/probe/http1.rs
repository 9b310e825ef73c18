//! One request over HTTP/1.1 on a connection of its own, as the check of `http` makes it.

use evenkeel_plan::limits::{INTERIM_RESPONSES_MAX, RESPONSE_FIELDS_MAX, RESPONSE_HEAD_BYTES_MAX};
use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::{
    BodyDecoder, BodyError, FramingError, ParseError, ParseLimits, parse_response, response_framing,
};
use evenkeel_proto::method::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::http::Search;
use super::{Failure, Stream, tls};

/// An answer of which the head has been read. Dropped, it closes the connection.
#[derive(Debug)]
pub(super) struct Answer<S> {
    stream: S,
    method: Method,
    head: ResponseHead,
    /// What came in after the head.
    received: Vec<u8>,
}

/// Sends a request and reads the head of its answer.
pub(super) async fn ask<S: Stream>(
    mut stream: S,
    method: &str,
    path: &str,
    host: &str,
) -> Result<Answer<S>, Failure> {
    let request = request(method, path, host);
    stream.write_all(request.as_bytes()).await.map_err(|error| tls::broken(&error))?;
    stream.flush().await.map_err(|error| tls::broken(&error))?;
    let method = Method::from_token(method.as_bytes());
    let mut received = Vec::new();
    for _ in 0..=INTERIM_RESPONSES_MAX {
        let (head, length) = read_head(&mut stream, received).await?;
        received = head.fields.buffer[length..].to_vec();
        if !head.is_interim() {
            return Ok(Answer { stream, method, head, received });
        }
    }
    Err(Failure::Malformed("too many interim answers"))
}

/// The request of a check. `User-Agent` tells the people who read the origin's log who asks.
fn request(method: &str, path: &str, host: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel-health\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// Reads until a head is complete; `received` is what came in after the one before. The proxy's own parser reads it, so
/// that a check passes nothing that the proxy would refuse.
async fn read_head(
    stream: &mut impl Stream,
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
            return Err(Failure::TooLarge("the answer's head", RESPONSE_HEAD_BYTES_MAX));
        }
        fields.buffer.reserve(READ_BYTES);
        let read = stream.read_buf(&mut fields.buffer).await;
        let read = read.map_err(|error| tls::broken(&error))?;
        if read == 0 {
            return Err(Failure::Closed);
        }
    }
}

fn refused(error: ParseError) -> Failure {
    Failure::Malformed(match error {
        ParseError::Malformed(rule) => rule,
        ParseError::Preface => {
            return Failure::Version("it answers in HTTP/2, and is asked in HTTP/1.1");
        }
        ParseError::UnsupportedVersion => "not HTTP/1",
        ParseError::TooManyFields => "too many fields",
        ParseError::TargetTooLong => "a target in an answer",
    })
}

fn unframed(error: FramingError) -> Failure {
    Failure::Malformed(match error {
        FramingError::Ambiguous(rule) => rule,
        FramingError::UnknownCoding => "an unknown transfer coding",
    })
}

fn broken(error: BodyError) -> Failure {
    match error {
        BodyError::Malformed(rule) => Failure::Malformed(rule),
        BodyError::Truncated => Failure::Closed,
    }
}

// === impl Answer ===

impl<S: Stream> Answer<S> {
    pub(super) fn status(&self) -> u16 {
        self.head.status
    }

    /// Has `search` look into the body, no further than it takes to know.
    pub(super) async fn search(&mut self, mut search: Search<'_>) -> Result<(), Failure> {
        let framing = response_framing(&self.head, self.method).map_err(unframed)?;
        let mut decoder = BodyDecoder::new(framing);
        loop {
            let payload = decoder.decode(&mut self.received).map_err(broken)?.payload;
            if let Some(outcome) = search.look_into(&self.received[..payload]) {
                return outcome;
            }
            if decoder.is_done() {
                return Err(search.in_vain());
            }
            self.received.clear();
            self.received.reserve(READ_BYTES);
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(|error| tls::broken(&error))? == 0 {
                decoder.end_of_stream().map_err(broken)?;
                return Err(search.in_vain());
            }
        }
    }
}

/// Room for the heads that health endpoints send, in one read.
const READ_BYTES: usize = 2048;

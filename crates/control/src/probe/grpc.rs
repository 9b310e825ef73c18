//! The gRPC check: `grpc.health.v1.Health/Check` over HTTP/2. Called by `probe`.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md> and `health-checking.md` beside it.

use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::words::first_line;
use super::{Failure, Stream, http2};

mod message;

/// Asks whether `service` is served.
pub(super) async fn ask(
    stream: impl Stream,
    origin: (&str, &str),
    service: &str,
) -> Result<(), Failure> {
    let mut head = http2::request("POST", origin, PATH)?;
    let fields = head.headers_mut();
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let message = framed(&message::request(service));
    // It is large, and most checks are without it.
    Box::pin(http2::ask(stream, head, Some(message), outcome)).await
}

async fn outcome(answer: Response<RecvStream>) -> Result<(), Failure> {
    let (head, mut body) = answer.into_parts();
    if head.status != StatusCode::OK {
        let (status, expected) = (head.status.as_u16(), vec![200..=200]);
        return Err(Failure::Status { status, expected });
    }
    // An answer without a message has its status in its head.
    if head.headers.contains_key(STATUS) {
        judge(&head.headers)?;
        return Err(Failure::Malformed("no message"));
    }
    let content_type = head.headers.get(header::CONTENT_TYPE);
    if !content_type.is_some_and(|it| it.as_bytes().starts_with(b"application/grpc")) {
        return Err(Failure::Malformed("not of the content type of gRPC"));
    }
    let message = read(&mut body).await?;
    let trailers = body.trailers().await.map_err(|error| http2::failed(&error))?;
    judge(&trailers.ok_or(Failure::Malformed("no trailers"))?)?;
    let message = unframed(&message)?;
    match message::serving_status(message).map_err(Failure::Malformed)? {
        message::SERVING => Ok(()),
        status => Err(Failure::NotServing(message::status_name(status))),
    }
}

async fn read(body: &mut RecvStream) -> Result<BytesMut, Failure> {
    let mut message = BytesMut::new();
    while let Some(data) = http2::next(body).await? {
        if message.len() + data.len() > ANSWER_BYTES_MAX {
            return Err(Failure::TooLarge("the answer", ANSWER_BYTES_MAX));
        }
        message.extend_from_slice(&data);
    }
    Ok(message)
}

/// What the call itself came to.
fn judge(fields: &HeaderMap) -> Result<(), Failure> {
    let status = fields.get(STATUS).and_then(|status| status.to_str().ok());
    let code = status.and_then(|status| status.parse::<u32>().ok());
    match code.ok_or(Failure::Malformed("no status of the call"))? {
        0 => Ok(()),
        code => {
            let message = fields.get("grpc-message").map(|message| message.as_bytes());
            let message = first_line(&percent_decoded(message.unwrap_or_default()));
            Err(Failure::GrpcStatus { code, message })
        }
    }
}

/// A message with what stands before it: whether it is compressed, and how long it is.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    // The config bounds the name of a service to far less.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The one message that `body` is.
fn unframed(body: &[u8]) -> Result<&[u8], Failure> {
    let (prefix, message) =
        body.split_first_chunk::<PREFIX_BYTES>().ok_or(Failure::Malformed("no message"))?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Failure::Malformed("a compressed message, which nobody has asked for"));
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(Failure::Malformed("not exactly one message"));
    }
    Ok(message)
}

/// `%XX` are bytes; what only looks like it stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let byte = match tail {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        decoded.push(byte.map_or(*first, |(high, low)| high << 4 | low));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

const PATH: &str = "/grpc.health.v1.Health/Check";

const STATUS: &str = "grpc-status";

const PREFIX_BYTES: usize = 5;

/// The answer has one field of two bytes. Whatever a later version of it says besides has room, too.
const ANSWER_BYTES_MAX: usize = 4096;

//! The gRPC check: `grpc.health.v1.Health/Check` over HTTP/2, in clear text with prior knowledge. Called by `probe`.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md> and `health-checking.md` beside it.

use bytes::{BufMut, Bytes, BytesMut};
use evenkeel_plan::limits::RESPONSE_HEAD_BYTES_MAX;
use h2::client::{self, SendRequest};
use h2::{Error, RecvStream};
use http::{HeaderMap, Method, Request, Response, Uri};

use super::words::first_line;
use super::{Failure, Stream, tls};

mod message;

/// Asks whether `service` is served.
pub(super) async fn ask(
    stream: impl Stream,
    origin: (&str, &str),
    service: &str,
) -> Result<(), Failure> {
    let head = request(origin)?;
    let head_bytes_max = u32::try_from(RESPONSE_HEAD_BYTES_MAX).unwrap_or(u32::MAX);
    let (client, connection) = client::Builder::new()
        .enable_push(false)
        .max_header_list_size(head_bytes_max)
        .handshake(stream)
        .await
        .map_err(|error| failed(&error))?;
    // Nothing moves unless the connection is driven, too; and where it ends by itself, that is the answer.
    tokio::select! {
        biased;
        answer = call(client, head, service) => answer,
        ended = connection => Err(ended.map_or_else(|error| failed(&error), |()| Failure::Closed)),
    }
}

fn request((scheme, authority): (&str, &str)) -> Result<Request<()>, Failure> {
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(PATH).build();
    let request = uri.and_then(|uri| {
        Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .header("user-agent", "evenkeel-health")
            .body(())
    });
    request.map_err(|error| Failure::Unrunnable(format!("`{authority}` is no authority: {error}")))
}

async fn call(client: SendRequest<Bytes>, head: Request<()>, service: &str) -> Result<(), Failure> {
    let failed = |error: Error| failed(&error);
    let mut client = client.ready().await.map_err(failed)?;
    let (answer, mut body) = client.send_request(head, false).map_err(failed)?;
    body.send_data(framed(&message::request(service)), true).map_err(failed)?;
    let (head, mut body) = answer.await.map_err(failed)?.into_parts();
    let head = Response::from_parts(head, ());
    if head.status() != http::StatusCode::OK {
        let (status, expected) = (head.status().as_u16(), vec![200..=200]);
        return Err(Failure::Status { status, expected });
    }
    // An answer without a message has its status in its head.
    if head.headers().contains_key(STATUS) {
        judge(head.headers())?;
        return Err(Failure::Malformed("no message"));
    }
    let content_type = head.headers().get("content-type");
    if !content_type.is_some_and(|it| it.as_bytes().starts_with(b"application/grpc")) {
        return Err(Failure::Malformed("not of the content type of gRPC"));
    }
    let message = read(&mut body).await?;
    let trailers = body.trailers().await.map_err(failed)?;
    judge(&trailers.ok_or(Failure::Malformed("no trailers"))?)?;
    let message = unframed(&message)?;
    match message::serving_status(message).map_err(Failure::Malformed)? {
        message::SERVING => Ok(()),
        status => Err(Failure::NotServing(message::status_name(status))),
    }
}

async fn read(body: &mut RecvStream) -> Result<BytesMut, Failure> {
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| failed(&error))?;
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

fn failed(error: &Error) -> Failure {
    if let Some(error) = error.get_io() {
        return tls::broken(error);
    }
    Failure::Http2(first_line(error.to_string().as_bytes()))
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

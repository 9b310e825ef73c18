//! hyper's client as a judge of answers: what it makes of a byte stream.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::heads::Pairs;
use crate::hyper_server::RUNTIME;

/// An answer as hyper understood it.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub fields: Pairs,
    pub body: Vec<u8>,
}

/// What hyper finds in `first`, which answers `method`, and in `second`, which answers a GET on the same connection.
///
/// # Errors
/// Says which of the two it could not read, and why.
pub fn answers(method: &[u8], first: &[u8], second: &[u8]) -> Result<[Seen; 2], String> {
    RUNTIME.with(|runtime| runtime.block_on(ask(method, first, second)))
}

async fn ask(method: &[u8], first: &[u8], second: &[u8]) -> Result<[Seen; 2], String> {
    let (near, mut far) = tokio::io::duplex(first.len() + second.len() + 65_536);
    let mut builder = http1::Builder::new();
    builder.max_headers(512);
    let handshake = builder.handshake::<_, Empty<Bytes>>(TokioIo::new(near)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let asking = async {
        let method = Method::from_bytes(method).map_err(|error| error.to_string())?;
        let sent = sender.send_request(request(method));
        let (answer, ()) = tokio::join!(sent, reply(&mut far, first));
        let one = note(answer).await.map_err(|error| format!("the first: {error}"))?;
        sender.ready().await.map_err(|error| format!("after the first: {error}"))?;
        let sent = sender.send_request(request(Method::GET));
        let (answer, ()) = tokio::join!(sent, reply(&mut far, second));
        let two = note(answer).await.map_err(|error| format!("the second: {error}"))?;
        Ok([one, two])
    };
    tokio::select! {
        biased;
        seen = asking => seen,
        Err(error) = connection => Err(format!("the connection: {error}")),
        else => Err("the connection ended".into()),
    }
}

/// Says `bytes` when it has been asked.
async fn reply(far: &mut DuplexStream, bytes: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n")
        && far.read_buf(&mut request).await.is_ok_and(|count| count > 0)
    {}
    // Who has had enough closes.
    let _ = far.write_all(bytes).await;
}

fn request(method: Method) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    request.headers_mut().insert("host", hyper::header::HeaderValue::from_static("a"));
    request
}

async fn note(answer: hyper::Result<Response<Incoming>>) -> Result<Seen, String> {
    let (parts, body) = answer.map_err(|error| format!("{error:?}"))?.into_parts();
    let fields = parts.headers.iter();
    Ok(Seen {
        status: parts.status.as_u16(),
        fields: fields
            .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect(),
        body: body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes().to_vec(),
    })
}

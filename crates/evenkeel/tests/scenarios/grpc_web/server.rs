//! A server of gRPC in clear text, by the library `h2`: what becomes of a call its path says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A running server; its thread ends with the tests.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<State>,
}

pub(super) struct State {
    /// How many messages, the trailers among them, may be sent yet by those that send them one by one.
    pub(super) messages: Semaphore,
    /// How many calls were cancelled.
    pub(super) cancelled: AtomicUsize,
    /// How many calls have come.
    pub(super) calls: AtomicUsize,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (messages, cancelled, calls) = (Semaphore::new(0), 0.into(), 0.into());
        let state = Arc::new(State { messages, cancelled, calls });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        let Ok(mut connection) = h2::server::handshake(socket).await else {
                            return;
                        };
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            shared.calls.fetch_add(1, Ordering::AcqRel);
                            tokio::spawn(answer(request, respond, Arc::clone(&shared)));
                        }
                    });
                }
            });
        });
        Self { address, state }
    }
}

/// What goes wrong here the client sees.
async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    state: Arc<State>,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let calls = state.calls.load(Ordering::Acquire);
    let method = head.uri.path().rsplit('/').next().unwrap_or_default();
    match method {
        "Hang" => {
            let _reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await?;
            state.cancelled.fetch_add(1, Ordering::AcqRel);
            Ok(())
        }
        "Page" => {
            let head = Response::builder().status(503).header("content-type", "text/html");
            let mut page = respond.send_response(head.body(()).unwrap(), false)?;
            page.send_data("<p>not now</p>".into(), true)
        }
        "Fail" => only_status(&mut respond, "5"),
        "Flaky" if calls == 1 => {
            // All of the body was sent before.
            read(&mut body).await?;
            only_status(&mut respond, "14")
        }
        "Stream" => {
            let mut out = respond.send_response(head_of(&head), false)?;
            for number in 0..3 {
                state.messages.acquire().await.unwrap().forget();
                out.send_data(message(format!("{number}").as_bytes()).into(), false)?;
            }
            state.messages.acquire().await.unwrap().forget();
            end(&mut out)
        }
        "Break" => {
            let mut out = respond.send_response(head_of(&head), false)?;
            out.send_data(message(b"half").into(), false)?;
            state.messages.acquire().await.unwrap().forget();
            out.send_reset(h2::Reason::INTERNAL_ERROR);
            Ok(())
        }
        _ => {
            let said = read(&mut body).await?;
            let mut out = respond.send_response(head_of(&head), false)?;
            send(&mut out, said.into()).await?;
            end(&mut out)
        }
    }
}

/// An answer that is nothing but a status.
fn only_status(respond: &mut SendResponse<Bytes>, status: &str) -> Result<(), h2::Error> {
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", status)
        .header("grpc-message", "no%20such");
    respond.send_response(head.body(()).unwrap(), true).map(drop)
}

/// Says what was asked, field by field.
fn head_of(asked: &Parts) -> Response<()> {
    let seen = |name: &&str| {
        let value = asked.headers.get(*name)?.to_str().ok()?;
        Some(format!("{name}={value}"))
    };
    let seen: Vec<_> = FIELDS.iter().filter_map(seen).collect();
    let head = Response::builder().header("content-type", "application/grpc");
    head.header("x-seen", seen.join(" ")).header("trailer", "grpc-status").body(()).unwrap()
}

const FIELDS: [&str; 8] = [
    "content-type",
    "te",
    "content-length",
    "accept-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "x-grpc-web",
    "x-mine",
];

fn end(out: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.insert("x-note", HeaderValue::from_static("a: b"));
    out.send_trailers(trailers)
}

async fn read(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        bytes.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len())?;
    }
    Ok(bytes)
}

/// As the window lets it.
async fn send(out: &mut SendStream<Bytes>, mut left: Bytes) -> Result<(), h2::Error> {
    while !left.is_empty() {
        out.reserve_capacity(left.len());
        let Some(granted) = std::future::poll_fn(|cx| out.poll_capacity(cx)).await else { break };
        out.send_data(left.split_to(granted?.min(left.len())), false)?;
    }
    Ok(())
}

/// A message as gRPC frames it, not compressed.
pub(super) fn message(bytes: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

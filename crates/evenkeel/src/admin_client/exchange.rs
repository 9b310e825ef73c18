//! One question and its answer over a connection of its own. Called by the client.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use super::place::Place;
use super::token::Token;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    /// With its query.
    pub(super) path: &'a str,
    /// JSON.
    pub(super) body: Option<String>,
    /// How long the answer may take once we are connected.
    pub(super) within: Duration,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum Trouble {
    Connect(io::Error),
    ConnectTimeout(Duration),
    AnswerTimeout(Duration),
    /// The connection broke, or what came is no HTTP.
    Broken(String),
}

impl<'a> Question<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Question { method: Method::GET, path, body: None, within: super::ANSWER }
    }

    fn request(&self, host: &str, token: Option<&Token>) -> Result<Request<Full<Bytes>>, Trouble> {
        let broken = |error: &dyn Error| Trouble::Broken(error.to_string());
        let mut request = Request::new(Full::from(self.body.clone().unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().map_err(|error| broken(&error))?;
        let host = HeaderValue::from_str(host).map_err(|error| broken(&error))?;
        request.headers_mut().insert(HOST, host);
        if self.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.field());
        }
        Ok(request)
    }
}

/// Asks `question` at `place`.
pub(super) async fn exchange(
    place: &Place,
    token: Option<&Token>,
    question: &Question<'_>,
) -> Result<Answer, Trouble> {
    let connecting = async {
        match place {
            Place::Tcp { host, port } => {
                let addresses: Vec<SocketAddr> =
                    lookup_host((host.as_str(), *port)).await?.collect();
                let stream = TcpStream::connect(addresses.as_slice()).await?;
                let host = host_field(place, stream.peer_addr()?);
                Ok((Stream::Tcp(stream), host))
            }
            Place::Unix(path) => {
                Ok((Stream::Unix(UnixStream::connect(path).await?), "localhost".to_owned()))
            }
        }
    };
    let connected =
        timeout(CONNECT, connecting).await.map_err(|_| Trouble::ConnectTimeout(CONNECT))?;
    let (stream, host) = connected.map_err(Trouble::Connect)?;
    let request = question.request(&host, token)?;
    let answered = timeout(question.within, async {
        match stream {
            Stream::Tcp(stream) => answer(stream, request).await,
            Stream::Unix(stream) => answer(stream, request).await,
        }
    });
    answered.await.map_err(|_| Trouble::AnswerTimeout(question.within))?
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// On loopback the API answers to addresses alone, so that no web page can rebind a name to it; elsewhere a proxy may need the
/// name.
fn host_field(place: &Place, peer: SocketAddr) -> String {
    if peer.ip().to_canonical().is_loopback() { peer.to_string() } else { place.to_string() }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Trouble> {
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| broken(error.as_ref()))?.to_bytes();
        Ok(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    };
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        answered = &mut exchange => answered,
        // What ended it is told to the exchange; the answer may be complete.
        _ = connection => exchange.await,
    }
}

/// The innermost cause, which says most.
fn broken(error: &(dyn Error + 'static)) -> Trouble {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Trouble::Broken(cause.to_string())
}

const CONNECT: Duration = Duration::from_secs(5);

/// Ten times the status of ten thousand endpoints. What is larger is no admin API.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

//! A client of HTTP/2 that somebody else wrote: the library `h2`, in clear text and by TLS.

use std::future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::running::LONG;

/// A connection, and what drives it.
pub(crate) struct Library {
    runtime: Handle,
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// An answer, complete.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// A request that was sent.
pub(crate) struct Sent {
    pub(crate) answer: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

impl Library {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = runtime();
        let socket = runtime.block_on(TcpStream::connect(address)).unwrap();
        Self::over(runtime, socket)
    }

    /// By TLS, with `h2` agreed upon.
    pub(crate) fn connect_tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Self {
        let runtime = runtime();
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let socket = runtime.block_on(async {
            let socket = TcpStream::connect(address).await.unwrap();
            TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
        });
        assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::over(runtime, socket)
    }

    fn over<S>(runtime: Handle, socket: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = client::Builder::new();
        // Small enough that a slow reader is one.
        builder.initial_window_size(64 * 1024).initial_connection_window_size(16 << 20);
        let shaken = runtime.block_on(builder.handshake::<_, Bytes>(socket));
        let (sender, connection) = shaken.unwrap();
        let connection = runtime.spawn(connection);
        Self { runtime, sender, connection }
    }

    /// Runs `work` on the runtime of the connection, for a bounded time.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(LONG, work).await.unwrap() })
    }

    pub(crate) fn send(&mut self, request: Request<()>, is_end: bool) -> Sent {
        let sender = self.sender.clone();
        self.sender = self.wait(sender.ready()).unwrap();
        let _inside = self.runtime.enter();
        let (answer, body) = self.sender.send_request(request, is_end).unwrap();
        Sent { answer, body }
    }

    /// One request without a body, and all of its answer.
    pub(crate) fn ask(&mut self, request: Request<()>) -> Answer {
        let sent = self.send(request, true);
        self.wait(complete(sent.answer)).unwrap()
    }

    /// Sends a whole body, as the window lets it.
    pub(crate) fn upload(&self, body: &mut SendStream<Bytes>, bytes: &[u8]) {
        self.wait(async {
            let mut left = Bytes::copy_from_slice(bytes);
            while !left.is_empty() {
                body.reserve_capacity(left.len());
                let granted = future::poll_fn(|cx| body.poll_capacity(cx)).await;
                let piece = left.split_to(granted.unwrap().unwrap().min(left.len()));
                body.send_data(piece, left.is_empty()).unwrap();
            }
        });
    }

    /// Waits until the connection is over.
    pub(crate) fn ended(mut self, within: Duration) -> Result<(), h2::Error> {
        drop(self.sender);
        let ended = async { tokio::time::timeout(within, &mut self.connection).await };
        self.runtime.block_on(ended).unwrap().unwrap()
    }

    /// Whether no new request can be sent, because the other side has said so.
    pub(crate) fn was_told_to_go(&self) -> bool {
        let ready = self.sender.clone().ready();
        self.wait(ready).is_err()
    }
}

/// A runtime that goes on by itself, on a thread that ends with the test.
fn runtime() -> Handle {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(future::pending::<()>()));
    handle
}

/// All of an answer.
pub(crate) async fn complete(answer: ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut body): (_, RecvStream) = Response::into_parts(answer.await?);
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        bytes.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len())?;
    }
    let trailers = body.trailers().await?;
    Ok(Answer { status: head.status.as_u16(), fields: head.headers, body: bytes, trailers })
}

/// A request for `test` by clear text.
pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://test{path}")).body(()).unwrap()
}

/// What a stream was reset with.
pub(crate) fn reset_of(error: &h2::Error) -> Option<Reason> {
    if error.is_reset() { error.reason() } else { None }
}

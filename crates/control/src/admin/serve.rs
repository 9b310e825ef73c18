//! Accepts and serves the admin API's connections, within bounds: a slow or greedy client costs a slot, until it is needed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::guard::Peer;
use super::router;
use super::slots::{Slot, Slots};
use super::socket::{Socket, Stream};
use crate::overview::Overview;

/// The admin API while it serves. When it is dropped nothing more is accepted, and what was asked is still answered.
#[derive(Debug)]
pub(crate) struct Server {
    socket: Arc<Socket>,
    _serving: watch::Sender<()>,
}

impl Server {
    /// Serves on `socket`, in a task of its own.
    pub(crate) fn start(socket: Socket, overview: Arc<Overview>) -> Self {
        let (serving, stop) = watch::channel(());
        let socket = Arc::new(socket);
        tokio::spawn(serve(Arc::clone(&socket), overview, stop));
        Self { socket, _serving: serving }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

/// Serves until nobody holds the other end of `stop`.
async fn serve(socket: Arc<Socket>, overview: Arc<Overview>, mut stop: watch::Receiver<()>) {
    let router = router(socket.address(), overview);
    let slots = Arc::new(Slots::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok(stream) => {
                let (slots, router, stop) = (Arc::clone(&slots), router.clone(), stop.clone());
                connections.spawn(occupy(slots, stream, router, stop));
            }
            Err(error) => {
                tracing::warn!(%error, "the admin API could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // Whoever is in the queue was told that it is connected; its request must already be on its way.
    let (grace, stop) = watch::channel(());
    while let Ok(stream) = socket.accept_waiting() {
        connections.spawn(occupy(Arc::clone(&slots), stream, router.clone(), stop.clone()));
    }
    drop(socket);
    sleep(LAST_REQUEST).await;
    drop(grace);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection for as long as it has its slot.
async fn occupy(slots: Arc<Slots>, stream: Stream, router: Router, stop: watch::Receiver<()>) {
    let slot = slots.take();
    let conversation = async {
        match stream {
            Stream::Tcp(stream, peer) => {
                converse(stream, router, (Peer::Network(peer.ip()), &slot), stop).await;
            }
            Stream::Unix(stream) => converse(stream, router, (Peer::Path, &slot), stop).await,
        }
    };
    tokio::select! {
        () = conversation => slots.give_back(&slot),
        () = slot.evicted() => {}
    }
}

/// Serves one connection. Its client may be gone or malformed at any time, which is nobody's news.
async fn converse<S>(
    stream: S,
    router: Router,
    (peer, slot): (Peer, &Arc<Slot>),
    mut stop: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        slot.touch();
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(slot));
        router.clone().oneshot(request.map(axum::body::Body::new) as Request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(CONNECTION_AGE_MAX) => {}
        _ = stop.changed() => {}
    }
    // A stream has no last answer to wait for: whoever listens asks again.
    if slot.is_streaming() {
        return;
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(LAST_ANSWER, connection).await);
}

/// For a whole head, and for the idle time before it: twice the usual pause between two scrapes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request's head may be, in bytes; hyper takes no less than 8 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a connection may live: bounds what a client that does not read its answer can hold.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(300);

/// How long the answer that is being sent at that moment may still take.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// How long somebody who was in the queue when we ceased to listen has for a request.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// Accepting fails when descriptors run out, and would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

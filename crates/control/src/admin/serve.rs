//! Accepts and serves the admin API's connections, within bounds: a slow or greedy client costs a slot, for a while.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::router;
use crate::overview::Overview;

/// Serves for as long as it is polled; dropping it ends every connection.
pub(crate) async fn serve(listener: TcpListener, bound: SocketAddr, overview: Arc<Overview>) {
    let router = router(bound, overview);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    converse(stream, router).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin API could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection. Its client may be gone or malformed at any time, which is nobody's news.
async fn converse(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    if timeout(CONNECTION_AGE_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        drop(timeout(LAST_ANSWER, connection).await);
    }
}

/// How many connections are served at once; more wait in the kernel. A few scrapers and people need a handful.
const CONNECTIONS_MAX: usize = 64;

/// For a whole head, and for the idle time before it: twice the usual pause between two scrapes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request's head may be, in bytes; hyper takes no less than 8 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a connection may live: bounds what a client that does not read its answer can hold.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(300);

/// How long the answer that is being sent at that moment may still take.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// Accepting fails when descriptors run out, and would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

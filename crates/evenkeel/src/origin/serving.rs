//! Accepting and serving connections until told otherwise; owned by an [`Origin`](super::Origin).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::answer::Site;

/// A listening socket and its connections. Dropping it kills them.
pub(super) struct Serving {
    orders: watch::Sender<Order>,
    accepting: JoinHandle<()>,
}

/// What the accepting task and every connection follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    Drain,
    Kill,
}

impl Serving {
    pub(super) fn start(listener: TcpListener, site: Arc<Site>) -> Self {
        let (orders, following) = watch::channel(Order::Serve);
        Serving { orders, accepting: tokio::spawn(accept(listener, site, following)) }
    }

    /// Resets everything; returns when it is gone.
    pub(super) async fn kill(mut self) {
        self.orders.send_replace(Order::Kill);
        // It ends in any case; a panic in it would already have been printed.
        let _ = (&mut self.accepting).await;
    }

    /// Finishes what runs; resets what is left after `limit`.
    pub(super) async fn drain(mut self, limit: Duration) {
        self.orders.send_replace(Order::Drain);
        if timeout(limit, &mut self.accepting).await.is_err() {
            self.kill().await;
        }
    }
}

/// Accepts until the order changes, then closes the port and waits for the connections.
async fn accept(listener: TcpListener, site: Arc<Site>, mut orders: watch::Receiver<Order>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&site), orders.clone()));
                }
                // Out of descriptors, most likely: try again when some may be free.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            // Without this, the results of finished connections would pile up.
            Some(_) = connections.join_next() => {}
            _ = orders.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection to its end, or as ordered.
async fn serve(stream: TcpStream, site: Arc<Site>, mut orders: watch::Receiver<Order>) {
    // Worth trying, not worth failing for.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&site).answer(request));
    let mut connection = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    loop {
        let order = tokio::select! {
            // A broken connection is the downstream's affair.
            _ = &mut connection => return,
            order = next(&mut orders) => order,
        };
        match order {
            Order::Serve => {}
            Order::Drain => Pin::new(&mut connection).graceful_shutdown(),
            Order::Kill => return reset(&connection.into_parts().io.into_inner()),
        }
    }
}

async fn next(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        // Whoever gave the orders is gone.
        Err(_) => Order::Kill,
    }
}

/// Makes the close that follows a reset, as the kernel does for a crashed process with unread data.
fn reset(stream: &TcpStream) {
    // If it fails, the connection is closed all the same.
    let _ = stream.set_zero_linger();
}

/// Long enough not to spin, short enough not to be seen.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

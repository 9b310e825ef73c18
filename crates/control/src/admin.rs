//! The admin API: what runs, how it is, and whether it is ready. Reading only. Started by [`crate::start`].

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};

mod bind;
mod latency;
mod metrics;
mod origin_check;
mod serve;
mod snapshot;
mod status;

pub(crate) use bind::bind;
pub(crate) use serve::serve;
pub(crate) use snapshot::status;
pub use status::{
    ClusterStatus, EndpointState, EndpointStatus, LastCheck, Latency, ListenerStatus,
    RequestsByClass, Status,
};

use crate::overview::{Overview, Readiness};
use metrics::Metrics;

/// What the paths answer with. Every path is for GET and HEAD; axum answers 405 to the rest.
fn router(bound: SocketAddr, overview: Arc<Overview>) -> Router {
    let metrics = Arc::new(Metrics::new(Arc::clone(&overview)));
    let scrape = move || async move { expose(&metrics) };
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(readiness))
        .route("/healthz", get(readiness))
        .route("/metrics", get(scrape))
        .route("/api/v1/status", get(show_status))
        .fallback(|| async { (StatusCode::NOT_FOUND, INDEX) })
        .method_not_allowed_fallback(|| async {
            (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "Only GET and HEAD.\n")
        })
        .layer(middleware::from_fn_with_state(bound, origin_check::check))
        .with_state(overview)
}

async fn show_status(State(overview): State<Arc<Overview>>) -> Json<Status> {
    Json(status(&overview))
}

async fn readiness(State(overview): State<Arc<Overview>>) -> (StatusCode, &'static str) {
    match overview.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::Checking => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the first round of health checks is still running\n",
        ),
        Readiness::Draining => (StatusCode::SERVICE_UNAVAILABLE, "not ready: shutting down\n"),
    }
}

fn expose(metrics: &Metrics) -> Response {
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What there is to see.
const INDEX: &str = "evenkeel admin\n\n\
    /api/v1/status  listeners, clusters and endpoints, and why they stand where they stand (JSON)\n\
    /metrics        the same in numbers, for Prometheus (OpenMetrics)\n\
    /livez          200 while the process lives\n\
    /readyz         200 once every endpoint has been checked, 503 while shutting down\n\
    /healthz        the same as /readyz\n";

#[cfg(test)]
mod tests;

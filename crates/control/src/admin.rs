//! The admin API: what runs, how it is, whether it is ready, and what may be changed about it. Started by the fittings.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router, middleware};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod acme;
mod changes;
pub mod dashboard;
mod extract;
mod fields;
mod guard;
mod in_flight;
mod latency;
mod look;
mod metrics;
mod openapi;
mod problem;
mod serve;
mod slots;
mod snapshot;
mod socket;
mod status;
mod stories;
mod stream;
mod tls;
mod why;
mod working;

pub use acme::{AcmeActivity, AcmeFailure, AcmeStatus};
pub use changes::{NewEndpoint, NewState, NewWeight, ReloadRequest, WantedState};
pub use in_flight::{ConnectionInFlight, ExchangeInFlight, ExchangePhase, InFlight};
pub use latency::quantile;
pub use problem::Explanation;
pub(crate) use serve::Server;
pub(crate) use snapshot::status;
pub use socket::Address;
pub(crate) use socket::Socket;
pub use status::{
    AdmissionStatus, CheckStatus, ClusterStatus, ConfigStatus, EndpointState, EndpointStatus,
    ForcedState, LastCheck, LastReload, Latency, LeavingStatus, ListenerStatus, OverrideStatus,
    RefusedStatus, ReloadResult, RequestsByClass, RestartPending, RouteStatus, ShedStatus,
    StandingStatus, Status, TargetStatus, Trigger,
};
pub use stories::{
    RequestStory, StoryAttempt, StoryCandidate, StoryKind, StoryList, StoryReach, StoryRule,
    StoryRuleOf, StorySummary, StoryThen, StoryWait,
};
pub use tls::{
    CertificateProblem, CertificateState, CertificateStatus, HandshakesStatus, TlsFileKind,
    TlsFileStatus, TlsStatus,
};

pub use crate::certificates::date;

use changes::etag;
use extract::Named;
use fields::{Fields, Form};
use guard::Guard;
use metrics::Metrics;
use problem::Problem;
use stream::Streams;

use crate::config::to_toml;
use crate::events::Event;
use crate::overview::{Overview, Readiness};

/// What all paths share.
#[derive(Clone, Debug)]
struct Shared {
    overview: Arc<Overview>,
}

/// The latest events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The oldest first.
    pub events: Vec<Event>,
    /// The number of the last one, for the next question.
    pub last: u64,
}

/// The config in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigText {
    /// As in the status.
    pub revision: String,
    /// The file with the overrides on top, as TOML in its shortest form; secrets are masked.
    pub toml: String,
}

/// What the paths answer with.
fn router(bound: Address, overview: Arc<Overview>) -> Router {
    let metrics = Arc::new(Metrics::new(Arc::clone(&overview)));
    let scrape = move || async move { expose(&metrics) };
    let guard = Guard { bound, overview: Arc::clone(&overview) };
    let streams = Arc::new(Streams::new(Arc::clone(&overview)));
    let stream =
        move |Extension(slot), headers: HeaderMap| async move { streams.open(slot, &headers) };
    Router::new()
        .route("/", get(|headers| dashboard::page_or(INDEX, headers)))
        .merge(dashboard::assets())
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(readiness))
        .route("/healthz", get(readiness))
        .route("/metrics", get(scrape))
        .route("/api/v1/status", get(show_status))
        .route("/api/v1/stream", get(stream))
        .route("/api/v1/events", get(show_events))
        .route("/api/v1/connections", get(look::show_connections))
        .route("/api/v1/exchanges", get(look::show_exchanges))
        .route("/api/v1/why", get(why::list_stories))
        .route("/api/v1/why/{id}", get(why::show_story))
        .route("/api/v1/config", get(show_config))
        .route("/api/v1/overrides", get(show_overrides))
        .route("/api/v1/reload", post(changes::reload))
        .route("/api/v1/clusters/{cluster}", get(show_cluster))
        .route("/api/v1/clusters/{cluster}/endpoints", get(show_endpoints).post(changes::add))
        .route(
            "/api/v1/clusters/{cluster}/endpoints/{endpoint}",
            get(show_endpoint).delete(changes::remove),
        )
        .route(
            "/api/v1/clusters/{cluster}/endpoints/{endpoint}/weight",
            put(changes::set_weight).delete(changes::reset_weight),
        )
        .route("/api/v1/clusters/{cluster}/endpoints/{endpoint}/state", put(changes::set_state))
        .route("/api/v1/openapi.json", get(|| async { Json(openapi::description()) }))
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_path)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .layer(middleware::map_response(harden))
        .with_state(Shared { overview })
}

/// To a method that the path does not have; axum says in `Allow` which it has.
async fn no_such_method(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this path"))
        .help("`Allow` says what is; GET /api/v1/openapi.json says what it does")
}

/// A program gets an explanation, the lost get the list of paths.
async fn no_such_path(uri: Uri) -> Response {
    if !uri.path().starts_with("/api/") {
        return (StatusCode::NOT_FOUND, INDEX).into_response();
    }
    Problem::new(StatusCode::NOT_FOUND, format!("there is no path {:?}", uri.path()))
        .help("GET /api/v1/openapi.json lists them")
        .into_response()
}

/// Every answer is of this moment, is of the type that it says, and is for nobody's page but ours.
async fn harden(mut response: Response) -> Response {
    let fields = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn show_status(State(shared): State<Shared>) -> Response {
    let status = status(&shared.overview);
    let tag = etag(&status.config.revision);
    ([(header::ETAG, tag)], Json(status)).into_response()
}

async fn show_events(State(shared): State<Shared>, uri: Uri) -> Result<Json<EventList>, Problem> {
    static FORM: Form = Form { names: &["since"], example: "?since=12" };
    let since = Fields::of_query(&FORM, &uri)?.number("since", u64::MAX)?.unwrap_or_default();
    let events = shared.overview.events.since(since);
    let last = *shared.overview.events.last().borrow();
    Ok(Json(EventList { events, last }))
}

async fn show_config(State(shared): State<Shared>) -> Response {
    let revision = shared.overview.in_force.revision();
    let config = shared.overview.in_force.config();
    let toml = config.as_deref().map(to_toml).unwrap_or_default();
    ([(header::ETAG, etag(&revision))], Json(ConfigText { revision, toml })).into_response()
}

async fn show_overrides(State(shared): State<Shared>) -> Response {
    let (config, overrides, _) = shared.overview.in_force.status();
    ([(header::ETAG, etag(&config.revision))], Json(overrides)).into_response()
}

async fn show_cluster(
    State(shared): State<Shared>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    tagged(&shared, find_cluster(&shared, &name)?)
}

async fn show_endpoints(
    State(shared): State<Shared>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    tagged(&shared, find_cluster(&shared, &name)?.endpoints)
}

async fn show_endpoint(
    State(shared): State<Shared>,
    Named((cluster, name)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let endpoints = find_cluster(&shared, &cluster)?.endpoints;
    let found = endpoints.into_iter().find(|endpoint| endpoint.name == name);
    let absent = || format!("cluster {cluster:?} has no endpoint {name:?}");
    let help = || format!("GET /api/v1/clusters/{cluster} lists them");
    let absent = || Problem::new(StatusCode::NOT_FOUND, absent()).help(help());
    tagged(&shared, found.ok_or_else(absent)?)
}

fn find_cluster(shared: &Shared, name: &str) -> Result<ClusterStatus, Problem> {
    let found = snapshot::cluster_status(&shared.overview, name);
    found.ok_or_else(|| {
        let plan = shared.overview.plan();
        let names: Vec<&str> = plan.clusters.iter().map(|cluster| &*cluster.name).collect();
        problem::unknown("cluster", name, &names)
    })
}

fn tagged(shared: &Shared, body: impl Serialize) -> Result<Response, Problem> {
    let revision = shared.overview.in_force.revision();
    Ok(([(header::ETAG, etag(&revision))], Json(body)).into_response())
}

async fn readiness(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match shared.overview.readiness() {
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
const INDEX: &str = "evenkeel admin: a browser gets a dashboard here\n\n\
    /api/v1/status  listeners, clusters and endpoints, and why they stand where they stand (JSON)\n\
    /api/v1/connections, /api/v1/exchanges  what is in flight; ?listener=NAME&limit=100\n\
    /api/v1/why     requests that failed or were slow; /api/v1/why/ID tells all about one\n\
    /api/v1/        events, config, overrides; POST, PUT and DELETE change things: see /api/v1/openapi.json\n\
    /api/v1/stream  the same once a second, and what happens (server-sent events)\n\
    /metrics        the same in numbers, for Prometheus (OpenMetrics)\n\
    /livez          200 while the process lives\n\
    /readyz         200 once every endpoint has been checked, 503 while shutting down\n\
    /healthz        the same as /readyz\n";

/// The longest body of a change, in bytes; all of them are a line.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests;

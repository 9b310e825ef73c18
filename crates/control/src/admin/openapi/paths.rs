//! The list of the admin API's paths, as described. A test compares it with the router's.

use axum::http::StatusCode;
use utoipa::openapi::path::{ParameterIn, PathsBuilder};
use utoipa::openapi::{HttpMethod, Paths, Required};

use super::operation::{Described, count, list, operation, schema, text};
use crate::admin::{
    ClusterStatus, ConfigText, EndpointStatus, EventList, InFlight, NewEndpoint, NewState,
    NewWeight, OverrideStatus, ReloadRequest, RequestStory, Status, StoryList,
};

pub(super) fn paths() -> Paths {
    let all = probes().into_iter().chain(balancer()).chain(clusters()).chain(changes());
    let paths = all.fold(PathsBuilder::new(), |paths, each| paths.path(each.path, each.item()));
    paths.build()
}

/// What orchestrators, scrapers and browsers ask for.
fn probes() -> [Described; 6] {
    let ready = |path, about| {
        get(path, about).says(StatusCode::OK, "Ready.", [PLAIN]).says(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not ready, and why.",
            [PLAIN],
        )
    };
    [
        get(
            "/",
            ("showDashboard", "The dashboard for whoever takes HTML, a list of paths for others"),
        )
        .says(StatusCode::OK, "The page, or the list.", ["text/html", PLAIN]),
        get("/livez", ("isAlive", "Whether the process lives")).says(
            StatusCode::OK,
            "It does.",
            [PLAIN],
        ),
        ready(
            "/readyz",
            (
                "isReady",
                "Whether new work is welcome: every endpoint has been checked, and we are not shutting down",
            ),
        ),
        ready("/healthz", ("isHealthy", "The same as /readyz")),
        get("/metrics", ("showMetrics", "All counters, for Prometheus")).says(
            StatusCode::OK,
            "In the OpenMetrics format.",
            ["application/openmetrics-text"],
        ),
        get("/api/v1/openapi.json", ("showDescription", "This description")).answers(
            StatusCode::OK,
            "An OpenAPI document.",
            utoipa::openapi::Object::new().into(),
        ),
    ]
}

/// What can be seen of all of it.
fn balancer() -> [Described; 9] {
    let stream =
        "A `status` event with the status once a second, an `event` event for whatever happens.";
    [
        get("/api/v1/status", ("showStatus", "The whole balancer at this moment")).answers_tagged(
            StatusCode::OK,
            "The status.",
            schema::<Status>(),
        ),
        get(
            "/api/v1/stream",
            ("followStatus", "The same once a second, and what happens when it happens"),
        )
        .says(StatusCode::OK, stream, ["text/event-stream"])
        .hears(
            (ParameterIn::Header, "Last-Event-ID"),
            text(),
            "The last event that was seen before the stream broke.",
        )
        .refuses(&[StatusCode::SERVICE_UNAVAILABLE]),
        get("/api/v1/events", ("listEvents", "What has happened lately"))
            .answers(
                StatusCode::OK,
                "The latest events that are still known.",
                schema::<EventList>(),
            )
            .hears(
                (ParameterIn::Query, "since"),
                count(),
                "Only those after the event of this number; it is `last` of the answer before.",
            )
            .refuses(&[StatusCode::BAD_REQUEST]),
        get("/api/v1/config", ("showConfig", "The config in force")).answers_tagged(
            StatusCode::OK,
            "As TOML.",
            schema::<ConfigText>(),
        ),
        get(
            "/api/v1/overrides",
            ("listOverrides", "What has been changed on top of the config file"),
        )
        .answers_tagged(StatusCode::OK, "The changed endpoints.", list::<OverrideStatus>()),
        in_flight(
            "/api/v1/connections",
            ("listConnections", "The connections of clients, the oldest first"),
        ),
        in_flight(
            "/api/v1/exchanges",
            ("listExchanges", "Those with an exchange on them, the longest-running first"),
        ),
        stories(),
        get(
            "/api/v1/why/{id}",
            ("tellStory", "What has become of a request that failed or was slow"),
        )
        .answers(StatusCode::OK, "Its story.", schema::<RequestStory>())
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
    ]
}

fn in_flight(path: &'static str, about: (&'static str, &'static str)) -> Described {
    get(path, about)
        .answers(StatusCode::OK, "What is in flight.", schema::<InFlight>())
        .hears((ParameterIn::Query, "listener"), text(), "Only those of this listener.")
        .hears(
            (ParameterIn::Query, "limit"),
            count(),
            "At most so many; 100 unless it is stated, 10,000 at most.",
        )
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND])
}

fn stories() -> Described {
    get("/api/v1/why", ("listStories", "The latest requests that failed or were slow, in short"))
        .answers(StatusCode::OK, "The latest first.", schema::<StoryList>())
        .hears((ParameterIn::Query, "cluster"), text(), "Only those of this cluster.")
        .hears((ParameterIn::Query, "status"), count(), "Only those that ended with this status.")
        .hears(
            (ParameterIn::Query, "kind"),
            text(),
            "Only those that are `failed`, `rescued`, `slow` or `client`.",
        )
        .hears(
            (ParameterIn::Query, "limit"),
            count(),
            "At most so many; 20 unless it is stated, 2,000 at most.",
        )
        .refuses(&[StatusCode::BAD_REQUEST])
}

/// What can be seen of a part.
fn clusters() -> [Described; 3] {
    let absent = &[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND];
    [
        get(CLUSTER, ("showCluster", "One cluster at this moment"))
            .answers_tagged(StatusCode::OK, "The cluster.", schema::<ClusterStatus>())
            .refuses(absent),
        get(ENDPOINTS, ("listEndpoints", "The endpoints of a cluster at this moment"))
            .answers_tagged(StatusCode::OK, "The endpoints.", list::<EndpointStatus>())
            .refuses(absent),
        get(ENDPOINT, ("showEndpoint", "One endpoint at this moment"))
            .answers_tagged(StatusCode::OK, "The endpoint.", schema::<EndpointStatus>())
            .refuses(absent),
    ]
}

/// What can be changed.
fn changes() -> [Described; 6] {
    let (unknown, clash) = (&[StatusCode::NOT_FOUND], &[StatusCode::CONFLICT]);
    [
        operation(HttpMethod::Post, "/api/v1/reload", ("reload", "Read the config file again"))
            .takes::<ReloadRequest>(Required::False)
            .changes(StatusCode::OK, "The file is in force.")
            .refuses(clash),
        operation(HttpMethod::Post, ENDPOINTS, ("addEndpoint", "Add an endpoint to a cluster"))
            .takes::<NewEndpoint>(Required::True)
            .changes(StatusCode::CREATED, "It gets work from now on.")
            .refuses(unknown)
            .refuses(clash),
        operation(
            HttpMethod::Delete,
            ENDPOINT,
            ("removeEndpoint", "Remove an endpoint from a cluster; what runs finishes"),
        )
        .changes(StatusCode::OK, "It gets no new work.")
        .refuses(unknown)
        .refuses(clash),
        operation(HttpMethod::Put, WEIGHT, ("setWeight", "Give an endpoint another weight"))
            .takes::<NewWeight>(Required::True)
            .changes(StatusCode::OK, "It has the weight.")
            .refuses(unknown),
        operation(
            HttpMethod::Delete,
            WEIGHT,
            ("resetWeight", "Give an endpoint the weight back that the file says"),
        )
        .changes(StatusCode::OK, "It has the weight of the file.")
        .refuses(unknown),
        operation(
            HttpMethod::Put,
            STATE,
            ("setState", "Drain an endpoint, hold it up or down, or leave it to its checks"),
        )
        .takes::<NewState>(Required::True)
        .changes(StatusCode::OK, "It is in that state.")
        .refuses(unknown),
    ]
}

fn get(path: &'static str, about: (&str, &str)) -> Described {
    operation(HttpMethod::Get, path, about)
}

const CLUSTER: &str = "/api/v1/clusters/{cluster}";
const ENDPOINTS: &str = "/api/v1/clusters/{cluster}/endpoints";
const ENDPOINT: &str = "/api/v1/clusters/{cluster}/endpoints/{endpoint}";
const WEIGHT: &str = "/api/v1/clusters/{cluster}/endpoints/{endpoint}/weight";
const STATE: &str = "/api/v1/clusters/{cluster}/endpoints/{endpoint}/state";

const PLAIN: &str = "text/plain";

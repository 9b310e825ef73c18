//! `[[route]]` and the tables in it.

use std::collections::BTreeMap;

use evenkeel_plan::limits::WEIGHT_MAX;
use schemars::JsonSchema;

use super::cluster::label_names;
use super::listener::RateLimit;
use super::values::{
    AlpnProtocol, ClusterName, CountRate, Duration, Either, Label, Name, Network, Off, OneOrMany,
    RouteHost, RoutePath,
};

/// Which requests go where: the most specific route by host, and then by path, whatever the order. And which streams of a listener with
/// `protocol = "tls"`: by host and then by `alpn`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[[route]]", "x-example" = r#"
[[route]]
host = "api.example.com"
path = "/v1/*"
to = { api = 95, api-next = 5 }
timeouts = { exchange = "30s" }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct Route {
    /// What metrics, logs and the status call it; without one, its host and path, or its host and `alpn`. Unique in its listener.
    name: Option<Name>,

    /// The listeners that it is for; needed only where there are several.
    listener: Option<OneOrMany<Name>>,

    /// Whom the client asks for: a name, or `*.` and a name for all below it. Upper and lower case are the same, and the port
    /// does not matter. Of a stream of TLS, the server name. Without it, any.
    #[schemars(extend("default" = "*"))]
    host: Option<RouteHost>,

    /// What it asks for: a path, or a path and `/*` for it and all below it. Without it, any.
    #[schemars(extend("default" = "/*"))]
    path: Option<RoutePath>,

    /// Only for listeners with `protocol = "tls"`: of these protocols the client offers one. Of several routes, the one for the protocol wins
    /// that the client likes best. Without it, the route takes what no other route of its host does.
    alpn: Option<OneOrMany<AlpnProtocol>>,

    /// Who answers: a cluster, or clusters with their weights, of which at least one is more than 0.
    to: Either<ClusterName, BTreeMap<String, Weight>>,

    /// Only endpoints get its requests that have each of these labels; every cluster in `to` has to have one.
    #[schemars(extend("default" = serde_json::json!({}), "propertyNames" = label_names()))]
    labels: Option<BTreeMap<String, Label>>,

    /// Networks whose requests are answered, and no others if there are any here; others get 403. Goes by the address of the client
    /// as far as `trusted_proxies` of the listener lets it be believed.
    #[schemars(extend("default" = Vec::<String>::new()))]
    allow: Option<OneOrMany<Network>>,

    /// Networks whose requests are answered with 403, even if `allow` has them.
    #[schemars(extend("default" = Vec::<String>::new()))]
    deny: Option<OneOrMany<Network>>,

    /// How many requests there may be, on top of what the listener says; more are answered with 429.
    #[schemars(extend("default" = Vec::<String>::new()))]
    rate_limit: Option<OneOrMany<Either<CountRate, RateLimit>>>,

    /// How long it may take.
    timeouts: Option<RouteTimeouts>,

    /// Whether calls of gRPC-Web, as browsers make them, go to the endpoints as calls of gRPC, and the answers back as they want them. All
    /// other requests go through as they are, and so does what browsers ask first about calls to another origin (CORS).
    #[schemars(extend("default" = false))]
    grpc_web: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Weight(#[schemars(range(min = 0, max = WEIGHT_MAX))] u64);

/// How long an exchange on this route may take.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[route.timeouts]", "x-example" = r#"
[[route]]
path = "/reports/*"
to = "api"

[route.timeouts]
exchange = "5m"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct RouteTimeouts {
    /// From the request's head to the last byte of the answer; `"off"` for any time. Without it, what the cluster says.
    exchange: Option<Either<Duration, Off>>,
}

//! `[cluster.NAME]` and the tables in it.

use std::collections::BTreeMap;

use evenkeel_plan::balance::hash::maglev::TableSize;
use evenkeel_plan::balance::hash::ring::{VNODES_DEFAULT, VNODES_MAX, VNODES_MIN};
use evenkeel_plan::limits::{
    BREAKER_MIN_REQUESTS_MAX, BREAKER_TRIALS_MAX, PRIORITY_MAX, WEIGHT_MAX,
};
use schemars::JsonSchema;

use super::super::decode::{
    AGGRESSION_MAX, AGGRESSION_MIN, BOUNDED_LOAD_MAX, BOUNDED_LOAD_MIN, DEVIATIONS_MAX,
    DEVIATIONS_MIN,
};

use super::values::{
    Auto, Balance, BodyText, CheckKind, CookieDomain, CookieName, CookiePath, Duration, Either,
    EndpointAddress, False, FieldSource, FilePath, HedgeAfter, Host, HttpVersion, KeySource, Label,
    Method, Off, OneOrMany, Program, Rate, RequestPath, RetryTrigger, SameSite, ServerName,
    Service, SessionKey, Share, Size, Status, StreamKind, Zone,
};

pub(super) type BalanceKey = Either<Balance, BalanceTable>;
pub(super) type HealthKey = Either<OneOrMany<Either<RequestPath, Health>>, False>;
pub(super) type Endpoint = Either<EndpointAddress, EndpointTable>;

/// A set of endpoints, and how to use it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME]", "x-example" = r#"
[cluster.api]
endpoints = ["10.0.0.1:8080", "10.0.0.2:8080", { address = "10.0.0.3:8080", backup = true }]
balance = "round-robin"
health = "/health"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct Cluster {
    /// Where the work goes. At least one has to weigh something.
    endpoints: OneOrMany<Endpoint>,

    /// How to choose among them.
    #[schemars(extend("default" = "peak-ewma"))]
    balance: Option<BalanceKey>,

    /// How an endpoint that is new, or was not well, gets back to its share of the work: at once, or in so much time, at least 1 ms,
    /// from a tenth of its weight to all of it. Those that are there when the balancer starts, or their cluster is added, have it at
    /// once.
    #[schemars(extend("default" = "off"))]
    slow_start: Option<Either<Duration, Either<Off, SlowStart>>>,

    /// If fewer of the endpoints than this share are well, all are used: that nearly all have failed at once is less likely than that
    /// the checks are wrong, and the few that are left could not do the work. `"off"` uses only those that are well, come what may.
    #[schemars(extend("default" = "34%"))]
    panic_below: Option<Either<Share, Off>>,

    /// The share of our zone's endpoints that have to be well for these to get all the work; if fewer are, it goes to all zones. Of
    /// effect only where the file says what our `zone` is, and an endpoint is in it. `"off"` for no matter where they are.
    #[schemars(extend("default" = "70%"))]
    prefer_zone: Option<Either<Share, Off>>,

    /// What makes the requests of a session go to one endpoint: something that a request has by itself (by hash; requests without it
    /// are balanced like any other), or a cookie that we set. `"off"` for nothing.
    #[schemars(extend("default" = "off"))]
    sticky: Option<Either<Off, Either<KeySource, Sticky>>>,

    /// How to check them: by connecting, by asking for a path, or as a table says; by all of a list, at most 8; `false` for not at all.
    /// Without it, where the endpoints are spoken TLS with, by a handshake.
    #[schemars(extend("default" = serde_json::json!({ "kind": "tcp" })))]
    health: Option<HealthKey>,

    /// Whether they are spoken TLS with, 1.2 or 1.3: `true`, a table, or `"off"`. Each has to prove to be the host that it is named by, as
    /// the authorities say that this machine trusts; one that cannot gets no request, and never one in clear text. See [tls.md](tls.md).
    #[schemars(extend("default" = "off"))]
    tls: Option<Either<bool, Either<ClusterTls, Off>>>,

    /// In which version of HTTP they are asked, by requests and by checks: `"1"` is HTTP/1.1, one request after the other on each
    /// connection; `"2"` is HTTP/2, many at once on few connections, which in clear text begins without asking (h2c by prior knowledge);
    /// `"auto"` is whichever of the two the endpoint chooses by ALPN, and so needs `tls`. Servers of gRPC need `"2"`.
    #[schemars(extend("default" = "1"))]
    http: Option<HttpVersion>,

    /// How long an endpoint may take.
    timeouts: Option<ClusterTimeouts>,

    /// A field by which endpoints are told how many milliseconds are left of `timeouts.exchange` (of the route, or else of the cluster),
    /// such as `"x-request-timeout-ms"`; what the client says there is replaced, but that of a trusted proxy shortens the time. Or `"off"`.
    #[schemars(extend("default" = "off"))]
    deadline_header: Option<Either<CookieName, Off>>,

    /// Idle connections to keep.
    pool: Option<Pool>,

    /// What is tried again that failed, while nothing of an answer has gone to the client: at another endpoint first, and within a
    /// budget, so that retries cannot make an outage worse. `"off"` for nothing, as `attempts = 1`.
    retry: Option<Either<Off, Retry>>,

    /// Endpoints that do worse than they should get nothing for a while, whatever their checks say; `"off"` for never.
    outlier: Option<Either<Off, Outlier>>,

    /// When most attempts at an endpoint fail, or are slow, it gets nothing for a while, and then a few attempts on trial; `"off"` for
    /// never. Where no other endpoint is left it gets them all the same.
    breaker: Option<Either<Off, Breaker>>,

    /// How much work the endpoints get at a time, and what becomes of the rest; `"off"` for all there is, as `adaptive = false`.
    limits: Option<Either<Off, ClusterLimits>>,

    /// When a second attempt goes to another endpoint while the first still waits, and the answer that comes first wins: `"off"`, after
    /// which time, or a table. Only requests with an idempotent method and no body; off by default, for it makes more work.
    #[schemars(extend("default" = "off"))]
    hedge: Option<Either<HedgeAfter, Hedge>>,

    /// Whether long-lived streams move to endpoints that joined after they began, as new ones, or ones that were down: `"off"`, at which
    /// pace, such as `"1/s"`, or a table. Clients are told to end them, and connect again.
    #[schemars(extend("default" = "off"))]
    rebalance: Option<Either<Off, Either<Rate, Rebalance>>>,
}

/// An endpoint that is not like the others; in a list it can be written inline, as `{ address = "10.0.0.1:8080", weight = 3 }`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[[cluster.NAME.endpoints]]", "x-example" = r#"
[[cluster.api.endpoints]]
address = "10.0.0.1:8080"
weight = 3

[[cluster.api.endpoints]]
address = "10.0.0.2:8080"
zone = "eu-2"
labels = { version = "2" }

[[cluster.api.endpoints]]
address = "10.0.0.9:8080"
backup = true
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct EndpointTable {
    /// Where it is.
    address: EndpointAddress,

    /// Its share of the work beside the others'; 0 gets none.
    #[schemars(range(min = 0, max = WEIGHT_MAX), extend("default" = 1))]
    weight: Option<u32>,

    /// Whether it gets work only while no other can be used.
    #[schemars(extend("default" = false))]
    backup: Option<bool>,

    /// Its level: those of a level get work only as far as those of lower numbers, of which five in seven can do the work of all,
    /// cannot do it.
    #[schemars(range(min = 0, max = PRIORITY_MAX), extend("default" = 0))]
    priority: Option<u8>,

    /// Where it is; see `prefer_zone`.
    #[schemars(extend("default" = ""))]
    zone: Option<Zone>,

    /// What tells it from others.
    #[schemars(extend("default" = serde_json::json!({}), "propertyNames" = label_names()))]
    labels: Option<BTreeMap<String, Label>>,
}

/// What a label may be called.
pub(super) fn label_names() -> serde_json::Value {
    serde_json::json!({ "pattern": "^[A-Za-z0-9._/-]{1,64}$" })
}

/// How an endpoint that is new, or was not well, gets back to its share of the work.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.slow_start]", "x-example" = r#"
[cluster.api.slow_start]
time = "1m"
aggression = 2.0
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct SlowStart {
    /// How long it takes; at least 1 ms.
    time: Duration,

    /// How it rises: 1 for evenly, more for faster in the beginning, less for slower.
    #[schemars(range(min = AGGRESSION_MIN, max = AGGRESSION_MAX), extend("default" = 1.0))]
    aggression: Option<f64>,
}

/// A session cookie. It tells the client no address, and nobody can make one up: it is an endpoint's name under a key, with a time at
/// which it ends, signed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.sticky]", "x-example" = r#"
[cluster.api.sticky]
cookie = "ek"
keys = ["${SESSION_KEY}"]
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Sticky {
    /// The cookie's name; needed, unless it is by `header`.
    cookie: Option<CookieName>,

    /// Instead of a cookie: the header by whose value a session stays, as `"header:NAME"` does it.
    header: Option<CookieName>,

    /// How long a session lasts after it was last heard of, within a factor of two; at least a second. `"off"` for until the browser
    /// is closed.
    #[schemars(extend("default" = "1h"))]
    ttl: Option<Either<Duration, Off>>,

    /// What cookies are signed with: by the first; the others are still believed, so that a new key can take over. Replicas with the
    /// same keys know each other's sessions. Without any, the process makes one up, and its sessions end with it.
    keys: Option<OneOrMany<SessionKey>>,

    /// `Path` of the cookie.
    #[schemars(extend("default" = "/"))]
    path: Option<CookiePath>,

    /// `Domain` of the cookie; without it, only the host that set it gets it back.
    domain: Option<CookieDomain>,

    /// `SameSite` of the cookie. `"none"` needs `secure`.
    #[schemars(extend("default" = "lax"))]
    same_site: Option<SameSite>,

    /// `Secure`: whether browsers send it over TLS only.
    #[schemars(extend("default" = false))]
    secure: Option<bool>,

    /// `HttpOnly`: whether scripts of the page cannot read it.
    #[schemars(extend("default" = true))]
    http_only: Option<bool>,

    /// For how long an endpoint that is being drained keeps its sessions; at least 1 ms.
    #[schemars(extend("default" = "5m"))]
    drain: Option<Duration>,
}

/// How to choose among endpoints, where the name alone does not say it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.balance]", "x-example" = r#"
[cluster.api.balance]
algorithm = "ring-hash"
key = ["header:x-user-id", "client"]
bounded_load = 1.25
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct BalanceTable {
    /// Which algorithm.
    algorithm: Balance,

    /// `ring-hash`, `maglev`, `rendezvous`: what tells requests apart; the first that a request has anything of counts. At most 8.
    #[schemars(extend("default" = "client"))]
    key: Option<OneOrMany<KeySource>>,

    /// `ring-hash`: how many points an endpoint of middling weight has; with more, shares are more even.
    #[schemars(range(min = VNODES_MIN, max = VNODES_MAX), extend("default" = VNODES_DEFAULT))]
    vnodes: Option<u32>,

    /// `maglev`, `client-ip`: how many entries the table has; a prime, and best a hundred or more for each endpoint.
    #[schemars(range(min = TableSize::MIN, max = TableSize::MAX), extend("default" = TableSize::default().entries()))]
    table_size: Option<u32>,

    /// `ring-hash`, `maglev`, `rendezvous`, `client-ip`: how many times its share of what is in flight an endpoint may have; what is
    /// more goes to the next.
    #[schemars(extend("default" = "off"))]
    bounded_load: Option<Either<LoadFactor, Off>>,

    /// `prequal`, and needed there: what endpoints are asked now and then; they answer `{"in_flight": 3, "latency_ms": 12.5}`.
    path: Option<RequestPath>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct LoadFactor(#[schemars(range(min = BOUNDED_LOAD_MIN, max = BOUNDED_LOAD_MAX))] f64);

/// How to check endpoints. Several of these are `[[cluster.NAME.health]]`: an endpoint is down as long as any of its checks says so.
/// What each kind does, and what its reasons mean, is on [a page of its own](health.md).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.health]", "x-example" = r#"
[cluster.api.health]
path = "/health"
host = "api.example.com"
status = ["200-299", "401"]
interval = "5s"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct Health {
    /// `"tcp"` connects, `"tls"` completes a handshake, `"http"` sends a request in the cluster's version of HTTP, `"grpc"` calls `grpc.health.v1.Health/Check`, `"exec"` runs
    /// a program. The three in the middle go by the `tls` of the cluster, as requests do; where it has none, `"tls"` looks at no certificate.
    /// Without it `path`, `host`, `method`, `status` or `body` mean `"http"`.
    kind: Option<CheckKind>,

    /// `http`, and needed there: what to ask for.
    path: Option<RequestPath>,

    /// `http`, `grpc`: the `Host` field, or `:authority`; without it the endpoint's address.
    host: Option<Host>,

    /// `http`: how to ask.
    #[schemars(extend("default" = "GET"))]
    method: Option<Method>,

    /// `http`: statuses that pass.
    #[schemars(extend("default" = ["200-399"]))]
    status: Option<OneOrMany<Status>>,

    /// `http`: what the first 64 KiB of the body have to contain, besides.
    body: Option<BodyText>,

    /// `tls`: the name to ask for (SNI); without it that of the cluster's `tls`, or the endpoint's own, if it has one.
    server_name: Option<ServerName>,

    /// `grpc`: the service that has to be `SERVING`.
    #[schemars(extend("default" = ""))]
    service: Option<Service>,

    /// `exec`, and needed there: the program that has to end with status 0, with its arguments. No shell is involved, and the program
    /// has no variables of ours but `PATH`, and `EVENKEEL_CLUSTER`, `EVENKEEL_ENDPOINT`, `EVENKEEL_ADDRESS`, `EVENKEEL_HOST` and
    /// `EVENKEEL_PORT`.
    command: Option<Either<Program, Vec<String>>>,

    /// From the start of a check to the start of the next; at least 1 ms.
    #[schemars(extend("default" = "2s"))]
    interval: Option<Duration>,

    /// The same from the first outcome that speaks against how the endpoint stands until that has changed or the next one is as
    /// before; at most `interval`. Without it a quarter of `interval`, but at least 250 ms.
    fast_interval: Option<Duration>,

    /// How long a check may take; at least 1 ms.
    #[schemars(extend("default" = "1s"))]
    timeout: Option<Duration>,

    /// Moves each check at random by this share of the interval.
    #[schemars(extend("default" = "20%"))]
    jitter: Option<Share>,

    /// So many failures in a row take an endpoint down.
    #[schemars(range(min = 1, max = 100), extend("default" = 3))]
    fall: Option<u32>,

    /// So many passes in a row bring it back.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    rise: Option<u32>,
}

/// How endpoints are spoken TLS with. Files are PEM, and read again when they have changed, for the connections that are made from then on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.tls]", "x-example" = r#"
[cluster.api]
endpoints = ["10.0.0.1:8443", "10.0.0.2:8443"]
tls = { ca = "ca.crt", server_name = "api.internal", cert = "client.crt", key = "client.key" }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ClusterTls {
    /// The file with the authorities whose word is taken on who endpoints are, and nobody else's. Without it those that this machine trusts,
    /// as they are when the config is read.
    ca: Option<FilePath>,

    /// Whom each has to prove to be, and who is asked for (SNI). Without it the host that it is named by, in a certificate for that name or
    /// address.
    server_name: Option<ServerName>,

    /// The certificate by which we prove who we are, and behind it the authorities between it and the root. Without it we prove nothing.
    cert: Option<FilePath>,

    /// Its private key. Without it, the key is in the same file.
    key: Option<FilePath>,

    /// `false` takes whoever answers for an endpoint, with a warning, for then TLS protects from nobody who is between.
    #[schemars(extend("default" = true))]
    verify: Option<bool>,
}

/// How long an endpoint may take. Each is at least 1 ms.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.timeouts]", "x-example" = r#"
[cluster.api.timeouts]
first_byte = "10s"
exchange = "2m"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ClusterTimeouts {
    /// To accept a connection.
    #[schemars(extend("default" = "1s"))]
    connect: Option<Duration>,

    /// For the handshake of TLS after that, in a cluster with `tls`.
    #[schemars(extend("default" = "5s"))]
    tls: Option<Duration>,

    /// From the request to the first byte of the answer.
    #[schemars(extend("default" = "60s"))]
    first_byte: Option<Duration>,

    /// Without any byte, once the answer has begun.
    #[schemars(extend("default" = "60s"))]
    idle: Option<Duration>,

    /// For all of it, from the request's head to the last byte of the answer.
    #[schemars(extend("default" = "off"))]
    exchange: Option<Either<Duration, Off>>,
}

/// How much work each endpoint gets at a time. There is no total for the cluster besides: it is what its endpoints may have together.
/// What finds all of them full waits, and what cannot wait, or waits in vain, is answered with 503 and `Retry-After`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.limits]", "x-example" = r#"
[cluster.api.limits]
requests = 100
pending = 500
pending_wait = "2s"
priority = "header:x-priority"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ClusterLimits {
    /// How many connections each endpoint may have open, over all workers, idle ones and tunnels among them; or `"off"`. In HTTP/1.1 a
    /// request in flight holds one, so there are no more of these either.
    #[schemars(extend("default" = "off"))]
    connections: Option<Either<EndpointCount, Off>>,

    /// How many requests each endpoint may have in flight, over all workers, tunnels among them; or `"off"`.
    #[schemars(extend("default" = "off"))]
    requests: Option<Either<EndpointCount, Off>>,

    /// How many requests of the cluster may wait until an endpoint has room, over all workers. The oldest gets in first, unless
    /// somebody has been waiting for a tenth of `pending_wait` without a break and more came in that time than got in: then the newest does,
    /// and takes the place of the oldest where no more may wait.
    #[schemars(range(min = 0, max = 65_535), extend("default" = 1024))]
    pending: Option<u32>,

    /// How long each of them may.
    #[schemars(extend("default" = "5s"))]
    pending_wait: Option<Duration>,

    /// When each endpoint has a limit besides that follows from how long it takes to answer: it grows while answers take at most twice
    /// what they take at best, and shrinks while they take longer. `"auto"`: while an endpoint shows that it has more to do than it
    /// can; `true`: from its first request on, which is for endpoints whose answers all take about as long; `false`: never.
    #[schemars(extend("default" = "auto"))]
    adaptive: Option<Either<Auto, bool>>,

    /// The field that says how important a request is: `high`, `normal` or `low`; `"off"` for none. The more important get in first, and
    /// are refused last. Only `trusted_proxies` of the listener may say `high`.
    #[schemars(extend("default" = "off"))]
    priority: Option<Either<Off, FieldSource>>,
}

// How many connections or requests of an endpoint.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct EndpointCount(#[schemars(range(min = 1, max = 1_000_000))] u32);

/// Idle connections, per worker and endpoint.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.pool]", "x-example" = r#"
[cluster.api.pool]
idle = "30s"
max_idle = 32
max_age = "10m"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Pool {
    /// How long one may lie idle; at least 1 ms.
    #[schemars(extend("default" = "60s"))]
    idle: Option<Duration>,

    /// How many may for longer than a second or two; with 0 none is kept at all.
    #[schemars(range(min = 0, max = 65_535), extend("default" = 256))]
    max_idle: Option<u32>,

    /// One that is older is closed when nothing is on it, up to a tenth earlier, so that those which began together do not end together:
    /// for endpoints behind a balancer or a name that moves. Or `"off"`.
    #[schemars(extend("default" = "off"))]
    max_age: Option<Either<Duration, Off>>,

    /// One that has carried so many requests is closed; or `"off"`.
    #[schemars(extend("minimum" = 1, "maximum" = 1_000_000_000, "default" = "off"))]
    max_requests: Option<Either<u32, Off>>,
}

/// Which endpoints do worse than they should. Whoever does is ejected: it gets nothing for a while, the longer the more often, and comes
/// back little by little, as `slow_start` says or else within ten seconds. An attempt has failed if there was no answer by the endpoint's
/// fault, or if the answer says so: 500, 502 to 504, or above 505.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.outlier]", "x-example" = r#"
[cluster.api.outlier]
consecutive = 10
failure_rate = "20%"
stall = "off"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Outlier {
    /// So many failures in a row are too many; or `"off"`.
    #[schemars(extend("minimum" = 1, "maximum" = 10_000, "default" = 5))]
    consecutive: Option<Either<u32, Off>>,

    /// The share of an endpoint's attempts within the window whose failure is too much; or `"off"`.
    #[schemars(extend("default" = "30%"))]
    failure_rate: Option<Either<Share, Off>>,

    /// So many standard deviations below the mean of its cluster is too low a share of successes, but not less than five in a hundred;
    /// or `"off"`. Needs five endpoints with enough attempts.
    #[schemars(extend("minimum" = DEVIATIONS_MIN, "maximum" = DEVIATIONS_MAX, "default" = 1.9))]
    deviations: Option<Either<f64, Off>>,

    /// Shares say nothing about an endpoint with fewer attempts in the window.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 20))]
    min_requests: Option<u32>,

    /// How far back shares look.
    #[schemars(extend("default" = "10s"))]
    window: Option<Duration>,

    /// How long the first ejection takes; each one that follows takes that much longer.
    #[schemars(extend("default" = "10s"))]
    eject: Option<Duration>,

    /// How long an ejection may take.
    #[schemars(extend("default" = "5m"))]
    eject_max: Option<Duration>,

    /// The share of the endpoints that may be ejected at a time; one of two or more always may.
    #[schemars(extend("default" = "50%"))]
    max_ejected: Option<Either<Share, Off>>,

    /// An endpoint for which three attempts wait, and from which not a byte has come for so long, or for ten times as long as 99 of 100 of
    /// its answers take if that is longer, is suspected to stall if another has answered since, or has nobody waiting and has answered
    /// within `window`: it gets nothing but a trial now and then, and GET, HEAD and OPTIONS that wait there go elsewhere, within
    /// the budget of retries; if it does answer after all, before the other, that answer is the client's. Where two wait it takes half as long
    /// again, and where one does two and a half times as long. As long as fewer than 20 of its latest answers are known, three have to wait, and the
    /// longest answer of the whole cluster counts in place of its own. Or `"off"`.
    #[schemars(extend("default" = "1s"))]
    stall: Option<Either<Duration, Off>>,
}

/// When an endpoint gets nothing for a while, and how it comes back. A breaker looks at each attempt as it ends, and so is faster than
/// outlier detection, which compares.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.breaker]", "x-example" = r#"
[cluster.api.breaker]
slow_rate = "60%"
slow = "2s"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Breaker {
    /// The share of attempts within the window whose failure opens the breaker; or `"off"`.
    #[schemars(extend("default" = "50%"))]
    failure_rate: Option<Either<Share, Off>>,

    /// The share of attempts within the window whose slowness opens it; or `"off"`.
    #[schemars(extend("default" = "off"))]
    slow_rate: Option<Either<Share, Off>>,

    /// An attempt that takes so long is slow.
    #[schemars(extend("default" = "5s"))]
    slow: Option<Duration>,

    /// Shares say nothing before there were so many attempts.
    #[schemars(range(min = 1, max = BREAKER_MIN_REQUESTS_MAX), extend("default" = 20))]
    min_requests: Option<u32>,

    /// How far back shares look.
    #[schemars(extend("default" = "10s"))]
    window: Option<Duration>,

    /// How long the endpoint gets nothing.
    #[schemars(extend("default" = "10s"))]
    cool_down: Option<Duration>,

    /// How many attempts on trial must pass before the breaker closes; one that fails opens it anew.
    #[schemars(range(min = 1, max = BREAKER_TRIALS_MAX), extend("default" = 3))]
    trials: Option<u8>,
}

/// When a second attempt goes out.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.hedge]", "x-example" = r#"
[cluster.api.hedge]
after = "p99"
budget = "1%"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Hedge {
    /// How long the first attempt may take to begin its answer: as long as this share of the cluster's answers takes, from `"p50"` to
    /// `"p99.9"`, or a duration.
    #[schemars(extend("default" = "p95"))]
    after: Option<HedgeAfter>,

    /// The share of the requests of the last ten seconds that may be hedged.
    #[schemars(extend("default" = "5%"))]
    budget: Option<Share>,
}

/// How long-lived streams move to endpoints that joined after they began. A few of those are ended that are at an endpoint with more than its
/// share by weight, while one that joined later has less; no others, and none twice for the same endpoint. See
/// [streams.md](streams.md#when-endpoints-join).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.rebalance]", "x-example" = r#"
[cluster.api.rebalance]
pace = "5/s"
min_age = "5m"
kinds = ["websocket", "grpc", "tcp"]
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Rebalance {
    /// How many may be ended at most, by all workers together.
    #[schemars(extend("default" = "1/s"))]
    pace: Option<Rate>,

    /// One that is younger stays.
    #[schemars(extend("default" = "1m"))]
    min_age: Option<Duration>,

    /// How far below its share an endpoint that joined has to be, as a part of it, before anything moves; once it does, it goes on until it
    /// has it.
    #[schemars(extend("default" = "10%"))]
    margin: Option<Share>,

    /// Which: WebSockets end with a frame that says 1001, calls of gRPC with the status `UNAVAILABLE`; connections upgraded to other
    /// protocols (`upgrade`) and streams of listeners for TCP and TLS (`tcp`) with no more than their end, so that clients have to be
    /// ready for it.
    #[schemars(extend("default" = ["websocket", "grpc"]))]
    kinds: Option<OneOrMany<StreamKind>>,
}

/// What is tried again. What an endpoint may have seen is sent again only if its method is idempotent (GET, HEAD, OPTIONS, PUT, DELETE), or
/// if it is a call of gRPC whose status is listed; what it cannot have seen, because it refused the connection, always, and for nothing.
/// What waits for an endpoint that [stalls](#clusternameoutlier) goes elsewhere, too, if it only asks (GET, HEAD, OPTIONS).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[cluster.NAME.retry]", "x-example" = r#"
[cluster.api.retry]
attempts = 2
on = ["connect", "reset"]
budget = "10%"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Retry {
    /// How many attempts a request may have, the first among them. Refused connections do not count.
    #[schemars(range(min = 1, max = 16), extend("default" = 3))]
    attempts: Option<u32>,

    /// The failures that are worth another attempt: no connection (`connect`), one that ended before an answer (`reset`), an endpoint
    /// that says that it has not looked at the request (`refused-stream`, of HTTP/2), or an answer with one of these statuses; `504`
    /// stands for no answer in time, too. Those with `grpc-` are for calls of gRPC, and only for answers that are nothing but that status:
    /// all calls are POST, so whoever lists one says that calls which end so may be made twice.
    #[schemars(extend("default" = evenkeel_plan::retry::Trigger::USUAL.map(evenkeel_plan::retry::Trigger::name)))]
    on: Option<OneOrMany<RetryTrigger>>,

    /// The share of the requests of the last ten seconds that may be tried again.
    #[schemars(extend("default" = "20%"))]
    budget: Option<Share>,

    /// So many may be in any case.
    #[schemars(extend("default" = "10/s"))]
    budget_min: Option<Rate>,

    /// The longest wait before the second attempt; it doubles with each further one. How long it really is, is drawn. A `Retry-After` of
    /// the endpoint is waited for, up to a second, and so is a `grpc-retry-pushback-ms`.
    #[schemars(extend("default" = "25ms"))]
    backoff: Option<Duration>,

    /// How much of a request's body is kept, so that it can be sent again; at most 1 MiB.
    #[schemars(extend("default" = "64KiB"))]
    body: Option<Size>,
}

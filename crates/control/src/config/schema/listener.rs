//! `[listener.NAME]` and the tables in it.

use std::collections::BTreeMap;

use evenkeel_plan::rate::RateTable;
use evenkeel_proto::http1::FIELDS_MAX;
use schemars::JsonSchema;

use super::cluster::{BalanceKey, Endpoint, HealthKey};
use super::values::{
    Ambiguity, Auto, Bind, ClientAuth, ClusterName, CountRate, Duration, Either, EmptySegments,
    FilePath, FolderPath, KeySource, Name, Network, Off, OneOrMany, Protocol, Size, TlsVersion,
    UnusualNames,
};

/// Where to accept, and what may come in there. The name is what metrics and status call it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME]", "x-example" = r#"
[listener.web]
bind = [":8080", "[::1]:8081"]
to = "api"
trusted_proxies = ["10.0.0.0/8"]

[listener.small]
bind = "127.0.0.1:8082"
to = ["10.0.0.1:8080", "10.0.0.2:8080"]
health = "/health"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct Listener {
    /// Where to listen.
    bind: OneOrMany<Bind>,

    /// What to speak: requests, in clear text (`http`) or by TLS (`https`); streams of bytes that are passed on as they are (`tcp`), out of TLS
    /// if there are `certificates`; or streams of TLS that are passed on undecrypted, by their server names (`tls`).
    #[schemars(extend("default" = "http"))]
    protocol: Option<Protocol>,

    /// Whether requests may come over HTTP/2, too: by TLS, if the client asks for it when it begins (ALPN `h2`); in clear text, if the first bytes of a
    /// connection are the preface of HTTP/2.
    #[schemars(extend("default" = true))]
    http2: Option<bool>,

    /// Where to send what no route takes, and all streams with `protocol = "tcp"`: the name of a cluster; or endpoints, and then `balance` and `health` may stand here.
    /// Needed only if no `[[route]]` is for this listener, and it does not redirect.
    to: Option<Either<ClusterName, OneOrMany<Endpoint>>>,

    /// As in a cluster; only with endpoints in `to`.
    #[schemars(extend("default" = "peak-ewma"))]
    balance: Option<BalanceKey>,

    /// As in a cluster; only with endpoints in `to`.
    #[schemars(extend("default" = serde_json::json!({ "kind": "tcp" })))]
    health: Option<HealthKey>,

    /// How many connections may be open; those that come when there are so many wait in the system's queue. `"auto"` is what the
    /// limit of open files allows, shared by all listeners.
    #[schemars(extend("default" = "auto"))]
    max_connections: Option<Either<Count, Auto>>,

    /// How many connections one client may have; more are closed at once. A client is an IPv4 address, or the first 64 bits of one
    /// of IPv6; behind a proxy, that is the proxy.
    #[schemars(extend("default" = "off"))]
    max_connections_per_client: Option<Either<Count, Off>>,

    /// How many connections a client may open in which time; more are closed at once.
    #[schemars(extend("default" = "off"))]
    connection_rate: Option<Either<Either<CountRate, ConnectionRate>, Off>>,

    /// Networks whose connections are taken, and no others if there are any here; others are closed at once. Goes by the
    /// address that is connected to us, which behind a proxy is the proxy's.
    #[schemars(extend("default" = Vec::<String>::new()))]
    allow: Option<OneOrMany<Network>>,

    /// Networks whose connections are closed at once, even if `allow` has them.
    #[schemars(extend("default" = Vec::<String>::new()))]
    deny: Option<OneOrMany<Network>>,

    /// How many requests there may be of each client, or of what else tells them apart; docs/limits.md says more. Counted before
    /// the route is looked for; more are answered with 429.
    #[schemars(extend("default" = Vec::<String>::new()))]
    rate_limit: Option<OneOrMany<Either<CountRate, RateLimit>>>,

    /// Whose word about the client is believed (`X-Forwarded-*`, `X-Request-ID`).
    #[schemars(extend("default" = Vec::<String>::new()))]
    trusted_proxies: Option<OneOrMany<Network>>,

    /// What becomes of a field whose name has other than letters, digits and hyphens, such as `X_Real_IP`, which many take for
    /// `X-Real-IP`: it does not go on, the request is answered with 400, or it is let through.
    #[schemars(extend("default" = "drop"))]
    header_names: Option<UnusualNames>,

    /// How long a client may take.
    timeouts: Option<ListenerTimeouts>,

    /// How much a client may send.
    limits: Option<ListenerLimits>,

    /// Which ambiguous paths are let through.
    paths: Option<Paths>,

    /// How errors are answered that no endpoint made.
    errors: Option<Errors>,

    /// What clients are shown, with `protocol = "https"`, which needs it, or `"tcp"`: directories with certificates and their keys, files,
    /// or the name of an `[acme.NAME]`.
    /// Which of several is for a client goes by the name that it asks for. Files are read again when they have changed.
    certificates: Option<OneOrMany<Either<FolderPath, CertificateFiles>>>,

    /// How TLS is spoken, with `certificates`.
    tls: Option<Tls>,

    /// Whether requests are sent to `https` instead of being served, with `protocol = "http"`. To the port of the listener with
    /// `protocol = "https"` if there is one, to 443 if there are several or none; or the port itself.
    #[schemars(extend("default" = false))]
    redirect_to_https: Option<Either<bool, Port>>,

    /// For how long browsers shall come by `https` only, with `protocol = "https"`: what answers say in
    /// `Strict-Transport-Security`.
    #[schemars(extend("default" = "off"))]
    hsts: Option<Either<Either<Duration, Hsts>, Off>>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Port(#[schemars(range(min = 1, max = u16::MAX))] u16);

/// A certificate in files of its own, in PEM; or one that an authority issues.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.certificates]", "x-example" = r#"
[listener.web]
bind = ":443"
protocol = "https"
certificates = ["certs", { cert = "example.com.crt", key = "example.com.key" }]
to = "api"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct CertificateFiles {
    /// The `web` of `[acme.web]`, which says who issues it; then there is nothing else to say.
    acme: Option<Name>,

    /// The certificate, and behind it the authorities between it and the root. Needed without `acme`.
    cert: Option<FilePath>,

    /// Its private key. Without it, the key is in the same file.
    key: Option<FilePath>,
}

/// How TLS is spoken.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.tls]", "x-example" = r#"
[listener.web]
bind = ":443"
protocol = "https"
certificates = ["certs"]
to = "api"
tls = { min_version = "1.3", client_auth = "required", client_ca = "clients-ca.pem", client_crl = "clients.crl" }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Tls {
    /// What clients have to speak at least.
    #[schemars(extend("default" = "1.2"))]
    min_version: Option<TlsVersion>,

    /// Whether clients are asked for a certificate: `"required"` shakes hands with nobody who shows none, `"optional"` also with
    /// who shows none, and neither with who shows one that is not good. Endpoints are told in `Client-Cert` and `X-Client-Cert-Subject`.
    #[schemars(extend("default" = "none"))]
    client_auth: Option<ClientAuth>,

    /// The authorities that sign clients' certificates, in PEM; needed where clients are asked for one. Files are read again when
    /// they have changed.
    client_ca: Option<OneOrMany<FilePath>>,

    /// Certificate revocation lists of the authorities, in PEM. With any there has to be one of each authority in
    /// a client's chain, and none that is outdated, or the client is refused. Files are read again when they have changed.
    client_crl: Option<OneOrMany<FilePath>>,

    /// Keys for session tickets that several machines share: in each line at least 32 random bytes in base64, as
    /// `openssl rand -base64 48` writes them. The first makes tickets, all are taken. The file is read again when it has changed.
    /// Without it, keys are made and replaced by themselves, and nobody else has them.
    ticket_keys: Option<FilePath>,
}

/// What `Strict-Transport-Security` says (RFC 6797).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.hsts]", "x-example" = r#"
[listener.web]
bind = ":443"
protocol = "https"
certificates = ["certs"]
to = "api"
hsts = { max_age = "365d", include_subdomains = true }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Hsts {
    /// For how long, in whole seconds. `"0s"` takes back what was said before.
    max_age: Duration,

    /// Whether for all names below this one, too.
    #[schemars(extend("default" = false))]
    include_subdomains: Option<bool>,

    /// Whether browsers may be shipped with it. It takes months to take that back.
    #[schemars(extend("default" = false))]
    preload: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Count(#[schemars(range(min = 1, max = u32::MAX))] u64);

/// A limit of the rate of requests. Where there are several in a list, a request has to be let through by all, and one that is
/// refused counts in none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.rate_limit]", "x-example" = r#"
[listener.web]
bind = ":8080"
to = "api"
rate_limit = { rate = "100/s", burst = 200 }

[[route]]
path = "/login"
to = "api"
rate_limit = ["5/m", { rate = "1000/h", key = "header:x-api-key", dry_run = true }]
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct RateLimit {
    /// How fast the quota comes back.
    rate: CountRate,

    /// How many may come at once, after a pause that was long enough. Without it, as many as `rate` has in its unit of time.
    #[schemars(range(min = 1, max = u32::MAX))]
    burst: Option<u32>,

    /// What is counted together: where several sources are named, requests that have all of them in common. What a request has
    /// nothing of is replaced by the network of its client.
    #[schemars(extend("default" = "client"))]
    key: Option<OneOrMany<KeySource>>,

    /// How many bits of an IPv4 address are the client; with 0, all of IPv4 is counted together.
    #[schemars(range(min = 0, max = 32), extend("default" = 32))]
    ipv4_prefix: Option<u8>,

    /// How many bits of an IPv6 address are the client.
    #[schemars(range(min = 0, max = 128), extend("default" = 64))]
    ipv6_prefix: Option<u8>,

    /// Whether it only counts, and says in the access log, whom it would refuse.
    #[schemars(extend("default" = false))]
    dry_run: Option<bool>,

    /// Whether answers have `RateLimit` and `RateLimit-Policy` before anybody is refused, too.
    #[schemars(extend("default" = false))]
    headers: Option<bool>,

    /// How many keys are remembered, 8 bytes each, rounded up to a power of two.
    #[schemars(range(min = RateTable::ENTRIES_MIN, max = RateTable::ENTRIES_MAX), extend("default" = 65536))]
    entries: Option<u32>,
}

/// A limit of the rate at which a client may open connections.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.connection_rate]", "x-example" = r#"
[listener.web]
bind = ":8080"
to = "api"
max_connections_per_client = 100
connection_rate = { rate = "10/s", burst = 50 }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ConnectionRate {
    /// How fast the quota comes back.
    rate: CountRate,

    /// How many may come at once. Without it, as many as `rate` has in its unit of time.
    #[schemars(range(min = 1, max = u32::MAX))]
    burst: Option<u32>,

    /// How many bits of an IPv4 address are the client.
    #[schemars(range(min = 0, max = 32), extend("default" = 32))]
    ipv4_prefix: Option<u8>,

    /// How many bits of an IPv6 address are the client.
    #[schemars(range(min = 0, max = 128), extend("default" = 64))]
    ipv6_prefix: Option<u8>,

    /// How many clients are remembered, 8 bytes each, rounded up to a power of two.
    #[schemars(range(min = RateTable::ENTRIES_MIN, max = RateTable::ENTRIES_MAX), extend("default" = 65536))]
    entries: Option<u32>,
}

/// How long a client may take. Each is at least 1 ms.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.timeouts]", "x-example" = r#"
[listener.web.timeouts]
header = "5s"
keep_alive = "30s"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ListenerTimeouts {
    /// For the handshake of TLS, with `certificates`; with `protocol = "tls"`, for its first message.
    #[schemars(extend("default" = "10s"))]
    tls: Option<Duration>,

    /// For a whole head, from its first byte.
    #[schemars(extend("default" = "10s"))]
    header: Option<Duration>,

    /// For each KiB of a request's body: less in that time is an attack, or a dead line.
    #[schemars(extend("default" = "30s"))]
    body: Option<Duration>,

    /// Between two requests on a connection.
    #[schemars(extend("default" = "75s"))]
    keep_alive: Option<Duration>,

    /// For each KiB of the answer that the client takes.
    #[schemars(extend("default" = "30s"))]
    write: Option<Duration>,

    /// Without a byte in either direction, once the connection is a WebSocket or another tunnel, or with `protocol = "tcp"` or `"tls"`.
    #[schemars(extend("default" = "1h"))]
    tunnel: Option<Duration>,
}

/// How much a client may send.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.limits]", "x-example" = r#"
[listener.web.limits]
header_bytes = "16KiB"
body = "10MiB"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct ListenerLimits {
    /// A whole head: 256 bytes to 1 MiB. It is held in memory while it is sent.
    #[schemars(extend("default" = "32KiB"))]
    header_bytes: Option<Size>,

    /// The fields of a head.
    #[schemars(range(min = 8, max = FIELDS_MAX), extend("default" = 100))]
    header_count: Option<u16>,

    /// The target in the first line of a head: 256 bytes to 1 MiB.
    #[schemars(extend("default" = "8KiB"))]
    target_bytes: Option<Size>,

    /// A request's body, at least 1 byte; more is answered with 413.
    #[schemars(extend("default" = "off"))]
    body: Option<Either<Size, Off>>,

    /// Requests at once over one connection of HTTP/2. A client that begins more is refused those.
    #[schemars(range(min = 1, max = 1024), extend("default" = 128))]
    streams: Option<u16>,
}

/// What others may read differently than we do: `"refuse"` answers 400, `"keep"` lets it through.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.paths]", "x-example" = r#"
[listener.web.paths]
encoded_slash = "keep"
empty_segments = "merge"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Paths {
    /// `%2f`: an endpoint that decodes it sees one more slash; some APIs need it for names with slashes.
    #[schemars(extend("default" = "refuse"))]
    encoded_slash: Option<Ambiguity>,

    /// `%00`: an endpoint in C may end the path there, so that `/a.txt%00.php` is served as `/a.txt`.
    #[schemars(extend("default" = "refuse"))]
    encoded_nul: Option<Ambiguity>,

    /// `\` and `%5c`: an endpoint on Windows takes them for slashes, and `..\` for a step up.
    #[schemars(extend("default" = "refuse"))]
    backslash: Option<Ambiguity>,

    /// Such as `%c0%ae`: a careless decoder makes a dot of it, and so a step up.
    #[schemars(extend("default" = "refuse"))]
    overlong_utf8: Option<Ambiguity>,

    /// A `%` without two hexadecimal digits: decoders guess, each in another way.
    #[schemars(extend("default" = "refuse"))]
    bad_escape: Option<Ambiguity>,

    /// `..` above the root or over an empty segment, and `..;`, which some take for a step up; others are resolved.
    #[schemars(extend("default" = "refuse"))]
    dot_segments: Option<Ambiguity>,

    /// `//`: `"keep"` leaves it as it is, `"merge"` makes it `/`, `"refuse"` answers 400.
    #[schemars(extend("default" = "keep"))]
    empty_segments: Option<EmptySegments>,
}

/// How errors are answered that no endpoint made; docs/errors.md lists them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[listener.NAME.errors]", "x-example" = r#"
[listener.web.errors]
reason_header = true
pages = { 503 = "pages/503.html", 5xx = "pages/5xx.html", 4xx = "pages/4xx.json" }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Errors {
    /// Whether clients are told the reason's name in `X-Evenkeel-Reason`.
    #[schemars(extend("default" = false))]
    reason_header: Option<bool>,

    /// Files instead of our own text, by a status or by `4xx` or `5xx`: .html, .htm, .json or .txt, at most 256 KiB each. A
    /// path starts at the folder of the file that names it. `{status}`, `{reason}`, `{message}` and `{request_id}` in them are
    /// replaced.
    #[schemars(extend("default" = serde_json::json!({}), "propertyNames" = statuses(), "x-by" = "status"))]
    pages: Option<BTreeMap<String, FilePath>>,
}

/// What there can be a page for.
fn statuses() -> serde_json::Value {
    serde_json::json!({ "pattern": "^[45]([0-9][0-9]|xx)$" })
}

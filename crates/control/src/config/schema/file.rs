//! The top of a file, `[admin]` and `[log]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::super::decode::WORKERS_MAX;
use super::acme::Acme;
use super::cluster::Cluster;
use super::listener::Listener;
use super::route::Route;
use super::values::{
    AccessFormat, AdminAddress, Auto, Duration, Either, False, FilePath, Keep, Level, OneOrMany,
    Token, Zone,
};

/// Keys before the first `[…]`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Evenkeel config")]
#[schemars(extend("x-section" = "The top of the file", "x-example" = r#"
include = "conf.d/*.toml"
workers = 4
drain = "1m"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
pub(super) struct File {
    /// Files that say more. `*`, `?` and `[a-z]` may stand in the last part of a path, which starts at the folder of this
    /// file; what matches is read in the order of the alphabet. A file without wildcards has to exist. Each listener, each
    /// cluster, and each key here may be in one file only. Included files include nothing. At most 1,000 files, 16 MiB
    /// together.
    #[schemars(extend("default" = Vec::<String>::new()))]
    include: Option<OneOrMany<FilePath>>,

    /// How many threads carry traffic; `"auto"` is one per core. `--workers` and `EVENKEEL_WORKERS` win over it.
    #[schemars(extend("default" = "auto"))]
    workers: Option<Either<Auto, Workers>>,

    /// How long running exchanges may take to finish: all of them at a stop, those at an endpoint that is drained or removed, and at a
    /// reload the tunnels of a listener that goes. What is left at an endpoint then is cut, spread over half as long, at most 10 s.
    #[schemars(extend("default" = "30s"))]
    drain: Option<Duration>,

    /// Where this balancer is: work goes to endpoints of the same zone first, as the `prefer_zone` of each cluster says. `"${ZONE:-}"`
    /// takes it from a variable.
    #[schemars(extend("default" = ""))]
    zone: Option<Zone>,

    /// Where to accept, by a name for metrics and status. There has to be one.
    #[schemars(extend("propertyNames" = names()))]
    listener: Option<BTreeMap<String, Listener>>,

    /// Which requests go where.
    route: Option<Vec<Route>>,

    /// Sets of endpoints, by a name.
    #[schemars(extend("propertyNames" = names()))]
    cluster: Option<BTreeMap<String, Cluster>>,

    /// Certificates that an authority issues and that are renewed in time, by a name.
    #[schemars(extend("propertyNames" = names()))]
    acme: Option<BTreeMap<String, Acme>>,

    /// The admin API.
    admin: Option<Admin>,

    /// What is written down.
    log: Option<Log>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Workers(#[schemars(range(min = 1, max = WORKERS_MAX))] u64);

/// The admin API: status for people, metrics for Prometheus.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[admin]", "x-example" = r#"
[admin]
bind = "127.0.0.1:9901"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Admin {
    /// Where it listens; a port alone means on this machine only, and port 0 any that is free. Whoever reaches an address may look.
    /// A path of the file system lets in whom its rights let in, without a token. `false` switches it off.
    #[schemars(extend("default" = "127.0.0.1:9900"))]
    bind: Option<Either<AdminAddress, False>>,

    /// What whoever comes over a network has to send to change something. Without one, changes are taken from this machine only:
    /// set one where a proxy on this machine passes strangers on.
    #[schemars(extend("default" = ""))]
    token: Option<Token>,
}

/// What is written down: events on the standard error, exchanges where you say.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[log]", "x-example" = r#"
[log]
level = "warn"
access = { format = "combined", path = "/var/log/evenkeel/access.log" }
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Log {
    /// How much is said about events.
    #[schemars(extend("default" = "info"))]
    level: Option<Level>,

    /// One line for each exchange, as docs/access-log.md says: `true` for JSON on the standard output, or a format, or more.
    #[schemars(extend("default" = false))]
    access: Option<Either<bool, Either<AccessFormat, Access>>>,
}

/// Where the access log goes, and what is in it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-section" = "[log.access]", "x-example" = r#"
[log.access]
format = "json"
path = "-"
keep = "errors"
"#))]
#[expect(dead_code, reason = "only what is derived from it is used")]
struct Access {
    /// The form of a line.
    #[schemars(extend("default" = "json"))]
    format: Option<AccessFormat>,

    /// A file, which is appended to and opened anew at SIGUSR1; `"-"` is the standard output. A relative path starts at the
    /// working directory.
    #[schemars(extend("default" = "-"))]
    path: Option<FilePath>,

    /// `"errors"` keeps what failed, or was answered with 400 or above.
    #[schemars(extend("default" = "all"))]
    keep: Option<Keep>,
}

/// What a listener or a cluster may be called.
fn names() -> serde_json::Value {
    serde_json::json!({ "pattern": "^[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*$", "maxLength": 64 })
}

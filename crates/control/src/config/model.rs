//! What a config says once it is decoded, defaulted and checked: the conductor makes plans from it.
//!
//! Names are still names here: nothing is resolved, bound or opened.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_plan::access::{AccessFormat, AccessLog, Kept};
use evenkeel_plan::balance::hash::maglev::TableSize;
use evenkeel_plan::balance::hash::{HashKey, KeySource};
use evenkeel_plan::balance::{
    Algorithm, Balancing, Eligibility, SameSite, SessionCookie, SlowStart,
};
use evenkeel_plan::cluster::{HttpVersion, PoolLimits, UpstreamTimeouts};
use evenkeel_plan::endpoint::{Forced, Labels};
use evenkeel_plan::errors::ErrorPage;
use evenkeel_plan::health::HealthCheck;
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts, Protocol};
use evenkeel_plan::overload::Limits;
use evenkeel_plan::rate::{Prefixes, Quota, RateKey};
use evenkeel_plan::rebalance;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::route::{HostPattern, PathPattern, default_name};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::PathRules;
use ipnet::IpNet;

use crate::certificates::FileKind;

mod acme;

pub(super) use acme::acme_file;
pub use acme::{AcmeConfig, AcmeKey, BindingConfig, ChallengeConfig};

/// A checked config: every reference leads somewhere, every value is in its bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How many workers to run.
    pub workers: WorkerCount,
    /// How long running exchanges may take to finish at a stop, or at an endpoint that leaves.
    pub drain: Duration,
    /// Where this balancer is; `None` if that is not said.
    pub zone: Option<String>,
    /// At least one.
    pub listeners: Vec<ListenerConfig>,
    /// In the order of the file. No two of a listener have the same patterns or the same name.
    pub routes: Vec<RouteConfig>,
    /// What authorities are asked for.
    pub acme: Vec<AcmeConfig>,
    /// Those of `[cluster.*]`, and one for each listener that lists endpoints itself, named after it.
    pub clusters: Vec<ClusterConfig>,
    /// Where the admin API listens.
    pub admin: AdminBind,
    /// What whoever wants to change something over a network has to know; `None` refuses them all.
    pub admin_token: Option<Secret>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What is written down about each exchange, and where; `None` for nothing.
    pub access: Option<AccessConfig>,
}

/// How many workers to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerCount {
    /// One per core.
    #[default]
    Auto,
    /// So many; at least 1.
    Fixed(usize),
}

/// Where the admin API listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminBind {
    /// Nowhere.
    Off,
    /// There, and nowhere else: if the address is taken, that is an error.
    Fixed(SocketAddr),
    /// At this path of the file system; a relative one starts at the working directory.
    Unix(PathBuf),
    /// There if it is free, else at a free port of the same address. Only for `serve` and `demo`, which print it.
    Preferred(SocketAddr),
}

impl AdminBind {
    /// Where the admin API listens unless it is told otherwise: not to be reached from other machines.
    pub const DEFAULT_ADDRESS: SocketAddr =
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9900));
}

/// Something that is never shown: neither in messages nor in the config that the admin API tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What broke.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what changed.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// Every level, from the quietest.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The name in config.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// Its form, and what is in it.
    pub log: AccessLog,
    /// Where it goes.
    pub path: AccessPath,
}

impl Default for AccessConfig {
    /// What `access = true` means.
    fn default() -> Self {
        let log = AccessLog { format: AccessFormat::default(), keep: Kept::default() };
        Self { log, path: AccessPath::default() }
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessPath {
    /// `-`, or a name that Linux has for it
    #[default]
    Stdout,
    /// Is appended to; a relative path starts at the working directory.
    File(PathBuf),
}

impl fmt::Display for AccessPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An address to accept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The `web` of `[listener.web]`.
    pub name: String,
    /// At least one.
    pub binds: Vec<Bind>,
    /// What comes in there; inside TLS, if it has [`ListenerConfig::tls`].
    pub protocol: Protocol,
    /// Whether requests may come over HTTP/2, too.
    pub http2: bool,
    /// The name of a cluster in [`Config::clusters`], which gets what no route takes; `None` if nobody does.
    pub to: Option<String>,
    /// Whose connections are taken, and how many requests.
    pub admission: AdmissionConfig,
    /// How many connections there may be.
    pub connections: ConnectionsConfig,
    /// Whose word about the client is believed: [`evenkeel_plan::listener::TrustedProxies::new`] takes them.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take.
    pub timeouts: DownstreamTimeouts,
    /// How much a client may send.
    pub limits: DownstreamLimits,
    /// What may stand in a request's path.
    pub paths: PathRules,
    /// What becomes of fields with unusual names.
    pub header_names: UnusualNames,
    /// How the errors that we make ourselves are answered.
    pub errors: ErrorsConfig,
    /// How it speaks TLS with clients; `None` for clear text.
    pub tls: Option<TlsConfig>,
    /// Where requests are sent instead of being served; `None` for nowhere.
    pub redirect_to_https: Option<HttpsPort>,
    /// For how long clients are told to come by TLS only; `None` if they are not.
    pub hsts: Option<HstsConfig>,
}

/// How a listener speaks TLS: what [`evenkeel_plan::tls::Termination`] is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// What it carries, which decides on what clients may ask for by ALPN.
    pub carries: Protocol,
    /// Whether that may be HTTP/2, where it is requests.
    pub http2: bool,
    /// Where its certificates are; at least one.
    pub certificates: Vec<CertificateSource>,
    /// What clients have to speak at least.
    pub min_version: TlsVersion,
    /// How clients prove who they are; `None` if they need not.
    pub client_auth: Option<ClientAuthConfig>,
    /// Where the keys for session tickets are; `None` for some of our own.
    pub ticket_keys: Option<FilePlace>,
}

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthConfig {
    /// Whether they have to.
    pub is_required: bool,
    /// Files with the authorities that sign their certificates; at least one.
    pub authorities: Vec<FilePlace>,
    /// Files with what these have taken back.
    pub revocations: Vec<FilePlace>,
}

impl TlsConfig {
    /// With those certificates for requests, and everything else as it is where nothing is said.
    pub fn new(certificates: Vec<CertificateSource>) -> Self {
        let min_version = TlsVersion::default();
        let (carries, http2) = (Protocol::Http, true);
        Self { carries, http2, certificates, min_version, client_auth: None, ticket_keys: None }
    }

    /// The files beside certificates that it names.
    pub(crate) fn followed(&self) -> impl Iterator<Item = (FileKind, &Path)> {
        let auth = self.client_auth.iter().flat_map(|auth| {
            let authorities = auth.authorities.iter().map(|it| (FileKind::ClientAuthorities, it));
            authorities.chain(auth.revocations.iter().map(|it| (FileKind::Revocations, it)))
        });
        let all = auth.chain(self.ticket_keys.iter().map(|it| (FileKind::TicketKeys, it)));
        all.map(|(kind, place)| (kind, &*place.path))
    }
}

/// How the endpoints of a cluster are spoken TLS with: what [`evenkeel_plan::tls::Origination`] is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginationConfig {
    /// Whose word on who they are is taken.
    pub trust: Trust,
    /// Whom they have to prove to be; `None` for the host that each is named by.
    pub server_name: Option<Box<str>>,
    /// What we prove ourselves by, a [`CertificateSource::Client`]; `None` for nothing.
    pub certificate: Option<CertificateSource>,
    /// In which version of HTTP they are asked, which decides on what is offered by ALPN.
    pub http: HttpVersion,
}

impl OriginationConfig {
    /// The file beside certificates that it names.
    pub(crate) fn followed(&self) -> Option<(FileKind, &Path)> {
        match &self.trust {
            Trust::Authorities(place) => Some((FileKind::EndpointAuthorities, &place.path)),
            Trust::System | Trust::Anybody => None,
        }
    }
}

/// Whose word is taken on who an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// That of the authorities that this machine trusts.
    #[default]
    System,
    /// That of the authorities in this file.
    Authorities(FilePlace),
    /// Anybody's, which is to say that nothing is proved.
    Anybody,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Where certificates are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateSource {
    /// All in this directory that have a key.
    Directory(FilePlace),
    /// This one.
    Files {
        /// The certificate, and the authorities that stand for it.
        cert: FilePlace,
        /// Its key; `None` if that is in the same file.
        key: Option<FilePlace>,
    },
    /// This one, which endpoints are shown; they do not ask for a name in it.
    Client {
        /// The certificate, and the authorities that stand for it.
        cert: FilePlace,
        /// Its key; `None` if that is in the same file.
        key: Option<FilePlace>,
    },
    /// One that an authority issues, and that may not be there yet.
    Acme {
        /// The [`AcmeConfig`].
        name: String,
        /// The file with the certificate and its key.
        file: PathBuf,
    },
}

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePlace {
    /// As it is written; a relative path starts at the folder of the config.
    pub written: String,
    /// As the process calls it.
    pub path: PathBuf,
}

impl CertificateSource {
    /// Whether it is for us to see that something good is in it.
    pub(crate) fn is_renewed_here(&self) -> bool {
        matches!(self, Self::Acme { .. })
    }

    /// All that it names.
    pub(super) fn places_mut(&mut self) -> impl Iterator<Item = &mut FilePlace> {
        let (one, other) = match self {
            Self::Directory(folder) => (Some(folder), None),
            Self::Files { cert, key } | Self::Client { cert, key } => (Some(cert), key.as_mut()),
            // Its place is that of the other's state.
            Self::Acme { .. } => (None, None),
        };
        one.into_iter().chain(other)
    }
}

impl From<String> for FilePlace {
    /// Before it is known which folder the config is in.
    fn from(written: String) -> Self {
        Self { path: PathBuf::from(&written), written }
    }
}

/// The port of `https` that clients are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpsPort {
    /// That of the listener for `https`, if there is one only; else 443.
    Ours,
    /// This one.
    Only(u16),
}

/// What `Strict-Transport-Security` says (RFC 6797 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HstsConfig {
    /// For how long, in whole seconds; 0 takes back what was said before.
    pub max_age: Duration,
    /// Whether for all names below, too.
    pub include_subdomains: bool,
    /// Whether browsers may be shipped with it.
    pub preload: bool,
}

impl HstsConfig {
    /// For so long, and no more than that.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, include_subdomains: false, preload: false }
    }
}

/// Which requests go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// As it is written, if it is.
    pub name: Option<String>,
    /// The names of the listeners that it is for; at least one.
    pub listeners: Vec<String>,
    /// Whom the client has to ask for.
    pub host: HostPattern,
    /// What it has to ask for.
    pub path: PathPattern,
    /// The protocols of which the client of a stream of TLS has to offer one; empty for any.
    pub alpn: Box<[Box<str>]>,
    /// Names of clusters in [`Config::clusters`] with their weights; at least one weighs something.
    pub to: Vec<(String, u32)>,
    /// What endpoints of these clusters have to be labelled with, each of these, to get anything.
    pub labels: Labels,
    /// Whose requests are answered, and how many.
    pub admission: AdmissionConfig,
    /// For the whole exchange: `None` is what the cluster says, `Some(None)` is any time.
    pub exchange_timeout: Option<Option<Duration>>,
    /// Whether calls of gRPC-Web are translated.
    pub grpc_web: bool,
}

/// Who may come in: what [`evenkeel_plan::admission::Admission`] is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Nobody else, if there are any.
    pub allow: Vec<IpNet>,
    /// None of these.
    pub deny: Vec<IpNet>,
    /// All of them have to admit a request.
    pub limits: Vec<RateLimitConfig>,
}

/// How many requests there may be of each key: what [`evenkeel_plan::rate::RateLimit`] is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// So many.
    pub quota: Quota,
    /// What tells them apart.
    pub key: RateKey,
    /// Whether it only counts whom it would refuse.
    pub dry_run: bool,
    /// Whether clients are told what remains.
    pub headers: bool,
    /// How many keys are remembered.
    pub entries: u32,
}

impl RateLimitConfig {
    /// With the defaults for all the rest.
    pub fn new(quota: Quota) -> Self {
        Self {
            quota,
            key: RateKey::default(),
            dry_run: false,
            headers: false,
            entries: ENTRIES_DEFAULT,
        }
    }
}

/// How many connections a listener may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsConfig {
    /// Altogether; `None` for what the descriptor limit allows.
    pub max: Option<u32>,
    /// Of one client; `None` for any number.
    pub per_client: Option<u32>,
    /// New ones of one client; `None` for any number.
    pub rate: Option<ConnectionRateConfig>,
}

/// How fast a client may open connections: what [`evenkeel_plan::admission::ConnectionRate`] is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRateConfig {
    /// So many.
    pub quota: Quota,
    /// What a client is.
    pub prefixes: Prefixes,
    /// How many clients are remembered.
    pub entries: u32,
}

impl ConnectionRateConfig {
    /// With the defaults for all the rest.
    pub fn new(quota: Quota) -> Self {
        Self { quota, prefixes: Prefixes::default(), entries: ENTRIES_DEFAULT }
    }
}

impl ListenerConfig {
    /// What it speaks, as it is written.
    pub fn protocol_word(&self) -> &'static str {
        match (self.protocol, &self.tls) {
            (Protocol::Http, None) => "http",
            (Protocol::Http, Some(_)) => "https",
            (Protocol::Tcp, _) => "tcp",
            (Protocol::Tls, _) => "tls",
        }
    }
}

impl RouteConfig {
    /// What metrics, logs and the status call it.
    pub fn label(&self) -> String {
        let default = || default_name(&self.host, &self.path, &self.alpn);
        self.name.clone().unwrap_or_else(default)
    }
}

/// How errors are answered: what [`evenkeel_plan::errors::ErrorAnswers`] is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorsConfig {
    /// Whether the reason's name is told in a field.
    pub reason_header: bool,
    /// The most specific first.
    pub pages: Vec<PageConfig>,
}

/// A page for some statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageConfig {
    /// The file as it is written; a relative path starts at the folder of the config.
    pub file: String,
    /// What was read from it when the config was loaded.
    pub page: ErrorPage,
}

/// A named set of endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterConfig {
    /// The `api` of `[cluster.api]`.
    pub name: String,
    /// At least one; at least one of them weighs something.
    pub endpoints: Vec<EndpointConfig>,
    /// How to choose among them.
    pub balance: BalanceConfig,
    /// Which of them come into question.
    pub eligibility: EligibilityConfig,
    /// What makes the requests of a session go to one of them; `None` for nothing.
    pub sticky: Option<StickyConfig>,
    /// How to check them, by all of these; empty when switched off.
    pub health: Vec<HealthCheck>,
    /// How they are spoken TLS with; `None` for clear text.
    pub tls: Option<OriginationConfig>,
    /// In which version of HTTP they are asked.
    pub http: HttpVersion,
    /// How long to wait for them.
    pub timeouts: UpstreamTimeouts,
    /// The field by which they are told how much time is left; `None` for none.
    pub deadline_header: Option<String>,
    /// How many idle connections to keep.
    pub pool: PoolLimits,
    /// What to do about failures.
    pub resilience: Resilience,
    /// How much work they get at a time.
    pub limits: Limits,
    /// How long-lived streams move to those that joined later; `None` if they do not.
    pub rebalance: Option<rebalance::Settings>,
}

/// How to choose among the endpoints of a cluster: the part of [`Balancing`] that `balance` says.
#[derive(Clone, Debug, PartialEq)]
pub struct BalanceConfig {
    /// By what rule.
    pub algorithm: Algorithm,
    /// What tells requests apart.
    pub key: HashKey,
    /// How many points an endpoint of middling weight has on the ring.
    pub vnodes: u32,
    /// How many entries the table has.
    pub table_size: TableSize,
    /// How many times its share of what is in flight an endpoint may have, at least 1; `None` for any.
    pub bounded_load: Option<f64>,
    /// The path at which endpoints say how much they have to do.
    pub load_path: Box<str>,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        Balancing::default().algorithm.into()
    }
}

impl From<Algorithm> for BalanceConfig {
    /// With the defaults for all the rest.
    fn from(algorithm: Algorithm) -> Self {
        let Balancing { key, vnodes, table_size, bounded_load, load_path, .. } =
            Balancing::default();
        Self { algorithm, key, vnodes, table_size, bounded_load, load_path }
    }
}

/// Which endpoints of a cluster come into question: what [`Eligibility`] is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EligibilityConfig {
    /// The share of endpoints that are well, 0 to 1, under which all are used; 0 for never.
    pub panic_below: f64,
    /// How an endpoint that is new, or was not well, gets back to its share; `None` for at once.
    pub slow_start: Option<SlowStart>,
    /// The share of our zone's endpoints, 0 to 1, that have to be well for it to get everything; `None` if zones do not matter.
    pub prefer_zone: Option<f64>,
}

impl Default for EligibilityConfig {
    fn default() -> Self {
        let Eligibility { panic_below, slow_start, .. } = Eligibility::default();
        Self { panic_below, slow_start, prefer_zone: Some(PREFER_ZONE_DEFAULT) }
    }
}

/// What makes the requests of a session go to one endpoint: what [`Sticky`](evenkeel_plan::balance::Sticky) is made from.
#[derive(Clone, Debug, PartialEq)]
pub enum StickyConfig {
    /// Something that a request has by itself.
    Key(KeySource),
    /// A cookie that we set.
    Cookie(CookieConfig),
}

/// A session cookie: what [`SessionCookie`] is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieConfig {
    /// Its name.
    pub name: String,
    /// How long a session lasts; `None` for until the browser is closed.
    pub ttl: Option<Duration>,
    /// What it is signed with; none for a key that the process makes up.
    pub keys: Vec<Secret>,
    /// `Path`.
    pub path: String,
    /// `Domain`, if it is said.
    pub domain: Option<String>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// For how long an endpoint that is being drained keeps its sessions.
    pub drain: Duration,
}

impl Default for CookieConfig {
    fn default() -> Self {
        let SessionCookie { ttl, path, same_site, secure, http_only, drain, .. } =
            SessionCookie::new("", []);
        Self {
            name: String::new(),
            ttl,
            keys: Vec::new(),
            path: path.into(),
            domain: None,
            same_site,
            secure,
            http_only,
            drain,
        }
    }
}

/// One endpoint of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// As written: `127.0.0.1:9001`, `[::1]:9001`, `db.internal:5432`. Unique in its cluster.
    pub name: String,
    /// The host part of `name`, without brackets: an address or a DNS name.
    pub host: String,
    /// The port of `name`.
    pub port: u16,
    /// At most [`evenkeel_plan::limits::WEIGHT_MAX`].
    pub weight: u32,
    /// Used only while no other endpoint can be.
    pub backup: bool,
    /// Which endpoints it stands in for: those of lower numbers; at most [`evenkeel_plan::limits::PRIORITY_MAX`].
    pub priority: u8,
    /// Where it is; `None` if that is not said.
    pub zone: Option<String>,
    /// What routes may choose by.
    pub labels: Labels,
    /// What an operator has said about it. A file cannot say it: it comes from the overrides of the admin API.
    pub forced: Option<Forced>,
}

/// Half a megabyte.
pub(super) const ENTRIES_DEFAULT: u32 = 65_536;

/// Three of four endpoints of a zone can mostly do the work of all; two of four cannot.
const PREFER_ZONE_DEFAULT: f64 = 0.7;

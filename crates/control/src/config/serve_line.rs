//! The config that a command line stands for: `evenkeel serve 8080 9001 9002*3 !9003`. The binary calls it.
//!
//! Mistakes are shown as in a file: the line again, and a caret under each.

use evenkeel_plan::access::{AccessFormat, AccessLog};
use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::cluster::{PoolLimits, UpstreamTimeouts};
use evenkeel_plan::health::HealthCheck;
use evenkeel_plan::limits::WEIGHT_MAX;
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts, Protocol};
use evenkeel_plan::overload::Limits;
use evenkeel_plan::resilience::Resilience;
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::PathRules;
use toml::Spanned;

use super::decode::{DRAIN_DEFAULT, PROTOCOLS, PROTOCOLS_LATER, WORKERS_MAX, http_check};
use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::draft::{
    AccessDraft, ClusterDraft, Draft, EndpointsDraft, ErrorsDraft, ListenerDraft, Target, TlsDraft,
};
use super::model::{
    AccessConfig, AccessPath, AdminBind, AdmissionConfig, ConnectionsConfig, EligibilityConfig,
    EndpointConfig, LogLevel, WorkerCount,
};
use super::report::Report;
use super::sources::{Source, Sources};
use super::{DevelopmentCertificate, Loaded, address, check, finish};

/// What else a `serve` line may say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServeOptions {
    /// How to choose among the endpoints.
    pub balance: Algorithm,
    /// `--health`: the path that checks ask for; without it they only connect.
    pub health: Option<String>,
    /// `--admin`: an address, which then has to be free, or `off`. Without it the default one is preferred.
    pub admin: Option<String>,
    /// How many workers to run.
    pub workers: WorkerCount,
    /// `--access-log`: the form in which each exchange is written to the standard output; without it none is.
    pub access_log: Option<AccessFormat>,
    /// What is shown to clients that come by https. Nobody has looked yet whether it is there.
    pub certificate: DevelopmentCertificate,
}

/// Makes a config of LISTEN (`8080`, `127.0.0.1:8080`, `https:8443`, `tcp:5432`, `tls:443`) and ENDPOINTs (`9001`, `app:80`, `9002*3`, `!9003`).
///
/// # Errors
///
/// Everything that is wrong with the line.
pub fn parse(listen: &str, endpoints: &[String], options: &ServeOptions) -> Result<Loaded, Report> {
    let sink = Sink::default();
    let mut line = Line::new();
    let listen = line.word(listen, parse_listen, &sink);
    let is_secure = listen.as_ref().is_some_and(|listen| listen.get_ref().is_secure);
    let protocol = listen.as_ref().map(|listen| listen.get_ref().protocol);
    let name = Spanned::new(line.span.clone(), NAME.to_owned());
    let certificate = Spanned::new(line.span.clone(), options.certificate.source());
    let tls = TlsDraft { certificates: vec![certificate], ..TlsDraft::default() };
    let own = ClusterDraft {
        name: name.clone(),
        endpoints: line.endpoints(endpoints, &sink),
        balance: options.balance.into(),
        eligibility: EligibilityConfig::default(),
        sticky: None,
        health: line.health(options, &sink).into(),
        tls: None,
        http: None,
        timeouts: UpstreamTimeouts::default(),
        deadline_header: None,
        pool: PoolLimits::default(),
        resilience: Resilience::default(),
        retried_calls: None,
        limits: Limits::default(),
        rebalance: None,
    };
    let draft = Draft {
        workers: line.workers(options.workers, &sink),
        drain: DRAIN_DEFAULT,
        zone: None,
        listeners: vec![ListenerDraft {
            name,
            binds: listen
                .iter()
                .map(|it| Spanned::new(it.span(), it.get_ref().bind.clone()))
                .collect(),
            protocol,
            http2: true,
            target: Target::Own(Box::new(own)),
            admission: AdmissionConfig::default(),
            connections: ConnectionsConfig::default(),
            trusted_proxies: Vec::new(),
            timeouts: DownstreamTimeouts::default(),
            limits: DownstreamLimits::default(),
            paths: PathRules::default(),
            header_names: UnusualNames::default(),
            errors: ErrorsDraft::default(),
            tls: is_secure.then_some(tls),
            redirect_to_https: None,
            hsts: None,
        }],
        routes: Vec::new(),
        clusters: Vec::new(),
        admin: line.admin(options, &sink),
        admin_span: Some(line.span.clone()),
        acme: Vec::new(),
        admin_token: None,
        log_level: LogLevel::default(),
        access: options.access_log.map(access_log),
    };
    let line = Source { name: "the command line".to_owned(), text: line.text };
    check::check(&draft, &sink);
    finish(draft, sink, Sources::new(line))
}

fn access_log(format: AccessFormat) -> AccessDraft {
    let log = AccessLog { format, keep: Default::default() };
    AccessDraft { config: AccessConfig { log, path: AccessPath::Stdout }, path_span: None }
}

/// The command line as it was typed, word by word.
struct Line {
    text: String,
    /// Where the last word is.
    span: Span,
}

impl Line {
    fn new() -> Self {
        Self { text: "evenkeel serve".to_owned(), span: 0..0 }
    }

    /// Adds a word, and reads it.
    fn word<T>(
        &mut self,
        word: &str,
        parse: impl FnOnce(&str) -> Result<T, Diagnostic>,
        sink: &Sink,
    ) -> Option<Spanned<T>> {
        self.text.push(' ');
        let start = self.text.len();
        self.text.push_str(word);
        self.span = start..self.text.len();
        let value = sink.take(parse(word), self.span.clone())?;
        Some(Spanned::new(self.span.clone(), value))
    }

    /// Adds an option with its value, and reads the value.
    fn option<T>(
        &mut self,
        option: &str,
        value: &str,
        parse: impl FnOnce(&str) -> Result<T, Diagnostic>,
        sink: &Sink,
    ) -> Option<T> {
        self.text.push_str(&format!(" {option}"));
        self.word(value, parse, sink).map(Spanned::into_inner)
    }

    fn endpoints(&mut self, words: &[String], sink: &Sink) -> EndpointsDraft {
        let start = self.text.len() + 1;
        let list = words.iter().filter_map(|word| self.word(word, parse_endpoint, sink)).collect();
        let end = self.text.len().max(start);
        EndpointsDraft { list, written: words.len(), span: start..end }
    }

    fn health(&mut self, options: &ServeOptions, sink: &Sink) -> HealthCheck {
        let path = options.health.as_deref();
        path.and_then(|path| self.option("--health", path, http_check, sink)).unwrap_or_default()
    }

    fn workers(&mut self, workers: WorkerCount, sink: &Sink) -> WorkerCount {
        let WorkerCount::Fixed(count) = workers else { return workers };
        let check = |_: &str| match u64::try_from(count) {
            Ok(1..=WORKERS_MAX) => Ok(workers),
            _ => {
                Err(Diagnostic::new(Code::OutOfBounds, format!("there cannot be {count} workers"))
                    .label(format!("wants 1 to {WORKERS_MAX}")))
            }
        };
        self.option("--workers", &count.to_string(), check, sink).unwrap_or_default()
    }

    fn admin(&mut self, options: &ServeOptions, sink: &Sink) -> AdminBind {
        let default = AdminBind::Preferred(AdminBind::DEFAULT_ADDRESS);
        let parse = |word: &str| match word {
            "off" => Ok(AdminBind::Off),
            address => address::parse_admin(address),
        };
        let admin = options.admin.as_deref();
        admin.and_then(|word| self.option("--admin", word, parse, sink)).unwrap_or(default)
    }
}

/// Where a line listens, and how.
struct Listen {
    bind: Bind,
    protocol: Protocol,
    /// Whether TLS is spoken there.
    is_secure: bool,
}

/// An address, after the protocol if it is given.
fn parse_listen(word: &str) -> Result<Listen, Diagnostic> {
    let (word, address) = match word.split_once(':') {
        Some((protocol, address)) if is_protocol(protocol) => (protocol, address),
        _ => ("http", word),
    };
    let protocol = match word {
        "http" | "https" => Protocol::Http,
        "tcp" => Protocol::Tcp,
        "tls" => Protocol::Tls,
        _ => {
            let message = format!("listening with {} is not supported yet", quoted(word));
            return Err(Diagnostic::new(Code::Unsupported, message)
                .label("not supported yet")
                .help("a command line speaks http, https, tcp and tls"));
        }
    };
    let bind = address::parse_bind(address)?;
    Ok(Listen { bind, protocol, is_secure: word == "https" })
}

fn is_protocol(word: &str) -> bool {
    PROTOCOLS.iter().chain(&PROTOCOLS_LATER).any(|known| *known == word)
}

/// `!` before an endpoint makes it a backup, `*3` after it gives it weight 3.
fn parse_endpoint(word: &str) -> Result<EndpointConfig, Diagnostic> {
    let (address, backup) = match word.strip_prefix('!') {
        Some(address) => (address, true),
        None => (word, false),
    };
    let Some((address, weight)) = address.rsplit_once('*') else {
        return Ok(EndpointConfig { backup, ..address::parse_endpoint(address)? });
    };
    let endpoint = address::parse_endpoint(address)?;
    match weight.parse() {
        Ok(weight @ 0..=WEIGHT_MAX) => Ok(EndpointConfig { weight, backup, ..endpoint }),
        _ => Err(Diagnostic::new(Code::OutOfBounds, format!("{} is not a weight", quoted(weight)))
            .label(format!("weights are 0 to {WEIGHT_MAX}"))
            .help("as in `9001*3`")),
    }
}

/// What the listener and its cluster are called in the status and in the metrics.
const NAME: &str = "web";

#[cfg(test)]
mod tests;

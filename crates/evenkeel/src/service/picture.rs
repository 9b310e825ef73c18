//! What a balancer says about itself when it has started: where it listens, where it sends, how that stands, and where to
//! look further. Shown by the service.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use evenkeel_control::admin::{Address, ClusterStatus, EndpointState, EndpointStatus, Status};
use evenkeel_control::config::Config;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::listener::Bind;

use crate::state_words::{StateWords, state_words};
use crate::tone::{Palette, Tone};
use crate::units::show_duration;

use super::{Kept, Service};

/// The picture; its `Display` ends with a newline.
pub(super) struct Picture<'a> {
    pub(super) service: &'a Service,
    pub(super) status: &'a Status,
    /// Where the admin API really listens.
    pub(super) admin: Option<Address>,
    pub(super) palette: Palette,
}

/// Where requests for each cluster come in: the protocol, and the addresses.
fn doors<'a>(status: &'a Status, config: &Config) -> HashMap<&'a str, Vec<String>> {
    let mut doors: HashMap<&str, Vec<String>> = HashMap::new();
    for listener in status.listeners.iter().filter(|it| it.redirect_to_https.is_none()) {
        let own = config.listeners.iter().find(|own| own.name == listener.name);
        let word = own.map_or("http", |own| own.protocol_word());
        let door = format!("{word} {}", listener.binds.join(", "));
        let targets = listener.routes.iter().flat_map(|route| &route.to);
        let clusters: HashSet<&str> = targets.map(|target| target.cluster.as_str()).collect();
        for cluster in clusters {
            doors.entry(cluster).or_default().push(door.clone());
        }
    }
    doors
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { version, clusters, .. } = self.status;
        let name = self.palette.paint(Tone::Strong, &format!("evenkeel {version}"));
        // One cluster, the common case, is one line less.
        let gap = if clusters.len() == 1 { "  " } else { "\n" };
        write!(f, "{name}{gap}")?;
        let doors = doors(self.status, &self.service.config);
        for cluster in clusters {
            let doors = doors.get(cluster.name.as_str());
            self.write_cluster(f, cluster, doors.map_or(&[][..], Vec::as_slice))?;
        }
        self.write_redirects(f)?;
        self.write_development(f)?;
        self.write_closing(f)
    }
}

impl Picture<'_> {
    fn write_cluster(
        &self,
        f: &mut fmt::Formatter<'_>,
        cluster: &ClusterStatus,
        doors: &[String],
    ) -> fmt::Result {
        let from = match doors {
            [] => "nothing".to_owned(),
            doors => doors.join(", "),
        };
        let name = match self.status.clusters.len() {
            1 => String::new(),
            _ => format!("{}: ", cluster.name),
        };
        let count = match cluster.endpoints.len() {
            1 => "1 endpoint".to_owned(),
            count => format!("{count} endpoints"),
        };
        let (algorithm, checks) = (&cluster.algorithm, checks(self.checks_of(&cluster.name)));
        writeln!(f, "{from} → {name}{count}, {algorithm}, {checks}")?;
        let width = cluster.endpoints.iter().map(|each| each.name.chars().count()).max();
        for endpoint in &cluster.endpoints {
            self.write_endpoint(f, endpoint, width.unwrap_or_default())?;
        }
        Ok(())
    }

    fn checks_of(&self, cluster: &str) -> &[HealthCheck] {
        let mut clusters = self.service.config.clusters.iter();
        clusters.find(|each| each.name == cluster).map_or(&[], |each| &each.health)
    }

    fn write_endpoint(
        &self,
        f: &mut fmt::Formatter<'_>,
        endpoint: &EndpointStatus,
        width: usize,
    ) -> fmt::Result {
        let StateWords { mark, word, tone } = state_words(endpoint.state);
        let paint = |text: &str| self.palette.paint(tone, text);
        let state = paint(&format!("{word:<4}"));
        let line =
            format!("  {} {:<width$}   {state}   {}", paint(mark), endpoint.name, why(endpoint));
        let note = note(endpoint);
        let gap = if note.is_empty() { "" } else { "   " };
        writeln!(f, "{}{gap}{}", line.trim_end(), self.palette.paint(Tone::Quiet, &note))
    }

    /// Who comes there is sent elsewhere, so it belongs to no cluster.
    fn write_redirects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut redirects =
            self.status.listeners.iter().filter(|it| it.redirect_to_https.is_some());
        redirects.try_for_each(|listener| {
            writeln!(f, "http {} → {}", listener.binds.join(", "), listener.leads_to())
        })
    }

    /// How to come by https with a certificate that nobody trusts yet.
    fn write_development(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(certificate) = &self.service.development else { return Ok(()) };
        let mut listeners = self.service.config.listeners.iter().filter(|it| it.tls.is_some());
        let bind = listeners.find_map(|listener| listener.binds.first());
        let file = certificate.chain();
        let file = file.display();
        let Some(url) = bind.and_then(development_url) else {
            let only = "good only for localhost and this machine's name";
            return writeln!(f, "certificate {file}   ·   {only}");
        };
        let painted = self.palette.paint(Tone::Strong, &url);
        let note = "a browser asks once: the certificate is this machine's own";
        writeln!(f, "try {painted}   ·   {note}\n    curl --cacert {file} {url}")
    }

    fn write_closing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let admin = match &self.admin {
            Some(address) => {
                let url = self.palette.paint(Tone::Strong, &address.to_string());
                format!("admin {url}")
            }
            None => "admin off".to_owned(),
        };
        let kept = match &self.service.kept {
            Kept::Nowhere => "keep this as a file: --save evenkeel.toml".to_owned(),
            Kept::Written(save) => {
                format!("kept as a file: evenkeel run -c {}", save.file().display())
            }
            Kept::Read(file, _) => format!("config {}", file.path.display()),
        };
        writeln!(f, "{admin}   ·   {kept}")
    }
}

/// What a client on this machine asks for, if the certificate for development is good for it.
fn development_url(bind: &Bind) -> Option<String> {
    match bind {
        Bind::Any(port) => Some(format!("https://localhost:{port}/")),
        Bind::Only(address) if LOOPBACK.contains(&address.ip()) => {
            Some(format!("https://{address}/"))
        }
        Bind::Only(_) | Bind::Inherited(_) => None,
    }
}

/// The addresses that it names.
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// How endpoints are checked.
fn checks(checks: &[HealthCheck]) -> String {
    if checks.is_empty() {
        return "not checked".to_owned();
    }
    let check = |check: &HealthCheck| {
        let way = match &check.kind {
            CheckKind::Tcp => "TCP".to_owned(),
            CheckKind::Tls { .. } => "TLS".to_owned(),
            CheckKind::Http { path, .. } => format!("HTTP {path}"),
            CheckKind::Grpc { service, .. } if service.is_empty() => "gRPC".to_owned(),
            CheckKind::Grpc { service, .. } => format!("gRPC {service}"),
            CheckKind::Exec { command } => {
                command.first().map_or_else(String::new, |program| program.to_string())
            }
        };
        format!("{way} every {}", show_interval(check.interval))
    };
    format!("checked by {}", checks.iter().map(check).collect::<Vec<_>>().join(", "))
}

/// An interval is written by people, in round numbers: `2 s`, not `2.00 s`.
fn show_interval(interval: Duration) -> String {
    let millis = interval.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

/// Why an endpoint stands where it stands.
fn why(endpoint: &EndpointStatus) -> String {
    let last = endpoint.last_check.as_ref();
    match endpoint.state {
        EndpointState::Up => last
            .filter(|check| check.passed)
            .and_then(|check| Duration::try_from_secs_f64(check.took_seconds).ok())
            .map_or_else(String::new, show_duration),
        EndpointState::Down => {
            let detail = last.map(|check| check.detail.as_str()).or(endpoint.reason.as_deref());
            format!("{}; will keep trying", detail.unwrap_or("the check failed"))
        }
        EndpointState::Ejected | EndpointState::Suspect | EndpointState::Tripped => {
            endpoint.reason.clone().unwrap_or_default()
        }
        // Only a check that could not be made leaves it so.
        EndpointState::Unchecked => last.map_or_else(String::new, |check| check.detail.clone()),
        EndpointState::Draining => String::new(),
        EndpointState::Unresolved => {
            let reason = endpoint.reason.as_deref().unwrap_or("the name has no address");
            format!("{reason}; will keep trying")
        }
    }
}

/// What is special about an endpoint.
fn note(endpoint: &EndpointStatus) -> String {
    let weight = (endpoint.weight != 1).then(|| format!("weight {}", endpoint.weight));
    let backup = endpoint.backup.then(|| "backup".to_owned());
    let notes: Vec<String> = weight.into_iter().chain(backup).collect();
    if notes.is_empty() { String::new() } else { format!("({})", notes.join(", ")) }
}

#[cfg(test)]
mod tests;

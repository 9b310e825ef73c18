//! A status as a person reads it; pure. Printed by `status`.

use std::fmt;

use evenkeel_control::admin::{
    ClusterStatus, EndpointStatus, ListenerStatus, RequestsByClass, RouteStatus, Status,
};

use crate::refusal_words::refusals;
use crate::reload_words::{refused_config, restart_pending};
use crate::route_words::{has_routes, pattern, shares};
use crate::state_words::{age, all_are_used, endpoint_words, errors, note, readiness};
use crate::table::{Cell, Side, Table};
use crate::tone::{Palette, Tone};
use crate::units::{counted, show_age, show_count, show_quantile, show_share};

use super::acme::write_acme;
use super::certificates::write_certificates;

/// The page; its `Display` ends with a newline.
pub(super) struct Page<'a> {
    pub(super) status: &'a Status,
    /// In seconds of Unix time.
    pub(super) now: f64,
    pub(super) palette: Palette,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_heading(f)?;
        self.write_refusal(f)?;
        self.write_pending(f)?;
        self.write_listeners(f)?;
        for cluster in &self.status.clusters {
            self.write_cluster(f, cluster)?;
        }
        self.write_leaving(f)?;
        self.write_overrides(f)
    }
}

impl Page<'_> {
    fn write_heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { version, uptime_seconds, generation, workers, .. } = self.status;
        let (tone, readiness) = readiness(self.status);
        let name = self.palette.paint(Tone::Strong, &format!("evenkeel {version}"));
        let readiness = self.palette.paint(tone, readiness);
        let uptime = show_age(*uptime_seconds);
        let workers = counted(*workers, "worker");
        let source = match &self.status.config.source {
            Some(file) => format!("config {file}"),
            None => "config from the command line".to_owned(),
        };
        writeln!(
            f,
            "{name}  {readiness} · up {uptime} · {workers} · generation {generation} · {source}"
        )
    }

    /// What runs is not what the file says: nothing on this page matters more.
    fn write_refusal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(refusal) = refused_config(self.status, self.now) else { return Ok(()) };
        writeln!(f, "\n{}", self.palette.paint(Tone::Bad, &format!("! {}", refusal.sentence)))?;
        for line in refusal.problem.trim_end().lines() {
            writeln!(f, "{}", format!("  {line}").trim_end())?;
        }
        Ok(())
    }

    fn write_pending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(sentence) = restart_pending(self.status) else { return Ok(()) };
        writeln!(f, "\n{}", self.palette.paint(Tone::Warning, &format!("! {sentence}")))
    }

    fn write_listeners(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&LISTENER);
        for listener in &self.status.listeners {
            table.push(listener_row(listener));
        }
        write!(f, "\n{}", table.render(self.palette))?;
        self.write_routes(f)?;
        write_certificates(f, self.status, self.now, self.palette)?;
        write_acme(f, &self.status.acme, self.now, self.palette)?;
        self.write_refusals(f)
    }

    fn write_refusals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusals = refusals(self.status);
        if refusals.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", self.palette.paint(Tone::Strong, "refused at the door"))?;
        refusals.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }

    fn write_routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut listeners = self.status.listeners.iter().filter(|each| has_routes(each)).peekable();
        if listeners.peek().is_none() {
            return Ok(());
        }
        let mut table = Table::new(&ROUTE);
        for listener in listeners {
            for route in &listener.routes {
                table.push(route_row(listener, route));
            }
        }
        write!(f, "\n{}", table.render(self.palette))
    }

    fn write_cluster(&self, f: &mut fmt::Formatter<'_>, cluster: &ClusterStatus) -> fmt::Result {
        let ClusterStatus { name, algorithm, endpoints, panic, last_resort, .. } = cluster;
        let count = counted(endpoints.len(), "endpoint");
        let tone = if cluster.working == 0 { Tone::Bad } else { Tone::Plain };
        let (tone, working) = match all_are_used(cluster) {
            true => {
                let verb = if cluster.well == 1 { "is" } else { "are" };
                let [well, all] =
                    [cluster.well, cluster.in_service].map(|count| show_count(count as u64));
                (
                    Tone::Bad,
                    format!("{well} of {all} in service {verb} well, so all of them get work"),
                )
            }
            false => {
                let working = show_count(cluster.working as u64);
                (tone, format!("{working} of {count} can get work"))
            }
        };
        let working = self.palette.paint(tone, &working);
        write!(f, "\n{}  {algorithm} · {working}", self.palette.paint(Tone::Strong, name))?;
        for (count, words) in [
            (u64::from(cluster.pending), "wait for room"),
            (cluster.shed.total(), "refused for want of room"),
        ] {
            if count > 0 {
                let text = format!("{} {words}", show_count(count));
                write!(f, " · {}", self.palette.paint(Tone::Bad, &text))?;
            }
        }
        writeln!(f)?;
        let panics = panic.as_ref().map(|why| format!("! panics: {why}"));
        let last_resort = last_resort.as_ref().map(|why| format!("! {why}"));
        for line in panics.into_iter().chain(last_resort) {
            writeln!(f, "{}", self.palette.paint(Tone::Bad, &line))?;
        }
        let mut table = Table::new(&ENDPOINT);
        for endpoint in endpoints {
            table.push(self.endpoint_row(endpoint));
        }
        write!(f, "{}", table.render(self.palette))
    }

    fn endpoint_row(&self, endpoint: &EndpointStatus) -> Vec<Cell> {
        let words = endpoint_words(endpoint);
        let bounds = &self.status.latency_bounds_seconds;
        let show = |seconds| show_quantile(seconds, bounds);
        let latency = |seconds: Option<f64>| (Tone::Plain, seconds.map_or_else(none, show));
        vec![
            (words.tone, words.mark.to_owned()),
            (Tone::Plain, endpoint.name.clone()),
            (words.tone, words.word.to_owned()),
            (
                Tone::Quiet,
                age(endpoint, self.now).map_or_else(none, |age| format!("{} ago", show_age(age))),
            ),
            (Tone::Plain, endpoint.weight.to_string()),
            in_flight(endpoint),
            (Tone::Plain, show_count(endpoint.requests)),
            share(errors(endpoint), endpoint.requests),
            latency(endpoint.latency.map(|latency| latency.p50_seconds)),
            latency(endpoint.latency.map(|latency| latency.p99_seconds)),
            (words.tone, note(endpoint)),
        ]
    }

    fn write_leaving(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status.leaving.is_empty() {
            return Ok(());
        }
        let title = "removed, and still finishing what runs there";
        writeln!(f, "\n{}", self.palette.paint(Tone::Strong, title))?;
        for each in &self.status.leaving {
            let count = show_count(each.in_flight.into());
            writeln!(f, "  {}  {}  {count} in flight", each.cluster, each.endpoint)?;
        }
        Ok(())
    }

    fn write_overrides(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status.overrides.is_empty() {
            return Ok(());
        }
        let title = self.palette.paint(Tone::Strong, "overrides of the config");
        let hint = match self.status.config.source {
            Some(_) => {
                "`evenkeel reload --clear` drops them; `--persist` writes what was added, removed and weighed into it"
            }
            None => "`evenkeel reload --clear` drops them",
        };
        writeln!(f, "\n{title}  {}", self.palette.paint(Tone::Quiet, hint))?;
        for each in &self.status.overrides {
            let idle = if each.idle { "  (changes nothing as the config stands)" } else { "" };
            let idle = self.palette.paint(Tone::Quiet, idle);
            writeln!(f, "  {}  {}  {}{idle}", each.cluster, each.endpoint, each.text)?;
        }
        Ok(())
    }
}

fn listener_row(listener: &ListenerStatus) -> Vec<Cell> {
    let mut row = vec![
        (Tone::Strong, listener.name.clone()),
        (Tone::Plain, listener.binds.join(", ")),
        (Tone::Plain, listener.leads_to()),
        (Tone::Plain, show_count(u64::try_from(listener.active).unwrap_or(0))),
        (Tone::Plain, show_count(listener.connections)),
    ];
    row.extend(answers(&listener.requests, listener.streams));
    row
}

/// How many requests were answered, and with what; or how many streams there were, which are not.
fn answers(requests: &RequestsByClass, streams: Option<u64>) -> [Cell; 3] {
    if let Some(streams) = streams {
        let words = counted(usize::try_from(streams).unwrap_or(usize::MAX), "stream");
        return [(Tone::Plain, words), (Tone::Quiet, none()), (Tone::Quiet, none())];
    }
    let total = requests.total();
    [
        (Tone::Plain, show_count(total)),
        (Tone::Plain, share(requests.client_error, total).1),
        share(requests.server_error, total),
    ]
}

fn route_row(listener: &ListenerStatus, route: &RouteStatus) -> Vec<Cell> {
    let mut row = vec![
        (Tone::Plain, pattern(route)),
        (Tone::Plain, listener.name.clone()),
        (Tone::Plain, shares(route)),
    ];
    row.extend(answers(&route.requests, route.streams));
    row
}

/// How many run there; of how many that may, where that is limited.
fn in_flight(endpoint: &EndpointStatus) -> Cell {
    let count = show_count(endpoint.in_flight.into());
    match endpoint.limit {
        Some(limit) if endpoint.in_flight >= limit => {
            (Tone::Warning, format!("{count} of {}", show_count(limit.into())))
        }
        Some(limit) => (Tone::Plain, format!("{count} of {}", show_count(limit.into()))),
        None => (Tone::Plain, count),
    }
}

/// A share of failures: none is nothing to look at.
fn share(part: u64, whole: u64) -> Cell {
    let tone = if part == 0 { Tone::Quiet } else { Tone::Warning };
    (tone, show_share(part, whole))
}

fn none() -> String {
    "–".to_owned()
}

const LISTENER: [(Side, &str); 8] = [
    (Side::Left, "listener"),
    (Side::Left, "binds"),
    (Side::Left, "to"),
    (Side::Right, "open"),
    (Side::Right, "connections"),
    (Side::Right, "requests"),
    (Side::Right, "4xx"),
    (Side::Right, "5xx"),
];

const ROUTE: [(Side, &str); 6] = [
    (Side::Left, "route"),
    (Side::Left, "listener"),
    (Side::Left, "to"),
    (Side::Right, "requests"),
    (Side::Right, "4xx"),
    (Side::Right, "5xx"),
];

const ENDPOINT: [(Side, &str); 11] = [
    (Side::Left, ""),
    (Side::Left, "endpoint"),
    (Side::Left, "state"),
    (Side::Left, "since"),
    (Side::Right, "weight"),
    (Side::Right, "in flight"),
    (Side::Right, "requests"),
    (Side::Right, "errors"),
    (Side::Right, "p50"),
    (Side::Right, "p99"),
    (Side::Left, ""),
];

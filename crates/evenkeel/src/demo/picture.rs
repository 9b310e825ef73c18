//! What there is to see, in words and numbers: made from samples by `command`, drawn by `draw`. Pure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use evenkeel_control::admin::EndpointState;

use crate::tone::Tone;
use crate::units::{show_count, show_duration};

mod arrangement;
mod draw;

use super::cast::{ROLES, Role};
use super::sample::{EndpointSample, History, Sample};
use super::story::{Event, EventKind, Story, clock};

/// What stays the same all the time.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// Where the balancer listens.
    pub(super) address: SocketAddr,
    /// The certificate that clients have to trust, if they come by https.
    pub(super) trusted: Option<PathBuf>,
    /// Where its admin API listens.
    pub(super) admin: Option<SocketAddr>,
    pub(super) algorithm: &'static str,
    pub(super) workers: usize,
    /// Requests a second.
    pub(super) target_rate: f64,
    /// No end if there is none.
    pub(super) duration: Option<Duration>,
}

/// All that is drawn.
#[derive(Debug)]
pub(super) struct Picture {
    /// What kind of balancer.
    balancer: String,
    /// How to try it from another terminal.
    hint: String,
    /// Where to read more; none if the admin API is off.
    admin: Option<String>,
    clock: String,
    figures: Vec<Figure>,
    rows: Vec<Row>,
    /// Requests a second, the oldest second first.
    rate: Chart,
    /// The 99th percentile of every second.
    p99: Chart,
    /// The oldest first.
    events: Vec<Told>,
}

/// A number with its name.
#[derive(Debug, PartialEq)]
struct Figure {
    name: &'static str,
    value: String,
    /// Room to grow, so that nothing moves when the number gets longer.
    width: usize,
    tone: Tone,
}

/// One endpoint.
#[derive(Debug)]
struct Row {
    name: &'static str,
    nature: &'static str,
    state: &'static str,
    tone: Tone,
    /// Why it gets no work; none if it does.
    trouble: Option<String>,
    /// 0 to 1.
    share: f64,
    rate: String,
    in_flight: String,
    p50: String,
    p99: String,
    failures: String,
    has_failures: bool,
}

/// One number for every second.
#[derive(Debug)]
struct Chart {
    title: &'static str,
    /// The highest, in words.
    peak: String,
    values: Vec<u64>,
    /// What a full bar stands for.
    full: u64,
}

/// One event.
#[derive(Debug)]
struct Told {
    at: String,
    text: String,
    tone: Tone,
}

// === impl Scene ===

impl Scene {
    /// What kind of balancer it is.
    pub(super) fn balancer(&self) -> String {
        let plural = if self.workers == 1 { "" } else { "s" };
        format!("{}, {} worker{plural}", self.algorithm, self.workers)
    }

    /// How to try it from another terminal.
    pub(super) fn curl(&self) -> String {
        let address = self.address;
        match &self.trusted {
            Some(file) => format!("curl --cacert {} https://{address}/", file.display()),
            None => format!("curl http://{address}/"),
        }
    }
}

// === impl Picture ===

impl Picture {
    /// What there is to see now.
    pub(super) fn new(scene: &Scene, sample: &Sample, history: &History, story: &Story) -> Self {
        let endpoints = ROLES.iter().zip(&sample.endpoints).enumerate();
        let end = scene.duration.map(|end| format!(" of {} s", end.as_secs()));
        Picture {
            balancer: scene.balancer(),
            hint: scene.curl(),
            admin: scene.admin.map(|admin| format!("http://{admin}/")),
            clock: format!("{}{}", clock(sample.at), end.unwrap_or_default()),
            figures: figures(sample),
            rows: endpoints
                .map(|(position, (role, endpoint))| {
                    Row::new(role, endpoint, sample.share(position))
                })
                .collect(),
            rate: rate_chart(scene, history),
            p99: p99_chart(history),
            events: story.events().iter().map(Told::new).collect(),
        }
    }
}

fn figures(sample: &Sample) -> Vec<Figure> {
    let recent = &sample.recent;
    let good_if_none = |count: u64, tone| if count == 0 { Tone::Good } else { tone };
    let figure = |name, value, width, tone| Figure { name, value, width, tone };
    vec![
        figure("requests", show_count(sample.requests), 9, Tone::Plain),
        figure("rate", format!("{:.0}/s", recent.rate), 7, Tone::Plain),
        figure("p50", show_duration(recent.p50), 7, Tone::Plain),
        figure("p99", show_duration(recent.p99), 7, Tone::Plain),
        figure("errors", show_count(sample.errors), 5, good_if_none(sample.errors, Tone::Warning)),
        figure("lost", show_count(sample.lost), 4, good_if_none(sample.lost, Tone::Bad)),
    ]
}

fn rate_chart(scene: &Scene, history: &History) -> Chart {
    let values: Vec<u64> = history.seconds().map(|second| second.rate.round() as u64).collect();
    let peak = values.iter().copied().max().unwrap_or(0);
    // The scale stands still while the rate is near what was asked for.
    let full = peak.max((scene.target_rate * 1.25).ceil() as u64);
    Chart { title: "requests/s", peak: format!("peak {}", show_count(peak)), values, full }
}

fn p99_chart(history: &History) -> Chart {
    let longest = history.seconds().map(|second| second.p99).max().unwrap_or_default();
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let values = history.seconds().map(|second| micros(second.p99)).collect();
    let peak = format!("peak {}", show_duration(longest));
    Chart { title: "p99 of each second", peak, values, full: micros(longest).max(1) }
}

// === impl Row ===

impl Row {
    fn new(role: &Role, endpoint: &EndpointSample, share: f64) -> Self {
        let (state, tone) = match endpoint.state {
            EndpointState::Up => ("● up", Tone::Good),
            EndpointState::Down => ("✗ down", Tone::Bad),
            EndpointState::Ejected => ("◆ eject", Tone::Bad),
            EndpointState::Suspect => ("◇ stall", Tone::Bad),
            EndpointState::Tripped => ("ϟ trip", Tone::Bad),
            EndpointState::Unchecked => ("○ new", Tone::Quiet),
            EndpointState::Unresolved => ("? name", Tone::Bad),
            EndpointState::Draining => ("↓ drain", Tone::Quiet),
        };
        let is_out = tone == Tone::Bad;
        let reason = || endpoint.reason.clone().unwrap_or_else(|| "no reason given".to_owned());
        let none = || "–".to_owned();
        Row {
            name: role.name,
            nature: role.nature,
            state,
            tone,
            trouble: is_out.then(reason),
            share,
            rate: format!("{:.0}", endpoint.rate),
            in_flight: endpoint.in_flight.to_string(),
            p50: endpoint.latency.map_or_else(none, |latency| show_duration(latency.p50)),
            p99: endpoint.latency.map_or_else(none, |latency| show_duration(latency.p99)),
            failures: show_count(endpoint.failures),
            has_failures: endpoint.failures > 0,
        }
    }
}

// === impl Told ===

impl Told {
    fn new(event: &Event) -> Self {
        let tone = match event.kind {
            EventKind::Started | EventKind::Pace => Tone::Plain,
            EventKind::Revived | EventKind::Up => Tone::Good,
            EventKind::Down => Tone::Warning,
            EventKind::Killed | EventKind::Lost => Tone::Bad,
        };
        Told { at: clock(event.at), text: event.text.clone(), tone }
    }
}

#[cfg(test)]
mod tests;

//! What the demo came to, for people and as JSON. Printed by `command` at the end.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::load;
use crate::units::{show_count, show_duration};

use super::cast::ROLES;
use super::performance::Performance;
use super::picture::Scene;
use super::sample::Sample;
use super::story::{Event, EventKind, Story, clock};

/// The result of a run. Its JSON keys are an interface: they may be added to, not changed.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    algorithm: &'static str,
    workers: usize,
    elapsed_seconds: f64,
    /// Requests that came to an end.
    requests: u64,
    /// Those that an origin answered with 5xx.
    errors: u64,
    /// Those that no origin answered.
    lost: u64,
    endpoints: Vec<EndpointSummary>,
    events: Vec<EventSummary>,
    /// What the load client says, as `evenkeel load --json` does.
    load: load::Summary,
}

/// One endpoint over the whole time.
#[derive(Debug, Serialize)]
struct EndpointSummary {
    name: &'static str,
    nature: &'static str,
    /// Those that it answered, with any status.
    requests: u64,
    /// Its part of all answers, 0 to 1.
    share: f64,
    /// Attempts without an answer, and answers that were errors.
    failures: u64,
    /// Null before the first answer.
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct EventSummary {
    at_seconds: f64,
    kind: EventKind,
    /// The name; null if it concerns all.
    endpoint: Option<&'static str>,
    text: String,
}

impl Summary {
    /// Ends the performance and sums it up.
    pub(super) fn new(mut performance: Performance) -> Self {
        let sample = performance.measure();
        let (scene, story) = (performance.scene.clone(), std::mem::take(&mut performance.story));
        Self::of(&scene, &sample, &story, performance.stop())
    }

    fn of(scene: &Scene, sample: &Sample, story: &Story, load: load::Summary) -> Self {
        Summary {
            address: scene.address,
            admin: scene.admin,
            algorithm: scene.algorithm,
            workers: scene.workers,
            elapsed_seconds: sample.at.as_secs_f64(),
            requests: sample.requests,
            errors: sample.errors,
            lost: sample.lost,
            endpoints: (0..ROLES.len().min(sample.endpoints.len()))
                .map(|position| EndpointSummary::of(sample, position))
                .collect(),
            events: story.events().iter().map(EventSummary::of).collect(),
            load,
        }
    }

    /// As one JSON object on several lines.
    pub(super) fn to_json(&self) -> Result<String, std::io::Error> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

impl EndpointSummary {
    fn of(sample: &Sample, position: usize) -> Self {
        let (role, endpoint) = (&ROLES[position], &sample.endpoints[position]);
        EndpointSummary {
            name: role.name,
            nature: role.nature,
            requests: endpoint.answers,
            share: sample.whole_share(position),
            failures: endpoint.failures,
            p50_seconds: endpoint.latency.map(|latency| latency.p50.as_secs_f64()),
            p99_seconds: endpoint.latency.map(|latency| latency.p99.as_secs_f64()),
        }
    }
}

impl EventSummary {
    fn of(event: &Event) -> Self {
        EventSummary {
            at_seconds: event.at.as_secs_f64(),
            kind: event.kind,
            endpoint: event.endpoint.map(|position| ROLES[position].name),
            text: event.text.clone(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, elapsed) = (show_count(self.requests), seconds(self.elapsed_seconds));
        writeln!(f, "{requests} requests in {elapsed} over {}", self.algorithm)?;
        let latency = &self.load.latency_seconds;
        let (p50, p99) = (seconds(latency.p50), seconds(latency.p99));
        let (errors, lost) = (show_count(self.errors), show_count(self.lost));
        writeln!(f, "p50 {p50}, p99 {p99}, errors of the flaky one {errors}, lost {lost}\n")?;
        writeln!(f, "endpoint     requests     share        p50        p99  failed")?;
        for endpoint in &self.endpoints {
            endpoint.fmt(f)?;
        }
        writeln!(f)?;
        for event in &self.events {
            let at = Duration::try_from_secs_f64(event.at_seconds).unwrap_or_default();
            writeln!(f, "{:>8}  {}", clock(at), event.text)?;
        }
        Ok(())
    }
}

impl fmt::Display for EndpointSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |quantile: Option<f64>| quantile.map_or_else(|| "–".to_owned(), seconds);
        writeln!(
            f,
            "{} {:<9}{:>10}{:>8.1} %{:>11}{:>11}{:>8}",
            self.name,
            self.nature,
            show_count(self.requests),
            100.0 * self.share,
            show(self.p50_seconds),
            show(self.p99_seconds),
            show_count(self.failures),
        )
    }
}

fn seconds(seconds: f64) -> String {
    show_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

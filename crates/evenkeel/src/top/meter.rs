//! Rates from counters: remembers the last looks, so that it can be said what happens now. Pure; the console feeds it, the
//! picture reads it.

use std::collections::{HashMap, VecDeque};

use evenkeel_control::admin::{EndpointStatus, ListenerStatus, Status, quantile};

use crate::state_words::errors;

/// What the last looks came to, by name.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The balancer's own clock at the last look: no delay on the way to us is in it.
    uptime_seconds: Option<f64>,
    /// By cluster, and by endpoint in it.
    endpoints: HashMap<String, HashMap<String, Track>>,
    listeners: HashMap<String, Track>,
    nothing: Track,
    /// Where the buckets of a latency end.
    bounds_seconds: Vec<f64>,
}

/// What is counted about one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    requests: u64,
    errors: u64,
    connections: u64,
    /// How many answers took how long, a bucket each; the empty ones at the end may be missing.
    latency: Vec<u64>,
}

/// The memory of one thing.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// The oldest first, at most [`WINDOW`] and one more.
    counts: VecDeque<Counts>,
    /// Requests a second, the oldest look first, at most [`RATES_MAX`].
    rates: VecDeque<u64>,
    requests_per_second: f64,
    connections_per_second: f64,
    /// Whether the last look had it.
    is_there: bool,
}

impl Meter {
    /// Adds a look.
    pub(super) fn follow(&mut self, status: &Status) {
        // A clock that goes back is another process, whose counters begin anew.
        let before = self.uptime_seconds.filter(|before| *before <= status.uptime_seconds);
        if before.is_none() {
            self.endpoints.clear();
            self.listeners.clear();
        }
        let period = before.map_or(0.0, |before| status.uptime_seconds - before);
        self.uptime_seconds = Some(status.uptime_seconds);
        self.bounds_seconds.clone_from(&status.latency_bounds_seconds);
        for cluster in &status.clusters {
            let tracks = self.endpoints.entry(cluster.name.clone()).or_default();
            for endpoint in &cluster.endpoints {
                let track = tracks.entry(endpoint.name.clone()).or_default();
                track.follow(counts_of(endpoint), period);
            }
        }
        for listener in &status.listeners {
            let track = self.listeners.entry(listener.name.clone()).or_default();
            track.follow(counts_of_listener(listener), period);
        }
        forget_gone(&mut self.listeners);
        self.endpoints.values_mut().for_each(forget_gone);
        self.endpoints.retain(|_, tracks| !tracks.is_empty());
    }

    /// The memory of an endpoint.
    pub(super) fn endpoint(&self, cluster: &str, endpoint: &str) -> &Track {
        let track = self.endpoints.get(cluster).and_then(|tracks| tracks.get(endpoint));
        track.unwrap_or(&self.nothing)
    }

    /// The seconds within which half and 99 of 100 answers came in the last [`WINDOW`] looks; `None` if there were none.
    pub(super) fn latency(&self, track: &Track) -> Option<(f64, f64)> {
        let counts = track.recent_latency();
        let at = |share| quantile(&counts, self.bounds_seconds.iter().copied(), share);
        counts.iter().any(|count| *count > 0).then(|| (at(0.5), at(0.99)))
    }

    /// The memory of a listener.
    pub(super) fn listener(&self, name: &str) -> &Track {
        self.listeners.get(name).unwrap_or(&self.nothing)
    }
}

/// Drops what the last look did not have.
fn forget_gone(tracks: &mut HashMap<String, Track>) {
    tracks.retain(|_, track| std::mem::take(&mut track.is_there));
}

impl Track {
    fn follow(&mut self, counts: Counts, period: f64) {
        self.is_there = true;
        // It is new, or it was removed and added again between two looks.
        if self.counts.back().is_some_and(|before| before.requests > counts.requests) {
            self.counts.clear();
        }
        if let Some(before) = self.counts.back().filter(|_| period > 0.0) {
            let per_second = |count: u64| count as f64 / period;
            self.requests_per_second = per_second(counts.requests - before.requests);
            let connections = counts.connections.saturating_sub(before.connections);
            self.connections_per_second = per_second(connections);
            push(&mut self.rates, self.requests_per_second.round() as u64, RATES_MAX);
        }
        push(&mut self.counts, counts, WINDOW + 1);
    }

    /// Since the look before the last.
    pub(super) fn requests_per_second(&self) -> f64 {
        self.requests_per_second
    }

    /// Since the look before the last.
    pub(super) fn connections_per_second(&self) -> f64 {
        self.connections_per_second
    }

    /// Errors and requests of the last [`WINDOW`] looks.
    pub(super) fn recent_errors(&self) -> (u64, u64) {
        match (self.counts.front(), self.counts.back()) {
            (Some(first), Some(last)) => {
                (last.errors.saturating_sub(first.errors), last.requests - first.requests)
            }
            _ => (0, 0),
        }
    }

    /// How many answers of the last [`WINDOW`] looks took how long.
    fn recent_latency(&self) -> Vec<u64> {
        let (Some(first), Some(last)) = (self.counts.front(), self.counts.back()) else {
            return Vec::new();
        };
        let before = first.latency.iter().copied().chain(std::iter::repeat(0));
        last.latency.iter().zip(before).map(|(now, before)| now.saturating_sub(before)).collect()
    }

    /// Requests a second, the newest look first.
    pub(super) fn rates(&self) -> impl Iterator<Item = u64> + '_ {
        self.rates.iter().rev().copied()
    }
}

fn counts_of(endpoint: &EndpointStatus) -> Counts {
    Counts {
        requests: endpoint.requests,
        errors: errors(endpoint),
        connections: 0,
        latency: endpoint.latency_counts.clone(),
    }
}

fn counts_of_listener(listener: &ListenerStatus) -> Counts {
    Counts {
        requests: listener.requests.total(),
        errors: listener.requests.server_error,
        connections: listener.connections,
        latency: Vec::new(),
    }
}

fn push<T>(memory: &mut VecDeque<T>, value: T, most: usize) {
    if memory.len() == most {
        memory.pop_front();
    }
    memory.push_back(value);
}

/// Looks over which errors and latency are counted: one alone is over before it is read.
pub(super) const WINDOW: usize = 10;

/// What the widest sparkline shows; ten thousand endpoints remember 5 MB of it.
const RATES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::fixture::{busy, cluster, listener, status};

    fn look(uptime_seconds: f64, requests: u64, failures: u64) -> Status {
        let mut api = cluster("api", &[]);
        api.endpoints = vec![busy("a:1", requests, failures)];
        let mut status = status(vec![api]);
        status.listeners = vec![listener("web", ":1", "api")];
        Status { uptime_seconds, ..status }
    }

    #[test]
    fn rates_are_of_the_last_interval_and_errors_of_the_last_ten() {
        let mut meter = Meter::default();
        meter.follow(&look(10.0, 100, 0));
        assert_eq!(meter.endpoint("api", "a:1").requests_per_second(), 0.0);
        meter.follow(&look(12.0, 300, 1));
        let track = meter.endpoint("api", "a:1");
        assert_eq!((track.requests_per_second(), track.recent_errors()), (100.0, (1, 200)));
        for second in 0..10 {
            meter.follow(&look(13.0 + f64::from(second), 400, 1));
        }
        let track = meter.endpoint("api", "a:1");
        assert_eq!((track.requests_per_second(), track.recent_errors()), (0.0, (0, 100)));
        assert_eq!(track.rates().collect::<Vec<_>>()[9..], [100, 100]);
        assert_eq!(meter.listener("web").connections_per_second(), 0.0);
    }

    #[test]
    fn latency_is_of_the_last_ten_looks() {
        let mut meter = Meter::default();
        meter.follow(&look(10.0, 100, 0));
        assert_eq!(meter.latency(meter.endpoint("api", "a:1")), None, "nothing came since");
        meter.follow(&look(11.0, 200, 0));
        // 90 of 100 lie between 5 and 10 ms, 10 between 10 and 25 ms.
        let (p50, p99) = meter.latency(meter.endpoint("api", "a:1")).unwrap();
        assert!((p50 - (0.005 + 0.005 * 50.0 / 90.0)).abs() < 1e-9, "{p50}");
        assert!((p99 - (0.01 + 0.015 * 9.0 / 10.0)).abs() < 1e-9, "{p99}");
    }

    #[test]
    fn another_process_begins_anew() {
        let mut meter = Meter::default();
        meter.follow(&look(10.0, 100, 0));
        meter.follow(&look(11.0, 200, 0));
        meter.follow(&look(1.0, 5, 0));
        let track = meter.endpoint("api", "a:1");
        assert_eq!((track.requests_per_second(), track.rates().count()), (0.0, 0));
        meter.follow(&look(2.0, 15, 0));
        assert_eq!(meter.endpoint("api", "a:1").requests_per_second(), 10.0);
    }

    #[test]
    fn what_is_gone_is_forgotten_and_what_was_never_there_is_nothing() {
        let mut meter = Meter::default();
        meter.follow(&look(10.0, 100, 0));
        meter.follow(&Status { uptime_seconds: 11.0, ..status(Vec::new()) });
        assert!(meter.endpoints.is_empty() && meter.listeners.is_empty());
        assert_eq!(meter.endpoint("api", "a:1").recent_errors(), (0, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut meter = Meter::default();
        for second in 0..1000_u32 {
            meter.follow(&look(f64::from(second), second.into(), 0));
        }
        let track = meter.endpoint("api", "a:1");
        assert_eq!((track.rates().count(), track.counts.len()), (RATES_MAX, WINDOW + 1));
    }
}

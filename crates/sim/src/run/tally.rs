//! What is counted while a simulation runs. `run` writes it, and makes the report of it.

use std::time::Duration;

use evenkeel_plan::time::Time;

use crate::report::{EndpointReport, Latency, Report};
use crate::scenario::EndpointModel;

/// The counts of a simulation.
pub(super) struct Tally {
    /// Requests that found no endpoint.
    pub(super) refused: u64,
    in_flight: u64,
    peak_in_flight: u64,
    endpoints: Vec<EndpointTally>,
}

#[derive(Clone, Default)]
struct EndpointTally {
    peak_in_flight: u32,
    /// One for each answer.
    latencies: Vec<Duration>,
}

impl Tally {
    pub(super) fn new(endpoints: usize) -> Self {
        let endpoints = vec![EndpointTally::default(); endpoints];
        Self { refused: 0, in_flight: 0, peak_in_flight: 0, endpoints }
    }

    /// The endpoint at `position` has taken one more, and has `in_flight` now.
    pub(super) fn begin(&mut self, position: usize, in_flight: u32) {
        self.in_flight += 1;
        self.peak_in_flight = self.peak_in_flight.max(self.in_flight);
        let endpoint = &mut self.endpoints[position];
        endpoint.peak_in_flight = endpoint.peak_in_flight.max(in_flight);
    }

    /// The endpoint at `position` has answered.
    pub(super) fn finish(&mut self, position: usize, latency: Duration) {
        self.in_flight -= 1;
        self.endpoints[position].latencies.push(latency);
    }

    pub(super) fn report(mut self, models: &[EndpointModel], end: Time) -> Report {
        let latencies = |endpoint: &EndpointTally| endpoint.latencies.clone();
        let mut all: Vec<Duration> = self.endpoints.iter().flat_map(latencies).collect();
        let endpoint = |(model, tally): (&EndpointModel, &mut EndpointTally)| EndpointReport {
            name: model.name.clone(),
            answered: tally.latencies.len() as u64,
            latency: Latency::of(&mut tally.latencies),
            peak_in_flight: tally.peak_in_flight,
        };
        Report {
            answered: all.len() as u64,
            refused: self.refused,
            latency: Latency::of(&mut all),
            peak_in_flight: self.peak_in_flight,
            end,
            endpoints: models.iter().zip(&mut self.endpoints).map(endpoint).collect(),
        }
    }
}

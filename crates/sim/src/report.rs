//! What came of a scenario. Made by [`run`](crate::run).

use std::time::Duration;

use evenkeel_plan::time::Time;

/// What came of a scenario. Every request is in exactly one of `answered` and `refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many requests were answered.
    pub answered: u64,
    /// How many found no endpoint that could be used.
    pub refused: u64,
    /// From arrival to answer, over all endpoints; `None` when nothing was answered.
    pub latency: Option<Latency>,
    /// The most requests that were in flight at once, over all endpoints.
    pub peak_in_flight: u64,
    /// When the last event was.
    pub end: Time,
    /// Each endpoint, in the order of the scenario.
    pub endpoints: Vec<EndpointReport>,
}

/// One endpoint's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// As the scenario names it.
    pub name: String,
    /// How many requests it answered.
    pub answered: u64,
    /// From arrival to answer; `None` when it answered nothing.
    pub latency: Option<Latency>,
    /// The most requests that it had in flight at once.
    pub peak_in_flight: u32,
}

/// How latency was spread. Exact, because every answer is kept until the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half were no slower.
    pub p50: Duration,
    /// 90 in 100 were no slower.
    pub p90: Duration,
    /// 99 in 100 were no slower.
    pub p99: Duration,
    /// The slowest.
    pub max: Duration,
}

impl Latency {
    /// Sorts `latencies` and reads the ranks off; `None` for none.
    pub(crate) fn of(latencies: &mut [Duration]) -> Option<Self> {
        latencies.sort_unstable();
        let max = *latencies.last()?;
        // Nearest rank: the smallest value that at least so many in 100 do not exceed.
        let percentile = |percent: usize| latencies[(latencies.len() * percent).div_ceil(100) - 1];
        Some(Self { p50: percentile(50), p90: percentile(90), p99: percentile(99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let millis = Duration::from_millis;
        let latency = Latency::of(&mut (1..=200).rev().map(millis).collect::<Vec<_>>());
        let expected =
            Latency { p50: millis(100), p90: millis(180), p99: millis(198), max: millis(200) };
        assert_eq!(latency, Some(expected));
        let one = millis(7);
        assert_eq!(
            Latency::of(&mut [one]),
            Some(Latency { p50: one, p90: one, p99: one, max: one })
        );
        assert_eq!(Latency::of(&mut []), None);
    }
}

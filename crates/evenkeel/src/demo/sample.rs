//! What was measured at one moment, and a short memory of it; pure. `meter` takes samples, `story`,
//! `picture`, `plain` and `summary` read them.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_control::admin::EndpointState;

/// The whole demo at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Since the load began.
    pub(super) at: Duration,
    /// Requests that came to an end.
    pub(super) requests: u64,
    /// Those that an origin answered with 5xx.
    pub(super) errors: u64,
    /// Those that no origin answered.
    pub(super) lost: u64,
    /// Of the last second.
    pub(super) recent: Recent,
    /// In the order of the cast.
    pub(super) endpoints: Vec<EndpointSample>,
}

/// What the load saw in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recent {
    /// Finished requests a second.
    pub(super) rate: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// One endpoint, as the balancer's status tells it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndpointSample {
    pub(super) state: EndpointState,
    /// Why it is in that state.
    pub(super) reason: Option<String>,
    pub(super) in_flight: u32,
    /// Requests that it answered since the start, with any status: those of all endpoints make up what clients got.
    pub(super) answers: u64,
    /// Attempts without an answer, and answers that were errors.
    pub(super) failures: u64,
    /// Answers a second, in the last second.
    pub(super) rate: f64,
    /// Since the start; none before the first answer.
    pub(super) latency: Option<Quantiles>,
}

/// How long answers took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantiles {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// One whole second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Second {
    pub(super) rate: f64,
    pub(super) p99: Duration,
}

/// The seconds gone by, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    seconds: VecDeque<Second>,
    /// How many whole seconds have gone by.
    gone: u64,
}

// === impl Sample ===

impl Sample {
    /// The part of the last second's answers that came from the endpoint at `position`, 0 to 1.
    pub(super) fn share(&self, position: usize) -> f64 {
        let whole: f64 = self.endpoints.iter().map(|endpoint| endpoint.rate).sum();
        match self.endpoints.get(position) {
            Some(endpoint) if whole > 0.0 => endpoint.rate / whole,
            _ => 0.0,
        }
    }

    /// The same of all answers since the start.
    pub(super) fn whole_share(&self, position: usize) -> f64 {
        let whole: u64 = self.endpoints.iter().map(|endpoint| endpoint.answers).sum();
        match self.endpoints.get(position) {
            Some(endpoint) if whole > 0 => endpoint.answers as f64 / whole as f64,
            _ => 0.0,
        }
    }
}

// === impl History ===

impl History {
    /// Remembers what `sample` says about its last second, if that is a new one.
    pub(super) fn follow(&mut self, sample: &Sample) {
        if sample.at.as_secs() <= self.gone {
            return;
        }
        self.gone = sample.at.as_secs();
        if self.seconds.len() == SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second { rate: sample.recent.rate, p99: sample.recent.p99 });
    }

    /// The seconds gone by, the oldest first.
    pub(super) fn seconds(&self) -> impl DoubleEndedIterator<Item = &Second> + ExactSizeIterator {
        self.seconds.iter()
    }
}

/// More than the widest terminal shows.
const SECONDS: usize = 512;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An endpoint that is up and got so many answers a second.
    pub(in super::super) fn endpoint(rate: f64) -> EndpointSample {
        EndpointSample {
            state: EndpointState::Up,
            reason: None,
            in_flight: 1,
            answers: rate as u64 * 10,
            failures: 0,
            rate,
            latency: Some(Quantiles {
                p50: Duration::from_micros(5120),
                p99: Duration::from_millis(21),
            }),
        }
    }

    /// Four endpoints that are well, after so many milliseconds.
    pub(in super::super) fn sample(at_millis: u64) -> Sample {
        Sample {
            at: Duration::from_millis(at_millis),
            requests: 4980,
            errors: 12,
            lost: 0,
            recent: Recent {
                rate: 498.0,
                p50: Duration::from_micros(5310),
                p99: Duration::from_millis(62),
            },
            endpoints: [200.0, 150.0, 50.0, 100.0].map(endpoint).into(),
        }
    }

    #[test]
    fn shares_are_of_what_was_answered() {
        let sample = sample(1000);
        assert_eq!([0, 1, 2, 3].map(|position| sample.share(position)), [0.4, 0.3, 0.1, 0.2]);
        assert_eq!(sample.whole_share(1), 0.3);
        assert_eq!(sample.share(9), 0.0);
        let idle = Sample { endpoints: vec![endpoint(0.0); 4], ..sample };
        assert_eq!((idle.share(0), idle.whole_share(0)), (0.0, 0.0));
    }

    #[test]
    fn every_second_is_remembered_once_and_not_forever() {
        let mut history = History::default();
        for at_millis in [0, 250, 999, 1000, 1250, 2100, 2300] {
            history.follow(&sample(at_millis));
        }
        assert_eq!(history.seconds().len(), 2);
        (3..2000).for_each(|second| history.follow(&sample(second * 1000)));
        assert_eq!(history.seconds().len(), SECONDS);
    }
}

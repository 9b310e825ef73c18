//! How long endpoints take: functions of the work at hand and of chance. Scenarios hold them, `run` asks them.

use std::fmt;
use std::time::Duration;

use evenkeel_plan::time::Time;
use fastrand::Rng;

/// What an endpoint may know when it decides how long one request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// When the request arrived.
    pub now: Time,
    /// How many requests the endpoint has in flight, this one included; so at least 1.
    pub in_flight: u32,
}

/// How long one request takes at one endpoint, decided when it arrives.
pub struct Service(Box<ServiceFn>);

type ServiceFn = dyn Fn(Work, &mut Rng) -> Duration;

impl Service {
    /// Any function. It is deterministic as long as it draws from nothing but the generator it is given.
    pub fn new(service: impl Fn(Work, &mut Rng) -> Duration + 'static) -> Self {
        Self(Box::new(service))
    }

    /// Always the same: the endpoint has room for everything.
    pub fn constant(time: Duration) -> Self {
        Self::new(move |_, _| time)
    }

    /// Mostly short and now and then long, as independent work is; `mean` on average.
    pub fn exponential(mean: Duration) -> Self {
        Self::new(move |_, random| exponential(mean, random))
    }

    /// `time` for each request in flight: all share one processor.
    pub fn shared(time: Duration) -> Self {
        Self::new(move |work, _| time.saturating_mul(work.in_flight))
    }

    pub(crate) fn time(&self, work: Work, random: &mut Rng) -> Duration {
        (self.0)(work, random)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// A draw from the exponential distribution around `mean`.
pub(crate) fn exponential(mean: Duration, random: &mut Rng) -> Duration {
    // `f64()` is below 1, so the logarithm is finite; a mean near the end of `Duration` saturates rather than panics.
    let seconds = -(1.0 - random.f64()).ln() * mean.as_secs_f64();
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_draws_average_to_their_mean_and_never_overflow() {
        let mut random = Rng::with_seed(3);
        let mean = Duration::from_millis(10);
        let total: Duration = (0..100_000).map(|_| exponential(mean, &mut random)).sum();
        let average = total / 100_000;
        assert!(average.abs_diff(mean) < Duration::from_micros(200), "{average:?}");
        assert!(
            (0..100).map(|_| exponential(Duration::MAX, &mut random)).any(|d| d == Duration::MAX)
        );
    }
}

//! How much an origin has to do, as `/load` says it to balancers that ask (`prequal`); kept by `answer`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

/// What is going on, and how long it took of late.
#[derive(Default)]
pub(super) struct Workload {
    in_flight: AtomicU32,
    recent: Mutex<VecDeque<Finished>>,
}

/// An exchange that is over.
#[derive(Clone, Copy)]
struct Finished {
    /// How many were going on when it came, itself included.
    in_flight: u32,
    took: Duration,
    at: Instant,
}

/// What `/load` answers, in the order in which it is written.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) in_flight: u32,
    pub(super) latency_ms: f64,
}

/// An exchange that is going on; over when dropped.
pub(super) struct Busy<'a> {
    workload: &'a Workload,
    in_flight: u32,
    began: Instant,
}

impl Workload {
    pub(super) fn begin(&self) -> Busy<'_> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        Busy { workload: self, in_flight, began: Instant::now() }
    }

    pub(super) fn report(&self, now: Instant) -> Report {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        let latency = self.expected(in_flight.saturating_add(1), now);
        Report { in_flight, latency_ms: latency.as_secs_f64() * 1000.0 }
    }

    /// The median of those that came when there was about as much to do ('Load is not what you should balance', NSDI '24, §4). Nothing
    /// if there were none of late: who was slow once, and says so ever after, would never be asked to do anything again.
    fn expected(&self, in_flight: u32, now: Instant) -> Duration {
        // A panic cannot leave the list half written.
        let recent = self.recent.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_news = |finished: &&Finished| now.saturating_duration_since(finished.at) < NEWS_FOR;
        let mut near: Vec<Finished> = recent.iter().filter(is_news).copied().collect();
        near.sort_by_key(|finished| finished.in_flight.abs_diff(in_flight));
        near.truncate(NEAR);
        near.sort_by_key(|finished| finished.took);
        near.get(near.len() / 2).map_or(Duration::ZERO, |finished| finished.took)
    }

    fn end(&self, finished: Finished) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        recent.push_back(finished);
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let at = Instant::now();
        let took = at.saturating_duration_since(self.began);
        self.workload.end(Finished { in_flight: self.in_flight, took, at });
    }
}

/// How many of those that are over are remembered.
const RECENT: usize = 128;

/// And for how long.
const NEWS_FOR: Duration = Duration::from_secs(1);

/// How many of these, the nearest in what there was to do, make up what is expected.
const NEAR: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_going_on_and_how_long_that_took_with_as_much_to_do() {
        let workload = Workload::default();
        let at = Instant::now();
        assert_eq!(workload.report(at), Report { in_flight: 0, latency_ms: 0.0 });
        for (in_flight, millis) in [(1, 10), (9, 90)].into_iter().cycle().take(64) {
            workload.in_flight.fetch_add(1, Ordering::Relaxed);
            workload.end(Finished { in_flight, took: Duration::from_millis(millis), at });
        }
        assert_eq!(workload.report(at), Report { in_flight: 0, latency_ms: 10.0 });
        let busy: Vec<Busy<'_>> = (0..8).map(|_| workload.begin()).collect();
        assert_eq!(workload.report(at), Report { in_flight: 8, latency_ms: 90.0 });
        let later = workload.report(at + NEWS_FOR);
        assert_eq!(later, Report { in_flight: 8, latency_ms: 0.0 });
        drop(busy);
        assert_eq!(workload.report(at).in_flight, 0);
        assert!(workload.recent.lock().unwrap().len() <= RECENT);
    }
}

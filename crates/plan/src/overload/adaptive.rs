//! A limit that follows from how long an endpoint takes to answer: a concurrency limit by gradient. Part of an endpoint's vitals.
//!
//! After Netflix's concurrency-limits (`Gradient2Limit`, 2018) and Envoy's adaptive concurrency filter (2019): as long as answers take about
//! as long as they take at best, the limit grows by its square root; where they take longer than [`TOLERANCE`] times that, it shrinks in
//! proportion. What an answer takes at best is remembered for [`MEMORY`], and then measured anew, as an endpoint may have changed.

use std::time::Duration;

use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::time::Time;

/// The limit of one endpoint, shared by all workers. Answers are gathered for [`WINDOW`]; whoever first comes after that moves the limit.
/// No lock: an answer that comes while it is moved may be counted to either window.
#[derive(Debug)]
pub struct Adaptive {
    /// As an `f32`; 0 before the first window is over.
    limit: AtomicU32,
    /// When the window ends, in nanoseconds since the start; 0 before the first answer.
    ends: AtomicU64,
    /// Of the window: the sum of what answers took, in microseconds, how many there were, and how many were in flight at most.
    sum: AtomicU64,
    count: AtomicU32,
    in_flight: AtomicU32,
    /// What an answer takes at best, in nanoseconds: of this memory, and of the one before; `u64::MAX` for not known.
    best: [AtomicU64; 2],
    /// When this memory began.
    began: AtomicU64,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            limit: AtomicU32::new(0),
            ends: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            count: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            best: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
            began: AtomicU64::new(0),
        }
    }
}

impl Adaptive {
    /// How many may be in flight now.
    pub fn limit(&self) -> u32 {
        match f32::from_bits(self.limit.load(Ordering::Relaxed)) {
            limit if limit >= LIMIT_MIN => limit as u32,
            _ => LIMIT_FIRST as u32,
        }
    }

    /// Takes in an answer that came after `latency`, of an endpoint with so many in flight. Returns the limit if it has moved.
    pub fn observe(&self, latency: Duration, in_flight: u32, now: Time) -> Option<u32> {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.best[0].fetch_min(nanos, Ordering::Relaxed);
        self.sum.fetch_add(nanos / 1000, Ordering::Relaxed);
        self.in_flight.fetch_max(in_flight, Ordering::Relaxed);
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let ends = self.ends.load(Ordering::Relaxed);
        if now.as_nanos() < ends || ends > 0 && count < COUNT_MIN {
            return None;
        }
        let next = now.after(WINDOW).as_nanos().max(1);
        let moved = self.ends.compare_exchange(ends, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_err() || ends == 0 {
            return None;
        }
        self.move_on(now)
    }

    /// The window is over. Called by one at a time.
    fn move_on(&self, now: Time) -> Option<u32> {
        let (sum, count) =
            (self.sum.swap(0, Ordering::Relaxed), self.count.swap(0, Ordering::Relaxed));
        let in_flight = self.in_flight.swap(0, Ordering::Relaxed);
        if count == 0 {
            return None;
        }
        let best = self.best(now);
        let mean = sum as f64 * 1000.0 / f64::from(count);
        let before = match f32::from_bits(self.limit.load(Ordering::Relaxed)) {
            limit if limit >= LIMIT_MIN => limit,
            _ => LIMIT_FIRST,
        };
        let after = next_limit(before, in_flight, (best / mean) as f32);
        self.limit.store(after.to_bits(), Ordering::Relaxed);
        Some(after as u32)
    }

    /// What an answer takes at best, in nanoseconds.
    fn best(&self, now: Time) -> f64 {
        let best = self.best[0].load(Ordering::Relaxed).min(self.best[1].load(Ordering::Relaxed));
        if now.nanos_since(Time::from_nanos(self.began.load(Ordering::Relaxed))) >= MEMORY {
            self.began.store(now.as_nanos(), Ordering::Relaxed);
            let of_this = self.best[0].swap(u64::MAX, Ordering::Relaxed);
            self.best[1].store(of_this, Ordering::Relaxed);
        }
        best as f64
    }
}

/// The limit after a window in which answers took `1 / ratio` times as long as they do at best. One that is not made use of does not
/// grow: nothing would be known about it.
fn next_limit(before: f32, in_flight: u32, ratio: f32) -> f32 {
    let gradient = (ratio * TOLERANCE).clamp(GRADIENT_MIN, 1.0);
    let wanted = before * gradient + before.sqrt();
    let smoothed = before + (wanted - before) * SMOOTHING;
    let grows = smoothed > before;
    if grows && (in_flight as f32) < before / 2.0 {
        return before;
    }
    smoothed.clamp(LIMIT_MIN, LIMIT_MAX)
}

/// The limit of an endpoint of which nothing is known.
const LIMIT_FIRST: f32 = 20.0;

/// No limit is below this: somebody has to find out that the endpoint is well again.
const LIMIT_MIN: f32 = 2.0;

/// And none is above it: more cannot be told apart.
const LIMIT_MAX: f32 = 65_536.0;

/// How many times what they take at best answers may take before the limit shrinks.
const TOLERANCE: f32 = 1.5;

/// A window shrinks the limit to half at most, before smoothing.
const GRADIENT_MIN: f32 = 0.5;

/// How far one window moves the limit towards where it wants it.
const SMOOTHING: f32 = 0.4;

/// How long answers are gathered.
const WINDOW: Duration = Duration::from_millis(100);

/// How many answers a window has at least.
const COUNT_MIN: u32 = 4;

/// For how long, in nanoseconds, what an answer takes at best is remembered, and as long again.
const MEMORY: u64 = 30_000_000_000;

#[cfg(test)]
mod tests;

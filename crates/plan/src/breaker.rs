//! The circuit breaker of one endpoint: when too many attempts fail or are slow, it gets none for a while, then a few on trial.
//!
//! The exchange in `proxy` and the simulator call [`Breaker::ask`] before an attempt and [`Breaker::report`] after it. The
//! rules are pure ([`State`]); [`Breaker`] holds them in one atomic and a small window, so that all workers share it without
//! a lock. The pattern is Nygard's (Release It!, 2007); rates over a window and slow calls are as in resilience4j.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Time;

mod state;
mod window;

pub use state::{Event, Permit, Phase, State};
use window::{Count, Window};

/// When a breaker opens, and how it closes again. The keys of `breaker` in config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The share of attempts, above 0 and up to 1, whose failure opens the breaker; `None` for never.
    pub failure_rate: Option<f64>,
    /// The share of attempts, above 0 and up to 1, whose slowness opens the breaker; `None` for never.
    pub slow_rate: Option<f64>,
    /// An attempt that takes so long is slow.
    pub slow: Duration,
    /// Rates say nothing before there were so many attempts; up to [`crate::limits::BREAKER_MIN_REQUESTS_MAX`].
    pub min_requests: u32,
    /// How far back rates look.
    pub window: Duration,
    /// How long the endpoint gets nothing, and how long an attempt on trial is waited for.
    pub cool_down: Duration,
    /// How many attempts on trial must pass, and may run at a time; 1 to [`crate::limits::BREAKER_TRIALS_MAX`].
    pub trials: u8,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the endpoint failed.
    pub failed: bool,
    /// How long it took to answer or to fail.
    pub took: Duration,
}

/// The breaker of one endpoint, shared by all workers. The state and what is counted fit one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Breaker {
    /// A packed [`State`].
    state: AtomicU64,
    /// What ended while the breaker was closed.
    window: Window,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            failure_rate: Some(0.5),
            slow_rate: None,
            slow: Duration::from_secs(5),
            min_requests: 20,
            window: Duration::from_secs(10),
            cool_down: Duration::from_secs(10),
            trials: 3,
        }
    }
}

impl Settings {
    fn is_slow(&self, outcome: Outcome) -> bool {
        self.slow_rate.is_some() && outcome.took >= self.slow
    }

    /// Whether these counts open a breaker.
    fn is_too_much(&self, count: Count) -> bool {
        let reached = |part: u32, rate: Option<f64>| {
            rate.is_some_and(|rate| part > 0 && f64::from(part) >= rate * f64::from(count.total))
        };
        count.total >= self.min_requests
            && (reached(count.failed, self.failure_rate) || reached(count.slow, self.slow_rate))
    }
}

// === impl Breaker ===

impl Breaker {
    /// How it stands. An open breaker whose time is over still says so until somebody asks: see [`State::admits`].
    pub fn state(&self) -> State {
        State::unpack(self.state.load(Ordering::Acquire))
    }

    /// Asks for leave to send one attempt. A permit must come back, by [`Breaker::report`] or [`Breaker::abandon`]; one that
    /// does not is taken for lost after `cool_down`.
    pub fn ask(&self, now: Time, settings: &Settings) -> Option<Permit> {
        let mut before = self.state();
        loop {
            let (after, permit) = before.ask(now, settings);
            match self.exchange(before, after) {
                Ok(()) => return permit,
                Err(moved) => before = moved,
            }
        }
    }

    /// Says how a permitted attempt ended. Returns the state if this has changed its phase.
    pub fn report(
        &self,
        permit: Permit,
        outcome: Outcome,
        now: Time,
        settings: &Settings,
    ) -> Option<State> {
        let slow = settings.is_slow(outcome);
        if permit.is_trial() {
            let is_well = !outcome.failed && !slow;
            let event = if is_well { Event::Pass(permit) } else { Event::Fail(permit) };
            return self.apply(event, now, settings);
        }
        if !self.state().counts(permit) {
            return None;
        }
        let count = Count { total: 1, failed: u32::from(outcome.failed), slow: u32::from(slow) };
        self.window.add(count, now, settings.window);
        let is_too_much = settings.is_too_much(self.window.count(now, settings.window));
        is_too_much.then(|| self.apply(Event::Trip(permit), now, settings)).flatten()
    }

    /// Gives back a permit of an attempt that says nothing about the endpoint: it was never sent, or the client went away.
    pub fn abandon(&self, permit: Permit, now: Time, settings: &Settings) {
        self.apply(Event::Abandon(permit), now, settings);
    }

    /// Moves the state; returns the new one if it is in another phase.
    fn apply(&self, event: Event, now: Time, settings: &Settings) -> Option<State> {
        let mut before = self.state();
        loop {
            let after = before.after(event, now, settings);
            let has_moved = before.phase().name() != after.phase().name();
            if has_moved && after.phase() == Phase::Closed {
                // First, so that nobody finds it closed and still counts what had opened it. Until then nobody writes there.
                self.window.clear();
            }
            match self.exchange(before, after) {
                Ok(()) => return has_moved.then_some(after),
                Err(moved) => before = moved,
            }
        }
    }

    /// Compare-and-swap; the state that was found instead if somebody was faster.
    fn exchange(&self, before: State, after: State) -> Result<(), State> {
        if before == after {
            return Ok(());
        }
        self.state
            .compare_exchange_weak(before.pack(), after.pack(), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(State::unpack)
    }
}

#[cfg(test)]
mod tests;

//! The breaker's rules: closed, open, half-open, and the permits for trials. Pure and small enough for one atomic.

use std::time::Duration;

use super::Settings;
use crate::limits::BREAKER_TRIALS_MAX;
use crate::time::Time;

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Counts the openings, modulo [`PERIODS`]: what was permitted before one says nothing after it.
    period: u16,
    phase: Phase,
}

/// The phases of a breaker. Times in them are rounded up, by about a millisecond at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every attempt is permitted.
    Closed,
    /// None is, until then.
    Open {
        /// From here on there are trials.
        until: Time,
    },
    /// A few are, on trial.
    HalfOpen {
        /// How many permits are out or came back well.
        given: u8,
        /// How many trials passed.
        passed: u8,
        /// When permits that are still out count as lost: `cool_down` after the last one was given.
        expires: Time,
    },
}

/// What moves a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants to send an attempt.
    Ask,
    /// The rates are too high; the attempt that showed it had this permit.
    Trip(Permit),
    /// The attempt with this permit passed.
    Pass(Permit),
    /// The attempt with this permit failed, or was slow where that counts.
    Fail(Permit),
    /// The attempt with this permit ended in a way that says nothing about the endpoint.
    Abandon(Permit),
}

/// The leave to send one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a permit must come back, else the breaker waits for it"]
pub struct Permit {
    /// The breaker's period when it was given.
    period: u16,
    /// For an attempt on trial: from here on it counts as lost.
    expires: Option<Time>,
}

// === impl State ===

impl State {
    /// Its phase.
    pub const fn phase(self) -> Phase {
        self.phase
    }

    /// Whether an attempt would be permitted. For balancers, which look at many endpoints and ask one.
    pub fn admits(self, now: Time, settings: &Settings) -> bool {
        self.ask(now, settings).1.is_some()
    }

    /// The state after an event.
    #[must_use]
    pub fn after(self, event: Event, now: Time, settings: &Settings) -> Self {
        match event {
            Event::Ask => self.ask(now, settings).0,
            Event::Trip(permit) if self.counts(permit) => self.opened(now, settings),
            Event::Fail(permit) if self.tries(permit) => self.opened(now, settings),
            Event::Pass(permit) if self.tries(permit) => self.passed(settings),
            // One that has expired may have been replaced, so giving it back must not make room.
            Event::Abandon(permit) if self.tries(permit) && !permit.has_expired(now) => {
                self.abandoned()
            }
            Event::Trip(_) | Event::Fail(_) | Event::Pass(_) | Event::Abandon(_) => self,
        }
    }

    /// The state after somebody has asked, and the permit if there is one.
    pub(super) fn ask(self, now: Time, settings: &Settings) -> (Self, Option<Permit>) {
        match self.phase {
            Phase::Closed => (self, Some(Permit { period: self.period, expires: None })),
            Phase::Open { until } if now >= until => self.give(1, 0, now, settings),
            Phase::HalfOpen { given, passed, .. } if given < trials(settings) => {
                self.give(given + 1, passed, now, settings)
            }
            Phase::HalfOpen { passed, expires, .. } if now >= expires => {
                self.give(passed + 1, passed, now, settings)
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => (self, None),
        }
    }

    /// Whether what an attempt with this permit did is part of the rates.
    pub(super) fn counts(self, permit: Permit) -> bool {
        self.phase == Phase::Closed && self.period == permit.period && !permit.is_trial()
    }

    /// Whether this is a permit for a trial that still decides something. One that has expired does: a trial that takes longer
    /// than `cool_down` tells as much as another, and if it did not count, a slow endpoint could never come back.
    fn tries(self, permit: Permit) -> bool {
        matches!(self.phase, Phase::HalfOpen { .. })
            && self.period == permit.period
            && permit.is_trial()
    }

    fn give(self, given: u8, passed: u8, now: Time, settings: &Settings) -> (Self, Option<Permit>) {
        let expires = deadline(now, settings.cool_down);
        let permit = Permit { period: self.period, expires: Some(now.after(settings.cool_down)) };
        (Self { phase: Phase::HalfOpen { given, passed, expires }, ..self }, Some(permit))
    }

    fn opened(self, now: Time, settings: &Settings) -> Self {
        Self {
            period: (self.period + 1) % PERIODS,
            phase: Phase::Open { until: deadline(now, settings.cool_down) },
        }
    }

    fn passed(self, settings: &Settings) -> Self {
        let Phase::HalfOpen { given, passed, expires } = self.phase else { return self };
        let passed = passed + 1;
        if passed >= trials(settings) {
            return Self { phase: Phase::Closed, ..self };
        }
        // A trial that had been given up was not counted among those given any more.
        let given = given.max(passed);
        Self { phase: Phase::HalfOpen { given, passed, expires }, ..self }
    }

    fn abandoned(self) -> Self {
        let Phase::HalfOpen { given, passed, expires } = self.phase else { return self };
        let given = given.saturating_sub(1).max(passed);
        Self { phase: Phase::HalfOpen { given, passed, expires }, ..self }
    }

    /// As one word: 2 bits for the phase, 12 for the period, 6 for the permits given, 6 for those passed, 38 for the time.
    pub(super) fn pack(self) -> u64 {
        let (phase, given, passed, time) = match self.phase {
            Phase::Closed => (0, 0, 0, Time::START),
            Phase::Open { until } => (1, 0, 0, until),
            Phase::HalfOpen { given, passed, expires } => (2, given, passed, expires),
        };
        (phase << 62)
            | (u64::from(self.period % PERIODS) << 50)
            | (u64::from(given & BREAKER_TRIALS_MAX) << 44)
            | (u64::from(passed & BREAKER_TRIALS_MAX) << 38)
            | ticks(time)
    }

    /// What [`State::pack`] packed.
    pub(super) fn unpack(word: u64) -> Self {
        let time = Time::from_nanos((word & TICKS_MAX) << TICK_BITS);
        let six_bits = |shift: u32| ((word >> shift) as u8) & BREAKER_TRIALS_MAX;
        let phase = match word >> 62 {
            1 => Phase::Open { until: time },
            2 => Phase::HalfOpen { given: six_bits(44), passed: six_bits(38), expires: time },
            _ => Phase::Closed,
        };
        Self { period: (word >> 50) as u16 % PERIODS, phase }
    }
}

impl Phase {
    /// The name in logs, metrics and the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

impl Permit {
    /// Whether the attempt is on trial.
    pub const fn is_trial(self) -> bool {
        self.expires.is_some()
    }

    fn has_expired(self, now: Time) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// So many openings later a permit might be taken for a new one: hours, if each lasts but seconds.
const PERIODS: u16 = 1 << 12;

/// The unit of time in a packed state is 2^20 ns, about a millisecond.
const TICK_BITS: u32 = 20;

/// The end of packed time, more than nine years after the start.
const TICKS_MAX: u64 = (1 << 38) - 1;

/// See [`TICK_BITS`].
const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

/// How many trials there are to be.
fn trials(settings: &Settings) -> u8 {
    settings.trials.clamp(1, BREAKER_TRIALS_MAX)
}

/// `wait` from now on and at least a tick, rounded up, so that nothing ends early.
fn deadline(now: Time, wait: Duration) -> Time {
    let end = now.after(wait.max(TICK));
    Time::from_nanos(ticks(end) << TICK_BITS)
}

fn ticks(time: Time) -> u64 {
    time.as_nanos().div_ceil(TICK.as_nanos() as u64).min(TICKS_MAX)
}

//! What is known about one endpoint, and how it stands.

use std::time::Duration;

use super::window::{Count, Window};
use super::{Cause, Settings, Verdict};
use crate::limits::{OUTLIER_STALL_ATTEMPTS_MIN, OUTLIER_STALL_P99_FACTOR};
use crate::time::Time;

/// One endpoint's part of outlier detection: about two hundred bytes, copied as they are from one plan to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    state: State,
    window: Window,
    /// How many of the newest attempts failed in a row.
    in_a_row: u32,
    /// How many failed since the endpoint was last readmitted.
    failed: u32,
    /// How many ejections followed each other; the length of the next one.
    ejections: u32,
    /// From here on, windows without an ejection are counted.
    calm: Time,
    /// When it was last seen to have answered.
    answered: Option<Time>,
    /// When a byte last came.
    heard: Time,
    /// How many attempts wait.
    waiting: u32,
    /// Several attempts wait, and no byte comes.
    silence: Option<Silence>,
}

/// How an endpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong with it.
    #[default]
    Well,
    /// It stalls: gets no work but trials.
    Suspect {
        /// Since then.
        since: Time,
    },
    /// It gets no work.
    Ejected {
        /// Until then.
        until: Time,
    },
}

/// What attempts came to since the last time somebody looked: one outcome, or what counters have moved by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many were answered well.
    pub answered: u32,
    /// How many failed through the endpoint's fault: see [`crate::reason::Reason::is_endpoints_fault`].
    pub failed: u32,
    /// How many of the newest failed in a row, if it was counted where they ended. Without it, failures are in a row as long as
    /// nothing is answered between two looks: what is mixed in one look is in favour of the endpoint.
    pub in_a_row: Option<u32>,
}

/// Who waits for an endpoint's first byte at the time of a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many attempts were sent and have received nothing.
    pub attempts: u32,
    /// When a byte last came from the endpoint, on whatever connection.
    pub heard: Time,
    /// How long its answers take at the 99th percentile, if that is known.
    pub p99: Option<Duration>,
    /// Whether that is its own: then one attempt that waits for long enough is enough.
    pub is_usual_known: bool,
}

/// How the endpoints of a cluster do that are well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Others {
    /// When one of them last answered.
    pub(super) answered: Option<Time>,
    /// Whether one of them would, were it asked.
    pub(super) are_ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Silence {
    since: Time,
    attempts: u32,
    p99: Option<Duration>,
}

impl Observed {
    /// One attempt, answered well.
    pub const ANSWERED: Self = Self { answered: 1, failed: 0, in_a_row: None };

    /// One attempt, failed.
    pub const FAILED: Self = Self { answered: 0, failed: 1, in_a_row: None };
}

impl Record {
    /// How the endpoint stood at the last [`sweep`](super::sweep).
    pub fn state(&self) -> State {
        self.state
    }

    /// How many ejections followed each other; the next takes that much longer.
    pub fn ejections(&self) -> u32 {
        self.ejections
    }

    /// Takes what attempts came to. What ends while the endpoint is ejected was begun before, and has been judged.
    pub fn observe(&mut self, observed: Observed, now: Time, settings: &Settings) {
        if observed.answered > 0 {
            self.answered = Some(now);
        }
        if self.is_ejected() {
            return;
        }
        let count = Count { answered: observed.answered, failed: observed.failed };
        self.window.add(count, now, settings.window);
        self.failed = self.failed.saturating_add(observed.failed);
        self.in_a_row = match observed.in_a_row {
            // Those before the last ejection do not count again.
            Some(in_a_row) => in_a_row.min(self.failed),
            None if observed.answered > 0 => 0,
            None => self.in_a_row.saturating_add(observed.failed),
        };
    }

    /// Takes who waits. Silence begins when several are first seen to wait, or with the last byte since.
    pub fn observe_waiting(&mut self, waiting: Waiting, now: Time) {
        (self.heard, self.waiting) = (self.heard.max(waiting.heard), waiting.attempts);
        let since = self.silence.map_or(now, |silence| silence.since).max(self.heard);
        let Waiting { attempts, p99, .. } = waiting;
        let least = if waiting.is_usual_known { 1 } else { OUTLIER_STALL_ATTEMPTS_MIN };
        let is_silent = attempts >= least;
        self.silence = is_silent.then_some(Silence { since, attempts, p99 });
    }

    /// Whoever looks was not there: silence begins, if it does, with the next look.
    pub fn forget_silence(&mut self) {
        self.silence = None;
    }

    /// Ends what is over.
    pub(super) fn settle(&mut self, now: Time, settings: &Settings) -> Option<Verdict> {
        match self.state {
            State::Ejected { until } if now < until => None,
            State::Ejected { until } => {
                let Self { ejections, answered, heard, .. } = *self;
                *self = Self { ejections, calm: until, answered, heard, ..Self::default() };
                self.calm_down(now, settings);
                Some(Verdict::Readmit)
            }
            State::Suspect { since } if self.heard >= since || settings.stall.is_none() => {
                self.state = State::Well;
                self.calm_down(now, settings);
                Some(Verdict::Clear)
            }
            State::Well | State::Suspect { .. } => {
                self.calm_down(now, settings);
                None
            }
        }
    }

    /// Each window without an ejection takes one step off the next.
    fn calm_down(&mut self, now: Time, settings: &Settings) {
        let (calm, window) = (now.since(self.calm).as_nanos(), settings.window.as_nanos().max(1));
        let steps = u32::try_from(calm / window).unwrap_or(u32::MAX);
        self.ejections = self.ejections.saturating_sub(steps);
        if steps > 0 {
            self.calm = Time::from_nanos(now.as_nanos() - (calm % window) as u64);
        }
    }

    /// Ejects it, each time for longer. Returns until when.
    pub(super) fn eject(&mut self, now: Time, settings: &Settings) -> Time {
        // Steps beyond the longest ejection would change nothing but how long it takes to get rid of them.
        if settings.eject.saturating_mul(self.ejections) < settings.eject_max {
            self.ejections = self.ejections.saturating_add(1);
        }
        let length = settings.eject.saturating_mul(self.ejections).min(settings.eject_max);
        let until = now.after(length);
        self.state = State::Ejected { until };
        until
    }

    /// Suspects it if it has fallen silent while others answer, or would.
    pub(super) fn suspect(
        &mut self,
        others: Others,
        now: Time,
        settings: &Settings,
    ) -> Option<Cause> {
        let (Some(stall), Some(silence), State::Well) = (settings.stall, self.silence, self.state)
        else {
            return None;
        };
        // One or two may be long requests. Yet one has moved on within 3 s, which docs/reliability.md says of all.
        let halves = match silence.attempts {
            ..=1 => 5,
            2 => 3,
            _ => 2,
        };
        let stall = stall.saturating_mul(halves) / 2;
        let usual = silence.p99.unwrap_or_default().saturating_mul(OUTLIER_STALL_P99_FACTOR);
        let quiet = now.since(silence.since);
        let Others { answered, are_ready } = others;
        let others_answer = answered >= Some(silence.since) && answered > self.answered;
        if quiet < stall.max(usual) || !(others_answer || are_ready) {
            return None;
        }
        self.state = State::Suspect { since: now };
        Some(Cause::Stall { waiting: silence.attempts, quiet })
    }

    /// When it was last seen to have answered, if it is well.
    pub(super) fn answered_while_well(&self) -> Option<Time> {
        self.answered.filter(|_| self.state == State::Well)
    }

    /// Whether nobody waits for it, and it has answered lately: where all who ask are waiting for another, that is how it shows that it
    /// would answer.
    pub(super) fn is_ready(&self, now: Time, settings: &Settings) -> bool {
        let lately = |answered| now.since(answered) < settings.window;
        self.waiting == 0 && self.answered_while_well().is_some_and(lately)
    }

    pub(super) fn is_ejected(&self) -> bool {
        matches!(self.state, State::Ejected { .. })
    }

    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// What its attempts came to within the window.
    pub(super) fn count(&self, now: Time, settings: &Settings) -> Count {
        self.window.count(now, settings.window)
    }
}

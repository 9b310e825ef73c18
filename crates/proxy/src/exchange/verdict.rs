//! What came of an attempt, said wherever it counts: to the endpoint's vitals, to its breaker, and to the counters by which `control`
//! finds outliers. Called by the exchange.

use std::time::Instant;

use evenkeel_plan::breaker::{Outcome, Phase};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::Heard;

use super::Exchange;
use super::attempt::Turn;

impl Exchange<'_> {
    /// The endpoint has begun to answer, with a head that says this.
    pub(super) fn judge_head(&self, turn: &mut Turn<'_>, heard: Heard, at: Instant) {
        turn.target.counters.faults.add(u64::from(heard == Heard::Failure));
        self.judge(turn, heard, at);
    }

    /// The endpoint has taken the connection of a stream: more cannot be known of it.
    pub(super) fn judge_connected(&self, turn: &mut Turn<'_>) {
        self.judge(turn, Heard::Answer, self.worker.now());
    }

    /// The attempt has come to nothing.
    pub(super) fn judge_failure(&self, turn: &mut Turn<'_>, reason: Reason) {
        let at_fault = speaks_against(turn, reason);
        turn.target.counters.failures.add(u64::from(at_fault));
        turn.target.counters.given_up.add(u64::from(gives_up(reason)));
        let heard = if at_fault { Heard::Failure } else { Heard::Nothing };
        self.judge(turn, heard, self.worker.now());
    }

    /// The answer has ended, or has broken off.
    pub(super) fn judge_end(&self, turn: &mut Turn<'_>, outcome: Result<(), Reason>) {
        if outcome.is_err_and(|reason| speaks_against(turn, reason)) {
            turn.target.counters.failures.add(1);
            let now = self.worker.time(self.worker.now());
            self.report(turn, Outcome { failed: true, took: self.started.elapsed() }, now);
        }
    }

    fn judge(&self, turn: &mut Turn<'_>, heard: Heard, at: Instant) {
        let now = self.worker.time(at);
        if turn.lease.asked().is_some_and(|asked| self.worker.has_slept(asked, now)) {
            // What lay in the socket while we slept may have been there for long.
            turn.lease.excuse();
        }
        match turn.lease.hear(heard, now).filter(|_| heard != Heard::Nothing) {
            Some(took) => {
                if heard != Heard::Failure {
                    turn.target.counters.time(took);
                }
                if heard != Heard::Begun {
                    self.report(turn, Outcome { failed: heard == Heard::Failure, took }, now);
                }
            }
            None => turn.grant = None,
        }
    }

    pub(super) fn report(&self, turn: &mut Turn<'_>, outcome: Outcome, now: Time) {
        let moved = turn.grant.as_mut().and_then(|grant| grant.report(outcome, now));
        if let Some(Phase::Open { until }) = moved.map(|state| state.phase()) {
            turn.target.counters.breaks.add(1);
            turn.target.endpoint.life.vitals.avoid(now, until);
        }
    }
}

/// Whether the endpoint of an attempt that came to nothing is worse than one of which nothing is known. A server of calls may reset whatever else it is
/// asked: any stranger could have it ejected otherwise.
fn speaks_against(turn: &Turn<'_>, reason: Reason) -> bool {
    let is_stray = reason == Reason::UpstreamClosed && turn.target.way.is_stray();
    reason.is_endpoints_fault() && !is_stray
}

/// Whether it was given up because it took too long.
fn gives_up(reason: Reason) -> bool {
    matches!(reason, Reason::ClientGone | Reason::ExchangeTimeout | Reason::FirstByteTimeout)
}

/// What a status says about the endpoint: that it, or what stands behind it, has failed. That it cannot do what nobody of its kind could
/// (501, 505) does not.
pub(super) fn heard_in(status: u16) -> Heard {
    match status {
        500 | 502..=504 | 506.. => Heard::Failure,
        _ => Heard::Answer,
    }
}

//! The leave of an endpoint's breaker for one attempt. Held by the attempt's turn, and spent where its outcome is judged.

use evenkeel_plan::breaker::{Breaker, Outcome, Permit, Settings, State};
use evenkeel_plan::time::Time;

use super::Exchange;
use super::attempt::Target;
use crate::worker::Worker;

/// A permit that is given back if nobody says how the attempt ended: it was given up, or its client has left.
pub(super) struct Grant<'a> {
    breaker: &'a Breaker,
    settings: &'a Settings,
    permit: Permit,
    worker: &'a Worker,
    /// Whether it has been said: what a trial came to counts once.
    is_spent: bool,
}

impl<'a> Grant<'a> {
    /// What the breaker of the endpoint gave; `None` where it has none, or nobody gives any and the request has to go somewhere.
    pub(super) fn new(
        exchange: &Exchange<'a>,
        target: &Target<'a>,
        permit: Option<Permit>,
    ) -> Option<Self> {
        let settings = target.way.cluster.plan.resilience.breaker.as_ref()?;
        let breaker = &target.endpoint.life.vitals.breaker;
        Some(Self { breaker, settings, permit: permit?, worker: exchange.worker, is_spent: false })
    }

    /// Whether the attempt is a trial.
    pub(super) fn is_trial(&self) -> bool {
        self.permit.is_trial()
    }

    /// Says how the attempt ended. Returns how the breaker stands if it has moved.
    pub(super) fn report(&mut self, outcome: Outcome, now: Time) -> Option<State> {
        if std::mem::replace(&mut self.is_spent, self.permit.is_trial()) {
            return None;
        }
        self.breaker.report(self.permit, outcome, now, self.settings)
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        // Any other permit is as good as none once the breaker is closed.
        if self.permit.is_trial() && !self.is_spent {
            let now = self.worker.time(self.worker.now());
            self.breaker.abandon(self.permit, now, self.settings);
        }
    }
}

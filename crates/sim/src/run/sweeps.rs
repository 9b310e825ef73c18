//! Outlier detection and limits, as `control` runs them: each balancer looks at all its endpoints a few times a second.

use std::time::Duration;

use evenkeel_plan::limits::OUTLIER_LOOK_INTERVAL;
use evenkeel_plan::time::Time;

use super::{Occasion, Simulation};

impl Simulation<'_> {
    pub(super) fn sweep(&mut self, now: Time) {
        for number in 0..self.replicas.len() {
            let findings = self.replicas[number].sweep(now);
            findings.ejected.into_iter().for_each(|position| self.tally.ejected(position));
            for (position, patience) in findings.suspects {
                self.move_away(number, position, patience, now);
            }
            let called = self.replicas[number].pace(now);
            self.summon(called, now);
        }
        self.queue.push(now.after(OUTLIER_LOOK_INTERVAL), Occasion::Sweep);
    }

    /// What a balancer has had at a suspect for longer than its patience goes elsewhere.
    fn move_away(&mut self, replica: usize, position: usize, patience: Duration, now: Time) {
        for place in self.requests.at(position) {
            let request = self.requests.get(place);
            let has_waited =
                request.lease.as_ref().is_some_and(|lease| now.since(lease.began) >= patience);
            if has_waited && request.arrival.replica as usize == replica {
                self.move_on(place, position, now);
            }
        }
    }
}

//! What balancers ask endpoints between requests (`prequal`): how much they have to do.

use std::time::Duration;

use evenkeel_plan::time::Time;

use super::{Occasion, Simulation};

/// Who asks whom, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inquiry {
    replica: u32,
    position: u32,
}

impl Simulation<'_> {
    /// Asks whom the balancer wants to be asked since its last choice.
    pub(super) fn inquire(&mut self, replica: u32, now: Time) {
        while let Some(position) = self.replicas[replica as usize].next_probe() {
            let inquiry = Inquiry { replica, position: position as u32 };
            self.queue.push(now.after(ROUND_TRIP), Occasion::Inquiry(inquiry));
        }
    }

    /// The answer comes, unless the endpoint hangs.
    pub(super) fn hear(&mut self, inquiry: Inquiry, now: Time) {
        let origin = &self.origins[inquiry.position as usize];
        let condition = origin.condition();
        if condition.frozen && !condition.dead {
            self.queue.push(now.after(TIME_LIMIT), Occasion::Silence(inquiry));
            return;
        }
        let load = (!condition.dead).then(|| origin.load(now));
        self.replicas[inquiry.replica as usize].probed(inquiry.position as usize, load, now);
    }

    /// No answer has come for as long as one is waited for.
    pub(super) fn hear_nothing(&mut self, inquiry: Inquiry, now: Time) {
        self.replicas[inquiry.replica as usize].probed(inquiry.position as usize, None, now);
    }
}

/// How long question and answer take together: within a data centre. The answer says how things are when it comes.
const ROUND_TRIP: Duration = Duration::from_micros(500);

/// How long the proxy waits for an answer.
const TIME_LIMIT: Duration = Duration::from_millis(200);

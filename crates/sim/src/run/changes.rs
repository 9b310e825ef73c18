//! What the script does to endpoints while they work.

use evenkeel_plan::time::Time;

use super::Simulation;
use crate::request::Stage;

impl Simulation<'_> {
    /// Something in the script begins or ends now.
    pub(super) fn change(&mut self, now: Time) {
        let before = self.present();
        for position in 0..self.origins.len() {
            if self.script.concerns(position) {
                self.change_endpoint(position, now);
            }
        }
        let present = self.present();
        if present != before {
            for number in 0..self.replicas.len() {
                let replica = &mut self.replicas[number];
                replica.enroll(&self.script.endpoints, &present);
                let called = replica.overload.call_all();
                self.summon(called, now);
            }
            let fresh =
                (0..present.len()).filter(|&position| present[position] && !before[position]);
            fresh.for_each(|position| self.restart_checks(position, now));
        }
    }

    fn present(&self) -> Vec<bool> {
        self.origins.iter().map(|origin| origin.condition().present).collect()
    }

    fn change_endpoint(&mut self, position: usize, now: Time) {
        let condition = self.script.condition(position, now);
        let origin = &mut self.origins[position];
        if condition == *origin.condition() {
            return;
        }
        let (died, speed) = (condition.dead && !origin.condition().dead, origin.speed());
        origin.change(condition, now);
        if died {
            for place in self.requests.at(position) {
                self.lose(place, position, now);
            }
        } else if origin.speed().total_cmp(&speed).is_ne() {
            self.change_speed(position, speed, now);
        }
    }

    /// What runs has done so much by now at the old speed, and does the rest at the new one.
    fn change_speed(&mut self, position: usize, old: f64, now: Time) {
        for place in self.requests.at(position) {
            let request = self.requests.get(place);
            if let Stage::Works { left, since, .. } = &mut request.stage {
                *left = (*left - now.since(*since).as_nanos() as f64 * old).max(0.0);
                *since = now;
                self.plan_answer(place, now);
            }
        }
    }
}

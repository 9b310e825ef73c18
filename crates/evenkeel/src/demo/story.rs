//! What happened, in sentences; pure. `performance` tells it what was done, samples tell it what came
//! of it; the picture, the lines and the summary show it.

use std::time::Duration;

use evenkeel_control::admin::EndpointState;
use serde::Serialize;

use crate::units::{show_count, show_duration};

use super::cast::ROLES;
use super::sample::Sample;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Since the load began.
    pub(super) at: Duration,
    pub(super) kind: EventKind,
    /// The position in the cast; none if it concerns all.
    pub(super) endpoint: Option<usize>,
    /// For a person.
    pub(super) text: String,
}

/// What sort of thing happened. The names in JSON are an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EventKind {
    /// The load began.
    Started,
    /// An origin died.
    Killed,
    /// It lives again.
    Revived,
    /// An origin is slower or faster than before.
    Pace,
    /// The balancer sends an endpoint no more work.
    Down,
    /// The balancer trusts an endpoint again.
    Up,
    /// Requests got no answer of an origin.
    Lost,
}

/// All that happened, and what is needed to see what happens next.
#[derive(Debug, Default)]
pub(super) struct Story {
    events: Vec<Event>,
    states: Vec<Standing>,
    lost: u64,
    streak: Option<Streak>,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    state: EndpointState,
    /// When it was killed or went down, and how many requests were lost by then.
    trouble: Option<(Duration, u64)>,
}

/// Requests are being lost.
#[derive(Clone, Copy, Debug)]
struct Streak {
    began: Duration,
    lost_before: u64,
    last: Duration,
}

impl Story {
    /// All of it, the oldest first.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Something was done by the script or by a key.
    pub(super) fn tell(
        &mut self,
        at: Duration,
        kind: EventKind,
        endpoint: Option<usize>,
        text: String,
    ) {
        if kind == EventKind::Killed
            && let Some(standing) = endpoint.and_then(|position| self.states.get_mut(position))
        {
            standing.trouble = Some((at, self.lost));
        }
        self.events.push(Event { at, kind, endpoint, text });
    }

    /// Sees what changed since the last sample.
    pub(super) fn follow(&mut self, sample: &Sample) {
        self.follow_losses(sample);
        let fresh = Standing { state: EndpointState::Unchecked, trouble: None };
        self.states.resize(sample.endpoints.len(), fresh);
        for (position, endpoint) in sample.endpoints.iter().enumerate() {
            let before = self.states[position];
            if before.state == endpoint.state {
                continue;
            }
            self.states[position].state = endpoint.state;
            let reason = endpoint.reason.as_deref();
            match endpoint.state {
                EndpointState::Down => self.went_down(position, sample, reason),
                EndpointState::Up if before.state == EndpointState::Down => {
                    self.came_back(position, sample);
                }
                _ => {}
            }
        }
    }

    fn went_down(&mut self, position: usize, sample: &Sample, reason: Option<&str>) {
        let mut text = format!("balancer: {} is down", ROLES[position].name);
        let trouble = self.states[position].trouble;
        if let Some((began, _)) = trouble {
            text.push_str(&format!(" after {}", show_duration(sample.at.saturating_sub(began))));
        }
        if let Some(reason) = reason {
            text.push_str(&format!(": {reason}"));
        }
        self.states[position].trouble = trouble.or(Some((sample.at, self.lost)));
        self.tell(sample.at, EventKind::Down, Some(position), text);
    }

    fn came_back(&mut self, position: usize, sample: &Sample) {
        let mut text = format!("balancer: {} is up again", ROLES[position].name);
        if let Some((began, lost_before)) = self.states[position].trouble.take() {
            let after = show_duration(sample.at.saturating_sub(began));
            let lost = show_count(sample.lost.saturating_sub(lost_before));
            text.push_str(&format!(" after {after}; requests lost meanwhile: {lost}"));
        }
        self.tell(sample.at, EventKind::Up, Some(position), text);
    }

    /// One event when losses begin and one when they have ended, however many there are.
    fn follow_losses(&mut self, sample: &Sample) {
        let (at, before) = (sample.at, std::mem::replace(&mut self.lost, sample.lost));
        if sample.lost > before {
            let began =
                self.streak.map_or((at, before), |streak| (streak.began, streak.lost_before));
            if self.streak.is_none() {
                self.tell(at, EventKind::Lost, None, "requests are being lost".to_owned());
            }
            self.streak = Some(Streak { began: began.0, lost_before: began.1, last: at });
        } else if let Some(streak) = self.streak
            && at.saturating_sub(streak.last) >= QUIET
        {
            self.streak = None;
            let lost = show_count(sample.lost - streak.lost_before);
            let text =
                format!("no more losses; requests lost since {}: {lost}", clock(streak.began));
            self.tell(at, EventKind::Lost, None, text);
        }
    }
}

/// The time of an event, as all lists show it.
pub(super) fn clock(at: Duration) -> String {
    format!("{:.1} s", at.as_secs_f64())
}

/// So long without a loss ends a streak.
const QUIET: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::sample::tests::sample;
    use super::*;

    /// A sample in which A is in this state and so many requests are lost.
    fn seen(at_millis: u64, state: EndpointState, lost: u64) -> Sample {
        let mut sample = Sample { lost, ..sample(at_millis) };
        sample.endpoints[0].state = state;
        let is_down = state == EndpointState::Down;
        sample.endpoints[0].reason = is_down.then(|| "connection refused (3 of 3)".to_owned());
        sample
    }

    fn texts(story: &Story) -> Vec<(EventKind, &str)> {
        story.events().iter().map(|event| (event.kind, event.text.as_str())).collect()
    }

    #[test]
    fn a_death_is_noticed_and_so_is_the_return() {
        let mut story = Story::default();
        story.follow(&seen(0, EndpointState::Unchecked, 0));
        story.follow(&seen(500, EndpointState::Up, 0));
        assert_eq!(story.events(), []);
        story.tell(Duration::from_secs(1), EventKind::Killed, Some(0), "A was killed".to_owned());
        story.follow(&seen(2500, EndpointState::Down, 0));
        story.follow(&seen(3000, EndpointState::Down, 0));
        story.follow(&seen(4000, EndpointState::Up, 0));
        let (_, down) = texts(&story)[1];
        assert_eq!(down, "balancer: A is down after 1.50 s: connection refused (3 of 3)");
        let back = "balancer: A is up again after 3.00 s; requests lost meanwhile: 0";
        assert_eq!(texts(&story)[2..], [(EventKind::Up, back)]);
    }

    #[test]
    fn who_goes_down_without_having_been_killed_is_told_too() {
        let mut story = Story::default();
        story.follow(&seen(0, EndpointState::Up, 0));
        story.follow(&seen(1000, EndpointState::Down, 0));
        let down = "balancer: A is down: connection refused (3 of 3)";
        assert_eq!(texts(&story), [(EventKind::Down, down)]);
    }

    #[test]
    fn losses_are_told_when_they_begin_and_when_they_end() {
        let mut story = Story::default();
        for (at_millis, lost) in [(0, 0), (500, 2), (900, 2), (1400, 7), (2000, 7), (2400, 7)] {
            story.follow(&seen(at_millis, EndpointState::Up, lost));
        }
        story.follow(&seen(9000, EndpointState::Up, 7));
        let end = "no more losses; requests lost since 0.5 s: 7";
        let begin = "requests are being lost";
        assert_eq!(texts(&story), [(EventKind::Lost, begin), (EventKind::Lost, end)]);
    }
}

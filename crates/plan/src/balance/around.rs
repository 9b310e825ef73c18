//! Which endpoints of many are looked at. Asked by the algorithms that sample.
//!
//! Whoever goes through thousands of endpoints at random meets a connection, in the kernel too, that is in no cache. Staying around
//! a few for a while costs nobody anything as long as there is somebody idle to be found; over time every endpoint gets its turn.

use std::time::Duration;

use fastrand::Rng;

use super::Candidates;
use crate::time::Time;

/// The endpoints that a worker looks at first; they are spread over the whole list, because neighbours may share a machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// The position of the first; `None` before the first draw, for not all balancers shall begin at the same.
    start: Option<usize>,
    /// How many were drawn since it moved.
    drawn: usize,
    /// When it moved.
    moved: Time,
}

impl Around {
    /// A position among `count`; all are drawn equally often, in the long run.
    fn draw(&mut self, count: usize, now: Time, random: &mut Rng) -> usize {
        let mut start = self.start.unwrap_or_else(|| random.usize(0..count));
        if self.drawn >= DRAWN_MAX || now.since(self.moved) >= STAY_MAX {
            start += 1;
            (self.drawn, self.moved) = (0, now);
        }
        self.drawn += 1;
        self.start = Some(start % count);
        (start + random.usize(0..SPAN) * count / SPAN) % count
    }
}

impl Around {
    /// One of those around that has nothing to do: among equals there can be no better. Only of many, who all weigh the same.
    pub(super) fn idle_of(
        &mut self,
        candidates: &Candidates<'_>,
        random: &mut Rng,
    ) -> Option<usize> {
        if !has_around(candidates) {
            return None;
        }
        (0..LOOKS).find_map(|_| self.admitted(candidates, random, is_idle))
    }

    /// Two of those around, of which one has nothing to do; likewise.
    pub(super) fn two_of(
        &mut self,
        candidates: &Candidates<'_>,
        random: &mut Rng,
    ) -> Option<(usize, Option<usize>)> {
        if !has_around(candidates) {
            return None;
        }
        let idle = self.admitted(candidates, random, is_idle)?;
        let other = self.admitted(candidates, random, |_, _| true);
        Some((idle, other.filter(|&other| other != idle)))
    }

    fn admitted(
        &mut self,
        candidates: &Candidates<'_>,
        random: &mut Rng,
        fits: impl Fn(&Candidates<'_>, usize) -> bool,
    ) -> Option<usize> {
        let member = self.draw(candidates.count(), candidates.request.now, random);
        (candidates.admits(member) && fits(candidates, member)).then_some(member)
    }
}

/// Whether there are more than one stays around, and it is all the same which.
fn has_around(candidates: &Candidates<'_>) -> bool {
    candidates.count() > SPAN && candidates.roster.is_even()
}

fn is_idle(candidates: &Candidates<'_>, member: usize) -> bool {
    candidates.vitals(member).in_flight() == 0
}

/// How many are looked at to find one that has nothing to do.
const LOOKS: usize = 8;

/// How many endpoints are around.
const SPAN: usize = 16;

/// How often is drawn before it moves: each endpoint gets some sixty-four requests.
const DRAWN_MAX: usize = SPAN * 64;

/// And after how long at the latest: where there is little to do, nobody shall wait for long for a turn.
const STAY_MAX: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_a_turn_and_as_many_as_anybody_else() {
        let mut random = Rng::with_seed(1);
        for count in [17, 65, 100, 1000] {
            let mut around = Around::default();
            let mut drawn = vec![0; count];
            for _ in 0..4 * count * DRAWN_MAX {
                drawn[around.draw(count, Time::START, &mut random)] += 1;
            }
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            let due = 4 * DRAWN_MAX;
            assert!(*least > due * 9 / 10 && *most < due * 11 / 10, "{count}: {least} to {most}");
        }
    }

    #[test]
    fn few_are_used_in_a_short_time_and_not_everywhere_the_same() {
        let of_process = |seed| {
            let mut random = Rng::with_seed(seed);
            let mut around = Around::default();
            let draw = |_| around.draw(10_000, Time::START, &mut random);
            (0..DRAWN_MAX).map(draw).collect::<std::collections::BTreeSet<usize>>()
        };
        assert_eq!(of_process(1).len(), SPAN);
        assert_ne!(of_process(1), of_process(2));
    }

    #[test]
    fn where_there_is_little_to_do_others_get_a_turn_all_the_same() {
        let mut random = Rng::with_seed(1);
        let mut around = Around::default();
        let draw = |number| {
            let now = Time::START.after(STAY_MAX * number);
            around.draw(10_000, now, &mut random)
        };
        let drawn: std::collections::BTreeSet<usize> = (0..200).map(draw).collect();
        assert!(drawn.len() > 180, "{}", drawn.len());
    }
}

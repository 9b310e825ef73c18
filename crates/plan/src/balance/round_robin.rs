//! Smooth weighted round-robin: exact by weight, and without bursts.
//!
//! Where all weigh the same, it is the next one's turn. Where they do not, an endpoint of weight `w` has its turns at 1/2w, 3/2w, 5/2w, …
//! of a time of their own, and whoever's is first gets the request (earliest deadline first). With weights 5, 3 and 2 every ten picks
//! are split 5, 3 and 2, and no endpoint waits longer than it must; a pick costs the logarithm of the number of endpoints.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{Balance, Candidates, Memory};
use crate::limits::TRIES_MAX;

#[derive(Debug)]
pub(super) struct RoundRobin;

impl Balance for RoundRobin {
    fn pick(&self, memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        if candidates.roster.is_spare {
            let mut random = fastrand::Rng::with_seed(candidates.request.random);
            return candidates.draw(&mut random);
        }
        memory.turns.follow(candidates);
        if candidates.roster.is_even() {
            memory.turns.next_in_line(candidates)
        } else {
            memory.turns.next_due(candidates)
        }
    }
}

/// Whose turn it is, among the members of one roster.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// How many picks to be ahead of the first worker.
    lead: usize,
    /// The roster that all this is about; 0 for none yet.
    version: u64,
    /// Where all weigh the same: the place of the next one, and its position in the cluster.
    next: usize,
    next_position: u32,
    /// Where they do not: the turns that come next, one for each member.
    queue: BinaryHeap<Turn>,
    /// What each member has had, in the order of the roster.
    courses: Vec<Course>,
    /// How far each endpoint is from its next turn, in turns, by position; only between two rosters.
    distances: Vec<f64>,
    /// When the last turn was.
    now: f64,
}

/// The next turn of a member.
#[derive(Clone, Copy, Debug)]
struct Turn {
    due: f64,
    member: u32,
}

/// What a member has had: when its next turn is due is made of this anew each time, so that nothing adds up.
#[derive(Clone, Copy, Debug)]
struct Course {
    position: u32,
    weight: f64,
    /// How far it was from its first turn.
    distance: f64,
    turns: u64,
}

impl Turns {
    /// For worker number `worker`, which begins where the `worker`th pick of a lone one would be.
    pub(super) fn new(worker: usize, endpoints: usize) -> Self {
        Self {
            lead: worker,
            queue: BinaryHeap::with_capacity(endpoints),
            courses: Vec::with_capacity(endpoints),
            distances: vec![HALF_WAY; endpoints],
            ..Self::default()
        }
    }

    /// Makes the turns those of the roster. Who was there before is as far from its next turn as it was.
    fn follow(&mut self, candidates: &Candidates<'_>) {
        if self.version == candidates.roster.version {
            return;
        }
        self.version = candidates.roster.version;
        let members = &candidates.roster.members;
        if candidates.roster.is_even() {
            let next = members.partition_point(|member| member.position < self.next_position);
            self.next = if next < members.len() { next } else { 0 };
            self.next = (self.next + std::mem::take(&mut self.lead)) % members.len().max(1);
            return;
        }
        for turn in self.queue.drain() {
            let course = self.courses[turn.member as usize];
            self.distances[course.position as usize] = (turn.due - self.now) * course.weight;
        }
        self.now = 0.0;
        self.courses.clear();
        for (member, share) in members.iter().zip(&candidates.roster.shares) {
            let distance = &mut self.distances[member.position as usize];
            let distance = std::mem::replace(distance, HALF_WAY);
            let (position, weight) = (member.position, share.weight as f64);
            self.courses.push(Course { position, weight, distance, turns: 0 });
        }
        let turns =
            (0..).zip(&self.courses).map(|(member, course)| Turn { due: course.due(), member });
        self.queue.extend(turns);
        for _ in 0..std::mem::take(&mut self.lead) {
            self.take_turn(|_| true);
        }
    }

    fn next_in_line(&mut self, candidates: &Candidates<'_>) -> Option<usize> {
        let count = candidates.count();
        for _ in 0..count.min(SKIPS_MAX) {
            let member = self.next;
            self.next = if member + 1 == count { 0 } else { member + 1 };
            self.next_position = candidates.roster.members[member].position + 1;
            if candidates.admits(member) {
                return Some(member);
            }
        }
        None
    }

    fn next_due(&mut self, candidates: &Candidates<'_>) -> Option<usize> {
        self.take_turn(|member| candidates.admits(member))
    }

    /// The first turn of a member that is admitted. Those before it keep theirs.
    fn take_turn(&mut self, admits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut passed = [None; SKIPS_MAX];
        let mut taken = None;
        for place in &mut passed {
            let Some(mut first) = self.queue.peek_mut() else { break };
            let member = first.member as usize;
            if admits(member) {
                self.now = first.due;
                let course = &mut self.courses[member];
                course.turns += 1;
                first.due = course.due();
                taken = Some(member);
                break;
            }
            *place = Some(PeekMut::pop(first));
        }
        self.queue.extend(passed.into_iter().map_while(|turn| turn));
        taken
    }
}

impl Course {
    fn due(&self) -> f64 {
        (self.distance + self.turns as f64) / self.weight
    }
}

/// The first turn comes after half of the time between two: so those of others lie between.
const HALF_WAY: f64 = 0.5;

/// So many that may not be chosen are passed over in one pick: all that an exchange can have tried, and some that are no longer well.
const SKIPS_MAX: usize = TRIES_MAX + 8;

/// Reversed, because the heap gives out its greatest.
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.due.total_cmp(&self.due).then_with(|| other.member.cmp(&self.member))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == std::cmp::Ordering::Equal
    }
}

impl Eq for Turn {}

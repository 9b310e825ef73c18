//! The endpoints that one pick chooses among: what the algorithms see.

use fastrand::Rng;

use super::{Pick, Roster};
use crate::endpoint::Endpoint;

/// The members of a roster in the light of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidates<'a> {
    pub(super) roster: &'a Roster,
    pub(super) request: &'a Pick<'a>,
}

impl<'a> Candidates<'a> {
    /// How many there are, fit or not.
    pub(super) fn count(&self) -> usize {
        self.roster.members.len()
    }

    /// Where a member stands in the cluster.
    pub(super) fn position(&self, member: usize) -> usize {
        self.roster.members[member].position as usize
    }

    pub(super) fn endpoint(&self, member: usize) -> &'a Endpoint {
        &self.request.endpoints[self.position(member)]
    }

    /// How much of the work a member shall have, relative to the others.
    pub(super) fn weight(&self, member: usize) -> u64 {
        self.roster.members[member].weight
    }

    /// The part of its weight that a member has, as it warms up.
    pub(super) fn warmth(&self, member: usize) -> f64 {
        f64::from(self.roster.members[member].warmth)
    }

    /// The attempts in flight at a member, were its weight that of an average one.
    pub(super) fn load(&self, member: usize) -> f64 {
        let in_flight = f64::from(self.endpoint(member).life.vitals.in_flight());
        if self.roster.is_even() {
            in_flight
        } else {
            in_flight * self.roster.mean_weight() / self.weight(member) as f64
        }
    }

    /// The level that a member is of.
    pub(super) fn level(&self, member: usize) -> Option<u8> {
        Some(self.endpoint(member).priority).filter(|_| !self.endpoint(member).backup)
    }

    /// Whether a member may be chosen: it is still well, and was not tried. The roster of a large cluster may be a moment old.
    pub(super) fn admits(&self, member: usize) -> bool {
        let position = self.position(member);
        !self.request.tried.contains(position)
            && (self.roster.takes_unwell
                || self.request.endpoints[position].is_well(self.request.now))
    }

    /// Those that may be chosen.
    pub(super) fn admitted(&self) -> impl Iterator<Item = usize> {
        (0..self.count()).filter(|&member| self.admits(member))
    }

    /// A member that may be chosen, in proportion to the weights; `None` if some draws found none.
    pub(super) fn draw(&self, random: &mut Rng) -> Option<usize> {
        (0..DRAWS_MAX).map_while(|_| self.roster.draw(random)).find(|&member| self.admits(member))
    }

    /// Two different members that may be chosen, drawn so; only one if some draws found no other.
    pub(super) fn draw_two(&self, random: &mut Rng) -> Option<(usize, Option<usize>)> {
        let first = self.draw(random)?;
        if self.count() == 1 {
            return Some((first, None));
        }
        let mut draws = (0..DRAWS_MAX).map_while(|_| self.draw(random));
        Some((first, draws.find(|&second| second != first)))
    }
}

/// So many draws in a row that hit only such as may not be chosen: then it is time to look at all.
const DRAWS_MAX: usize = 8;

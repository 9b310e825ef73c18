//! The endpoints that one pick chooses among: what the algorithms see.

use std::sync::Arc;

use fastrand::Rng;

use super::{Pick, Roster};
use crate::endpoint::Life;
use crate::vitals::Vitals;

/// The members of a roster in the light of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidates<'a> {
    pub(super) roster: &'a Roster,
    /// Of each endpoint of the cluster.
    pub(super) lives: &'a [Arc<Life>],
    pub(super) request: &'a Pick<'a>,
}

impl<'a> Candidates<'a> {
    /// How many there are, fit or not.
    pub(super) fn count(&self) -> usize {
        self.roster.members.len()
    }

    /// Where a member stands in the cluster.
    pub(super) fn position(&self, member: usize) -> usize {
        self.roster.position_of(member) as usize
    }

    /// What the endpoint at a position is known by on every replica.
    pub(super) fn name(&self, position: u32) -> &'a str {
        &self.request.endpoints[position as usize].name
    }

    pub(super) fn vitals(&self, member: usize) -> &'a Vitals {
        &self.lives[self.position(member)].vitals
    }

    /// How much of the work a member shall have, relative to the others.
    pub(super) fn weight(&self, member: usize) -> u64 {
        self.roster.shares[member].weight
    }

    /// The part of its weight that a member has, as it warms up.
    pub(super) fn warmth(&self, member: usize) -> f64 {
        // Mostly nobody does, and the shares of many are far away.
        if self.roster.warms { f64::from(self.roster.shares[member].warmth) } else { 1.0 }
    }

    /// The attempts in flight at a member, were its weight that of an average one.
    pub(super) fn load(&self, member: usize) -> f32 {
        self.vitals(member).in_flight() as f32 * self.burden(member)
    }

    /// How much an attempt counts at a member, were its weight that of an average one.
    pub(super) fn burden(&self, member: usize) -> f32 {
        self.roster.members[member].burden
    }

    /// The level that a member is of.
    pub(super) fn level(&self, member: usize) -> Option<u8> {
        let endpoint = &self.request.endpoints[self.position(member)];
        Some(endpoint.priority).filter(|_| !endpoint.backup)
    }

    /// Whether a member may be chosen: it was not tried, and is still well. Only a roster that is out of date has to look.
    #[inline]
    pub(super) fn admits(&self, member: usize) -> bool {
        let position = self.position(member);
        !self.request.tried.contains(position)
            && (self.trusts_roster() || self.request.endpoints[position].is_well(self.request.now))
    }

    fn trusts_roster(&self) -> bool {
        self.roster.is_current || self.roster.takes_unwell
    }

    /// Those that may be chosen.
    pub(super) fn admitted(&self) -> impl Iterator<Item = usize> {
        let all = self.trusts_roster() && self.request.tried.count() == 0;
        (0..self.count()).filter(move |&member| all || self.admits(member))
    }

    /// A member that may be chosen, in proportion to the weights; `None` if some draws found none.
    #[inline]
    pub(super) fn draw(&self, random: &mut Rng) -> Option<usize> {
        for _ in 0..DRAWS_MAX {
            let member = self.roster.draw(random)?;
            if self.admits(member) {
                return Some(member);
            }
        }
        None
    }

    /// Two different members that may be chosen, drawn so; only one if some draws found no other.
    #[inline]
    pub(super) fn draw_two(&self, random: &mut Rng) -> Option<(usize, Option<usize>)> {
        let first = self.draw(random)?;
        if self.count() == 1 {
            return Some((first, None));
        }
        for _ in 0..DRAWS_MAX {
            let Some(second) = self.roster.draw_other(first, random) else { break };
            if second != first && self.admits(second) {
                return Some((first, Some(second)));
            }
        }
        Some((first, None))
    }
}

/// So many draws in a row that hit only such as may not be chosen: then it is time to look at all.
const DRAWS_MAX: usize = 8;

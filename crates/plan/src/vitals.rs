//! An endpoint's live state, which all workers share: what a balancer needs to know at the moment of choosing.
//!
//! The proxy writes what it does, `control` writes what the checks found.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::time::Time;

/// What the checks say about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// No check has finished yet; counts as up.
    Unchecked,
    /// Fit for work.
    Up,
    /// Gets no new work.
    Down,
}

/// The live state of one endpoint, on cache lines of its own because every worker writes it.
#[derive(Debug)]
#[repr(align(128))]
pub struct Vitals {
    in_flight: AtomicU32,
    standing: AtomicU8,
    /// In nanoseconds since the start.
    avoided_until: AtomicU64,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            standing: AtomicU8::new(Standing::Unchecked as u8),
            avoided_until: AtomicU64::new(0),
        }
    }
}

impl Vitals {
    /// How many attempts are running now, over all workers.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What the checks say.
    pub fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            1 => Standing::Up,
            2 => Standing::Down,
            _ => Standing::Unchecked,
        }
    }

    /// Writes down what the checks found; an endpoint that has come up is avoided no longer. Called by `control` alone.
    pub fn set_standing(&self, standing: Standing) {
        if standing == Standing::Up {
            self.avoid(Time::START);
        }
        self.standing.store(standing as u8, Ordering::Relaxed);
    }

    /// Gives the endpoint no new work until `until`, as long as there is another one. A refused connection costs nothing in
    /// flight, so the endpoint that refuses would look like the one with the least to do, and attract every request until
    /// the checks have noticed.
    pub fn avoid(&self, until: Time) {
        self.avoided_until.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// Whether the endpoint is avoided at `now`.
    pub fn is_avoided(&self, now: Time) -> bool {
        now.as_nanos() < self.avoided_until.load(Ordering::Relaxed)
    }

    /// Takes a lease: one more attempt in flight until the lease is dropped.
    pub fn lease(&self) -> Lease<'_> {
        self.begin();
        Lease { vitals: self }
    }

    /// One more attempt in flight; has to be followed by [`Vitals::end`].
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to use an endpoint for one attempt; gives itself back on drop, whichever way the attempt ended.
#[derive(Debug)]
#[must_use = "an attempt counts as in flight for as long as its lease lives"]
pub struct Lease<'a> {
    vitals: &'a Vitals,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.vitals.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_until_it_is_dropped() {
        let vitals = Vitals::default();
        let first = vitals.lease();
        let second = vitals.lease();
        assert_eq!(vitals.in_flight(), 2);
        drop(first);
        assert_eq!(vitals.in_flight(), 1);
        drop(second);
        assert_eq!(vitals.in_flight(), 0);
    }

    #[test]
    fn every_standing_survives_the_atomic() {
        let vitals = Vitals::default();
        assert_eq!(vitals.standing(), Standing::Unchecked);
        for standing in [Standing::Up, Standing::Down, Standing::Unchecked] {
            vitals.set_standing(standing);
            assert_eq!(vitals.standing(), standing);
        }
    }
}

//! How many connections are open to an endpoint, and may be, over all workers. Asked by whoever connects.

use super::{ANY, Leased, Vitals};
use crate::atomic::{AtomicU32, Ordering};

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Connections {
    open: AtomicU32,
    /// How many more somebody waits for.
    wanted: AtomicU32,
    /// How many may be open; [`ANY`] for any number.
    most: AtomicU32,
}

/// The right to have one connection open; gives itself back on drop, which is to come after the end of the connection.
#[derive(Debug)]
#[must_use = "a connection counts as open for as long as its slot lives"]
pub struct Slot<V: Leased> {
    vitals: V,
}

/// Somebody waits for a slot, until this is dropped.
#[derive(Debug)]
#[must_use = "nobody makes way for who waits no longer"]
pub struct Wish<'a> {
    connections: &'a Connections,
}

impl Default for Connections {
    fn default() -> Self {
        Self { open: AtomicU32::new(0), wanted: AtomicU32::new(0), most: AtomicU32::new(ANY) }
    }
}

impl<V: Leased> Slot<V> {
    /// Of all workers that try at once, no more succeed than there are slots; `None` if there is none.
    pub fn try_new(vitals: V) -> Option<Self> {
        let Connections { open, most, .. } = &vitals.vitals().connections;
        let most = most.load(Ordering::Relaxed);
        let more = |open: u32| (open < most).then(|| open.saturating_add(1));
        open.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok()?;
        Some(Self { vitals })
    }

    /// Whose it is.
    pub fn of(&self) -> &V {
        &self.vitals
    }
}

impl<V: Leased> Drop for Slot<V> {
    fn drop(&mut self) {
        self.vitals.vitals().connections.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.connections.wanted.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Vitals {
    /// How many connections are open, over all workers, those among them on which nothing is going on.
    pub fn connections(&self) -> u32 {
        self.connections.open.load(Ordering::Relaxed)
    }

    /// From now on no more than `most` connections are to be open. Those that are stay until nothing is going on there. Called by whoever
    /// publishes a plan.
    pub fn limit_connections_to(&self, most: Option<u32>) {
        self.connections.most.store(most.unwrap_or(ANY), Ordering::Relaxed);
    }

    /// Somebody waits for a slot. What does nothing is to make way: see [`Vitals::is_crowded`].
    pub fn want_connection(&self) -> Wish<'_> {
        self.connections.wanted.fetch_add(1, Ordering::AcqRel);
        Wish { connections: &self.connections }
    }

    /// Whether somebody waits for a slot, on whichever worker.
    pub fn wants_connection(&self) -> bool {
        self.connections.wanted.load(Ordering::Acquire) > 0
    }

    /// Whether more connections are open, or waited for, than may be, so that one on which nothing is going on is in the way.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        let most = self.connections.most.load(Ordering::Relaxed);
        most != ANY && self.connections.are_more_than(most)
    }
}

impl Connections {
    fn are_more_than(&self, most: u32) -> bool {
        let wanted = self.wanted.load(Ordering::Acquire);
        self.open.load(Ordering::Acquire).saturating_add(wanted) > most
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_more_slots_are_taken_than_there_are_until_one_is_given_back() {
        let vitals = Vitals::new(Arc::default());
        for most in [1, 2, 7] {
            vitals.limit_connections_to(Some(most));
            let mut slots: Vec<_> = (0..most).map(|_| Slot::try_new(&vitals).unwrap()).collect();
            assert!(Slot::try_new(&vitals).is_none() && vitals.connections() == most);
            slots.pop();
            slots.push(Slot::try_new(&vitals).unwrap());
            assert!(Slot::try_new(&vitals).is_none(), "{most}");
        }
        assert_eq!(vitals.connections(), 0);
    }

    #[test]
    fn connections_are_counted_where_there_may_be_any_number() {
        let vitals = Vitals::new(Arc::default());
        let slots = [(); 9].map(|()| Slot::try_new(&vitals).unwrap());
        assert_eq!((vitals.connections(), vitals.is_crowded()), (9, false));
        drop(slots);
        assert_eq!(vitals.connections(), 0);
    }

    #[test]
    fn it_is_crowded_where_more_are_open_or_wanted_than_may_be() {
        for (open, wanted, most, is_crowded) in [
            (0, 0, Some(1), false),
            (1, 0, Some(1), false),
            (1, 1, Some(1), true),
            (0, 1, Some(1), false),
            (0, 2, Some(1), true),
            (3, 0, Some(2), true),
            (2, 0, Some(2), false),
            (3, 4, None, false),
        ] {
            let vitals = Vitals::new(Arc::default());
            let slots: Vec<_> = (0..open).map(|_| Slot::try_new(&vitals).unwrap()).collect();
            let wishes: Vec<_> = (0..wanted).map(|_| vitals.want_connection()).collect();
            vitals.limit_connections_to(most);
            assert_eq!(vitals.is_crowded(), is_crowded, "{open} {wanted} {most:?}");
            drop((slots, wishes));
            vitals.limit_connections_to(Some(1));
            assert!(!vitals.is_crowded(), "nobody has or wants any");
        }
    }
}

//! How many requests of one connection may be under way: what it has sent earns them, and what it has not earned is lent by the worker as long as
//! there is some left. Called where a stream begins and where one has ended.
//!
//! A request may cost a client 13 bytes, and us ten thousand: the exchange, and a connection to an endpoint. Whoever opens many
//! connections and does no more than that gets little of it.

use std::cell::Cell;

/// What a worker lends to all of its connections.
#[derive(Debug)]
pub(crate) struct Spare(Cell<usize>);

/// What one connection has of it. Given back when it goes.
#[derive(Debug)]
pub(crate) struct Share<'c> {
    spare: &'c Spare,
    lent: usize,
}

impl Default for Spare {
    fn default() -> Self {
        Self(Cell::new(LENT_MAX))
    }
}

impl<'c> Share<'c> {
    pub(crate) fn of(spare: &'c Spare) -> Self {
        Self { spare, lent: 0 }
    }

    /// Whether so many may be under way, of a client that has sent so many bytes. If they may, they are from then on.
    pub(crate) fn take(&mut self, streams: usize, received: u64) -> bool {
        let earned = FREE + usize::try_from(received / BYTES_EACH).unwrap_or(usize::MAX / 2);
        let wanted = streams.saturating_sub(earned);
        let left = (self.spare.0.get() + self.lent).checked_sub(wanted);
        if let Some(left) = left {
            self.spare.0.set(left);
            self.lent = wanted;
        }
        left.is_some()
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.spare.0.update(|left| left + self.lent);
    }
}

/// So many are everybody's.
const FREE: usize = 2;

/// So many bytes earn one more: a head as a client sends it first. Those that follow are shorter, and by then it has earned some.
const BYTES_EACH: u64 = 320;

/// What a worker lends: up to 10 MiB, and more than honest clients need at once that have only just come. Those that are there for a while
/// have earned theirs.
const LENT_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_earned_is_lent_until_there_is_no_more() {
        let spare = Spare::default();
        let (mut first, mut second) = (Share::of(&spare), Share::of(&spare));
        assert!(first.take(LENT_MAX + FREE, 0), "it is all there");
        assert!(second.take(FREE, 0) && !second.take(FREE + 1, 0));
        assert!(second.take(FREE + 3, 3 * BYTES_EACH), "it has earned that");
        assert!(
            first.take(LENT_MAX + FREE, BYTES_EACH),
            "one is earned now, and not lent any more"
        );
        assert!(second.take(FREE + 1, 0) && !second.take(FREE + 2, 0));
        drop(first);
        assert!(second.take(FREE + LENT_MAX, 0));
        assert!(
            second.take(0, 0) && second.take(FREE + LENT_MAX, 0),
            "what has ended is there again"
        );
    }
}

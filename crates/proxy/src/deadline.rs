//! Coarse deadlines: setting one is a store, not a timer registration. One list per worker, walked every [`TICK`].
//!
//! A connection has one [`Deadline`] for all its life and moves it as it goes from phase to phase.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// How coarse deadlines are. The shortest default timeout is ten times as long.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// All deadlines of one worker.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// Ticks since the worker started.
    now: Cell<u32>,
    slots: RefCell<Slots>,
}

/// Kept apart so that the walk reads four bytes for each connection.
#[derive(Debug, Default)]
struct Slots {
    /// The tick at which each slot is due.
    due: Vec<u32>,
    /// Whether nothing is under way on the connection of each.
    rests: Vec<bool>,
    wakers: Vec<Option<Waker>>,
    free: Vec<u32>,
}

const NEVER: u32 = u32::MAX;
/// Due and woken; so that the next walk does not wake it again.
const EXPIRED: u32 = 0;

impl Deadlines {
    /// A new deadline, not set yet, that will wake `waker`.
    pub(crate) fn register(self: &Rc<Self>, waker: Waker) -> Deadline {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.due.push(NEVER);
            slots.rests.push(false);
            slots.wakers.push(None);
            (slots.due.len() - 1) as u32
        });
        slots.wakers[slot as usize] = Some(waker);
        Deadline { owner: Rc::clone(self), slot }
    }

    /// Moves the time on and wakes whatever is due. A process that was stopped sees one [`STALL_TICKS_MAX`] pass and not the
    /// hours that it slept, so that everybody gets a chance to say that they are still there.
    pub(crate) fn advance(&self, elapsed_ticks: u32) {
        let now = self.now.get().saturating_add(elapsed_ticks.min(STALL_TICKS_MAX));
        self.now.set(now);
        let mut slots = self.slots.borrow_mut();
        let Slots { due, wakers, .. } = &mut *slots;
        for (due, waker) in due.iter_mut().zip(wakers) {
            if *due <= now && *due != EXPIRED {
                *due = EXPIRED;
                waker.iter().for_each(Waker::wake_by_ref);
            }
        }
    }

    /// Wakes every connection, so that each looks at what has changed for all of them.
    pub(crate) fn wake_all(&self) {
        self.slots.borrow().wakers.iter().flatten().for_each(Waker::wake_by_ref);
    }

    /// Wakes every connection on which something is under way: what has changed is of no concern to the others.
    pub(crate) fn wake_busy(&self) {
        let slots = self.slots.borrow();
        let busy = slots.wakers.iter().zip(&slots.rests).filter(|&(_, rests)| !rests);
        busy.filter_map(|(waker, _)| waker.as_ref()).for_each(Waker::wake_by_ref);
    }

    /// Wakes the connection that has `slot`.
    pub(crate) fn wake(&self, slot: u32) {
        let slots = self.slots.borrow();
        slots.wakers.get(slot as usize).into_iter().flatten().for_each(Waker::wake_by_ref);
    }

    /// Wakes the connections in the `count` slots from `first` on, and calls `woken` with the slot of each. Returns the slot
    /// after those; `None` if there is none from `first` on.
    pub(crate) fn wake_some(
        &self,
        first: u32,
        count: u32,
        mut woken: impl FnMut(u32),
    ) -> Option<u32> {
        let slots = self.slots.borrow();
        let wakers = slots.wakers.get(first as usize..).filter(|wakers| !wakers.is_empty())?;
        for (slot, waker) in (first..first.saturating_add(count)).zip(wakers) {
            if let Some(waker) = waker {
                waker.wake_by_ref();
                woken(slot);
            }
        }
        Some(first.saturating_add(count))
    }

    /// Whether `slot` belongs to a connection.
    pub(crate) fn is_taken(&self, slot: u32) -> bool {
        self.slots.borrow().wakers.get(slot as usize).is_some_and(Option::is_some)
    }
}

const STALL_TICKS_MAX: u32 = 10;

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Deadline {
    owner: Rc<Deadlines>,
    slot: u32,
}

impl Deadline {
    /// Expires after `timeout`, up to one [`TICK`] later; replaces what was set before.
    pub(crate) fn set(&self, timeout: Duration) {
        self.set_for(timeout, false);
    }

    /// The same, of a connection on which nothing is under way from now on until [`Deadline::set`].
    pub(crate) fn rest(&self, timeout: Duration) {
        self.set_for(timeout, true);
    }

    /// Never expires, until it is set again.
    pub(crate) fn clear(&self) {
        self.set(Duration::MAX);
    }

    fn set_for(&self, timeout: Duration, rests: bool) {
        let ticks = timeout.as_millis().div_ceil(TICK.as_millis()) + 1;
        let ticks = u32::try_from(ticks).unwrap_or(NEVER);
        let due = self.owner.now.get().saturating_add(ticks).min(NEVER - 1);
        let (mut slots, slot) = (self.owner.slots.borrow_mut(), self.slot as usize);
        slots.due[slot] = due;
        slots.rests[slot] = rests;
    }

    /// Its place in the worker's list, which no other has at the same time.
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// Whether the time is up.
    pub(crate) fn is_expired(&self) -> bool {
        self.owner.slots.borrow().due[self.slot as usize] == EXPIRED
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut slots = self.owner.slots.borrow_mut();
        slots.due[self.slot as usize] = NEVER;
        slots.wakers[self.slot as usize] = None;
        slots.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn deadline() -> (Rc<Deadlines>, Deadline, Arc<Count>) {
        let (deadlines, count) = (Rc::new(Deadlines::default()), Arc::new(Count::default()));
        let deadline = deadlines.register(Arc::clone(&count).into());
        (deadlines, deadline, count)
    }

    #[test]
    fn a_deadline_expires_once_and_not_before_its_time() {
        let (deadlines, deadline, count) = deadline();
        deadline.set(TICK * 3);
        for _ in 0..3 {
            deadlines.advance(1);
            assert!(!deadline.is_expired());
        }
        for _ in 0..3 {
            deadlines.advance(1);
            assert!(deadline.is_expired());
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        deadline.set(TICK);
        assert!(!deadline.is_expired());
    }

    #[test]
    fn a_deadline_that_is_not_set_never_expires_but_is_woken_with_all() {
        let (deadlines, deadline, count) = deadline();
        deadlines.advance(1_000);
        assert!(!deadline.is_expired());
        deadlines.wake_all();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_rests_is_not_woken_with_those_who_are_busy() {
        let (deadlines, deadline, count) = deadline();
        let woken = || {
            deadlines.wake_busy();
            count.0.swap(0, Ordering::Relaxed)
        };
        assert_eq!(woken(), 1, "it is not known");
        deadline.rest(TICK);
        assert_eq!(woken(), 0);
        deadline.set(TICK);
        assert_eq!(woken(), 1);
        deadline.rest(TICK);
        deadlines.advance(3);
        assert!(deadline.is_expired());
    }

    #[test]
    fn a_long_sleep_does_not_expire_everything() {
        let (deadlines, deadline, _) = deadline();
        deadline.set(Duration::from_secs(10));
        deadlines.advance(36_000);
        assert!(!deadline.is_expired());
    }

    #[test]
    fn slots_are_used_again() {
        let (deadlines, first, _) = deadline();
        drop(first);
        let second = deadlines.register(Waker::noop().clone());
        assert_eq!((second.slot, deadlines.slots.borrow().due.len()), (0, 1));
        assert!(!second.is_expired());
    }
}

//! How many requests of one connection may be under way: what it has sent earns them, and what it has not earned is lent by the worker as long as
//! there is some left. What is not lent waits for its turn. Called where a stream begins and where one has ended.
//!
//! A request may cost a client 13 bytes, and us ten thousand: the exchange, and a connection to an endpoint. Whoever opens many
//! connections and does no more than that gets little of it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;

use evenkeel_plan::limits::PARKED_BYTES_WATERMARK;

use crate::parked::{Held, Parked};

/// What a worker lends to all of its connections, first come, first served.
#[derive(Debug)]
pub(crate) struct Spare {
    left: Cell<usize>,
    /// The connections that wait, each for one. As many of the first ones as there is left have been called.
    queue: RefCell<VecDeque<Waiter>>,
    tickets: Cell<u64>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    waker: Waker,
    is_called: bool,
}

/// What one connection has of it. Given back when it goes.
#[derive(Debug)]
pub(crate) struct Share<'c> {
    spare: &'c Spare,
    lent: usize,
    /// What these may hold, so that the worker reads little for everybody when all is lent.
    held: Held,
    /// Its place in the queue.
    ticket: Option<u64>,
}

// === impl Spare ===

impl Default for Spare {
    fn default() -> Self {
        let (queue, tickets) = (RefCell::default(), Cell::default());
        Self { left: Cell::new(LENT_MAX), queue, tickets }
    }
}

impl Spare {
    /// Lends one more, unless others come first: then there is a place in the queue, with a `waker` to be called by.
    fn lend(&self, ticket: &mut Option<u64>, waker: &Waker) -> bool {
        let place = ticket.and_then(|ticket| self.place(ticket));
        let ahead = place.unwrap_or_else(|| self.queue.borrow().len());
        if ahead < self.left.get() {
            self.left.update(|left| left - 1);
            self.leave(ticket);
            return true;
        }
        if ticket.is_none() {
            let own = self.tickets.replace(self.tickets.get() + 1);
            let waiter = Waiter { ticket: own, waker: waker.clone(), is_called: false };
            self.queue.borrow_mut().push_back(waiter);
            *ticket = Some(own);
        }
        false
    }

    fn give_back(&self, count: usize) {
        self.left.update(|left| left + count);
        self.call();
    }

    /// Gives up a place in the queue.
    fn leave(&self, ticket: &mut Option<u64>) {
        let place = ticket.take().and_then(|ticket| self.place(ticket));
        if let Some(place) = place {
            self.queue.borrow_mut().remove(place);
            self.call();
        }
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        self.queue.borrow().binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }

    /// Wakes whose turn it is.
    fn call(&self) {
        for waiter in self.queue.borrow_mut().iter_mut().take(self.left.get()) {
            if !std::mem::replace(&mut waiter.is_called, true) {
                waiter.waker.wake_by_ref();
            }
        }
    }
}

// === impl Share ===

impl<'c> Share<'c> {
    pub(crate) fn of(spare: &'c Spare, parked: &Parked) -> Self {
        Self { spare, lent: 0, held: parked.hold(0), ticket: None }
    }

    /// Whether one more may begin beside so many that are under way, of a client that has sent so many bytes. If not, `waker` is called when it
    /// is its turn.
    pub(crate) fn begins(&mut self, streams: usize, received: u64, waker: &Waker) -> bool {
        if wanted(streams + 1, received) <= self.lent {
            self.stop_waiting();
            return true;
        }
        let is_lent = self.spare.lend(&mut self.ticket, waker);
        self.owe(self.lent + usize::from(is_lent));
        is_lent
    }

    /// Nothing waits any more.
    pub(crate) fn stop_waiting(&mut self) {
        self.spare.leave(&mut self.ticket);
    }

    /// So many are under way, not more than before: what is not needed any more is for others.
    pub(crate) fn settle(&mut self, streams: usize, received: u64) {
        let wanted = wanted(streams, received);
        if wanted < self.lent {
            let surplus = self.lent - wanted;
            self.owe(wanted);
            self.spare.give_back(surplus);
        }
    }

    fn owe(&mut self, count: usize) {
        self.lent = count;
        self.held.set(count * LENT_BYTES);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.stop_waiting();
        self.spare.give_back(self.lent);
    }
}

/// How many of so many streams are not earned by so many bytes.
fn wanted(streams: usize, received: u64) -> usize {
    let earned = usize::try_from(received / BYTES_EACH).unwrap_or(usize::MAX / 2);
    streams.saturating_sub(FREE + earned)
}

/// So many are everybody's.
const FREE: usize = 2;

/// So many bytes earn one more, which holds up to 6 times as much. Most of what clients need at first is lent, and those that have been there for
/// a while have earned all.
const BYTES_EACH: u64 = 4096;

/// What a worker lends: up to 12 MiB, and more than honest clients need at once that have only just come.
const LENT_MAX: usize = 512;

/// What each of them counts for.
const LENT_BYTES: usize = PARKED_BYTES_WATERMARK / LENT_MAX;

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

    /// A connection, how many of its requests are under way, and how often it was called.
    struct Client<'c> {
        share: Share<'c>,
        streams: usize,
        calls: Arc<Count>,
    }

    impl<'c> Client<'c> {
        fn of(spare: &'c Spare) -> Self {
            let share = Share::of(spare, &Parked::default());
            Self { share, streams: 0, calls: Arc::default() }
        }

        /// One that has what is everybody's.
        fn at_its_limit(spare: &'c Spare) -> Self {
            let mut client = Self::of(spare);
            (0..FREE).for_each(|_| assert!(client.begins(0)));
            client
        }

        fn begins(&mut self, received: u64) -> bool {
            let waker = Arc::clone(&self.calls).into();
            let begins = self.share.begins(self.streams, received, &waker);
            self.streams += usize::from(begins);
            begins
        }

        fn ends(&mut self, count: usize) {
            self.streams -= count;
            self.share.settle(self.streams, 0);
        }
    }

    fn calls(clients: &[Client<'_>]) -> Vec<usize> {
        clients.iter().map(|client| client.calls.0.load(Ordering::Relaxed)).collect()
    }

    /// One that has all there is.
    fn greedy(spare: &Spare) -> Client<'_> {
        let mut client = Client::of(spare);
        while client.begins(0) {}
        client.share.stop_waiting();
        assert_eq!(client.streams, LENT_MAX + FREE);
        client
    }

    #[test]
    fn what_was_not_earned_is_lent_until_there_is_no_more() {
        let spare = Spare::default();
        let (mut first, mut second) = (greedy(&spare), Client::at_its_limit(&spare));
        assert!(!second.begins(0));
        assert!(second.begins(BYTES_EACH), "it has earned that");
        assert_eq!(second.share.ticket, None, "and does not wait any more");
        first.share.settle(first.streams, BYTES_EACH);
        assert!(second.begins(BYTES_EACH), "the first one has earned one, too, and gives one back");
        assert!(!second.begins(BYTES_EACH));
        drop(first);
        assert_eq!(second.calls.0.load(Ordering::Relaxed), 1);
        (0..LENT_MAX - 1).for_each(|_| assert!(second.begins(BYTES_EACH)));
        assert!(!second.begins(BYTES_EACH));
    }

    #[test]
    fn when_all_is_lent_the_worker_reads_little() {
        let (spare, parked) = (Spare::default(), Parked::default());
        let mut share = Share::of(&spare, &parked);
        for streams in 0..LENT_MAX + FREE {
            assert!(!parked.is_high(), "{streams}");
            assert!(share.begins(streams, 0, Waker::noop()));
        }
        assert!(parked.is_high());
        share.settle(LENT_MAX + FREE - 1, 0);
        assert!(!parked.is_high());
    }

    #[test]
    fn who_has_come_first_is_served_first_and_one_by_one() {
        let spare = Spare::default();
        let mut first = greedy(&spare);
        let mut others: Vec<_> = (0..3).map(|_| Client::at_its_limit(&spare)).collect();
        others.iter_mut().for_each(|client| assert!(!client.begins(0)));
        first.ends(2);
        assert_eq!(calls(&others), [1, 1, 0]);
        assert!(
            !Client::at_its_limit(&spare).begins(0),
            "who has only just come is not before them"
        );
        assert!(!others[2].begins(0) && others[1].begins(0) && others[0].begins(0));
        assert!(!others[0].begins(0), "it is behind the third one now");
        first.ends(1);
        assert_eq!(calls(&others), [1, 1, 1]);
        assert!(!others[0].begins(0) && others[2].begins(0));
    }

    #[test]
    fn who_leaves_the_queue_leaves_the_turn_to_others() {
        let spare = Spare::default();
        let mut first = greedy(&spare);
        let mut others: Vec<_> = (0..3).map(|_| Client::at_its_limit(&spare)).collect();
        others.iter_mut().for_each(|client| assert!(!client.begins(0)));
        first.ends(1);
        others[0].share.stop_waiting();
        assert_eq!(calls(&others), [1, 1, 0]);
        drop(others.remove(1));
        assert_eq!(calls(&others), [1, 1]);
        assert!(others[1].begins(0));
        drop((first, others));
        assert_eq!((spare.left.get(), spare.queue.borrow().len()), (LENT_MAX, 0));
    }
}

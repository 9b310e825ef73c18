//! The right to use an endpoint for one attempt. Taken by the exchange and the simulator, counted by the vitals.

use std::time::Duration;

use super::{ANY, Vitals};
use crate::atomic::Ordering;
use crate::time::Time;

/// Whose vitals a lease is on.
pub trait Leased {
    /// The vitals.
    fn vitals(&self) -> &Vitals;
}

impl Leased for &Vitals {
    fn vitals(&self) -> &Vitals {
        self
    }
}

/// The right to use an endpoint for one attempt; gives itself back on drop, whichever way the attempt ended.
#[derive(Debug)]
#[must_use = "an attempt counts as in flight for as long as its lease lives"]
pub struct Lease<V: Leased> {
    vitals: V,
    begun: Begun,
}

/// What an attempt has to give back.
#[derive(Debug)]
struct Begun {
    /// When the endpoint was asked; `None` before that.
    asked: Option<Time>,
    watched: bool,
    counted: bool,
    streams: bool,
    /// Whether it has been given back.
    is_over: bool,
}

/// What came of an attempt, as far as the endpoint is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer has begun.
    Answer,
    /// An answer has begun, and how it went is said later, by [`Lease::settle`].
    Begun,
    /// An answer that says that the endpoint failed, or none by its fault.
    Failure,
    /// Nothing, and not by its fault: the client has gone, say. It had not answered until then.
    Nothing,
}

impl<V: Leased> Lease<V> {
    /// One more attempt in flight until the lease is dropped.
    pub fn new(vitals: V) -> Self {
        let begun = vitals.vitals().begin();
        Self { vitals, begun }
    }

    /// The same, if there is room for one more: see [`Vitals::try_lease`].
    pub fn try_new(vitals: V) -> Option<Self> {
        let begun = vitals.vitals().try_begin()?;
        Some(Self { vitals, begun })
    }

    /// Whose it is.
    pub fn of(&self) -> &V {
        &self.vitals
    }

    /// From `now` on it is the endpoint that lets us wait: for a connection, or an answer to a request that has gone out as a whole. Said
    /// again, it counts from then: how long a client took to send its request says nothing about the endpoint.
    pub fn ask(&mut self, now: Time) {
        self.begun.asked = Some(now);
        let vitals = self.vitals.vitals();
        if std::mem::take(&mut self.begun.streams) {
            vitals.streaming.fetch_sub(1, Ordering::Relaxed);
        }
        if self.begun.watched {
            vitals.watched.store(word(now), Ordering::Relaxed);
        } else {
            self.begun.watched = vitals.watch(now);
        }
    }

    /// When the endpoint was asked, if it was.
    pub fn asked(&self) -> Option<Time> {
        self.begun.asked
    }

    /// However long the attempt takes now, it says nothing about the endpoint: we were not there to hear it.
    pub fn excuse(&mut self) {
        self.begun.asked = None;
        if std::mem::take(&mut self.begun.watched) {
            self.vitals.vitals().watched.store(0, Ordering::Relaxed);
        }
    }

    /// Writes down what came of the attempt at `now`. It stays in flight, and is watched no longer. Returns how long the endpoint took;
    /// `None` if it was not asked.
    pub fn hear(&mut self, heard: Heard, now: Time) -> Option<Duration> {
        let asked = self.begun.asked?;
        let vitals = self.vitals.vitals();
        let latency = now.since(asked);
        vitals.count_in_a_row(heard);
        match heard {
            Heard::Answer | Heard::Begun => vitals.latency.observe(latency, now),
            Heard::Failure => vitals.latency.observe_failure(latency, now),
            Heard::Nothing => {
                let nanos = latency.as_nanos() as f64;
                if vitals.expected(now).is_some_and(|expected| nanos > expected.nanos) {
                    vitals.latency.observe(latency, now);
                }
            }
        }
        if std::mem::take(&mut self.begun.watched) {
            vitals.watched.store(0, Ordering::Relaxed);
        }
        Some(latency)
    }

    /// Says how an answer has gone that had [`Heard::Begun`], after `latency`; or that one has failed that had begun well.
    pub fn settle(&self, heard: Heard, latency: Duration, now: Time) {
        let vitals = self.vitals.vitals();
        vitals.count_in_a_row(heard);
        if heard == Heard::Failure {
            vitals.latency.observe_failure(latency, now);
        }
    }

    /// It is the client that lets us wait, until [`Lease::ask`]: how long it takes to send its request says nothing about the endpoint.
    pub fn receive(&mut self) {
        self.excuse();
        self.stream();
    }

    /// The answer has begun, and it takes a while until it is all there: the endpoint is not waited for any more.
    pub fn stream(&mut self) {
        if !std::mem::replace(&mut self.begun.streams, true) {
            let vitals = self.vitals.vitals();
            vitals.streaming.fetch_add(1, Ordering::SeqCst);
            if vitals.pace.load(Ordering::Relaxed) != ANY {
                vitals.call(1);
            }
        }
    }

    /// The attempt is over for the endpoint, and its place free, though it is not known yet what becomes of its answer.
    pub fn release(&mut self) {
        if !std::mem::replace(&mut self.begun.is_over, true) {
            self.vitals.vitals().end(&self.begun);
        }
    }

    /// Goes on after all, whether there is room or not.
    pub fn retake(&mut self) {
        if self.begun.is_over {
            self.begun = Begun { asked: self.begun.asked, ..self.vitals.vitals().begin() };
        }
    }
}

impl<V: Leased> Drop for Lease<V> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Vitals {
    fn begin(&self) -> Begun {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun()
    }

    /// A look at what is there and the step up are one, so that no two can both take the last place.
    fn try_begin(&self) -> Option<Begun> {
        if self.limit.load(Ordering::Relaxed) == ANY {
            return Some(self.begin());
        }
        // What waits is looked at beside: a limit that follows how long answers take is an estimate itself.
        if self.places() == 0 {
            self.note_full();
            return None;
        }
        let written = self.written.load(Ordering::Relaxed);
        let more = |count: u32| (count < written).then(|| count.saturating_add(1));
        match self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more) {
            Ok(_) => Some(self.begun()),
            Err(_) => {
                self.note_full();
                None
            }
        }
    }

    fn begun(&self) -> Begun {
        let counted = self.cluster.is_counting.load(Ordering::Relaxed);
        if counted {
            self.cluster.in_flight.fetch_add(1, Ordering::Relaxed);
        }
        Begun { asked: None, watched: false, counted, streams: false, is_over: false }
    }

    /// Where nothing fails, this writes nothing.
    fn count_in_a_row(&self, heard: Heard) {
        match heard {
            Heard::Answer if self.failed_in_a_row() > 0 => {
                self.failed_in_a_row.store(0, Ordering::Relaxed);
            }
            Heard::Failure => {
                self.failed_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
            Heard::Answer | Heard::Begun | Heard::Nothing => {}
        }
    }

    /// Watches an attempt, if no other is watched. One load, as long as there is one.
    fn watch(&self, now: Time) -> bool {
        let (free, taken) = (0, word(now));
        self.watched.load(Ordering::Relaxed) == free
            && self
                .watched
                .compare_exchange(free, taken, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn end(&self, begun: &Begun) {
        if begun.watched {
            self.watched.store(0, Ordering::Relaxed);
        }
        if begun.streams {
            self.streaming.fetch_sub(1, Ordering::Relaxed);
        }
        if begun.counted {
            self.cluster.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        // One who waits counts itself and then looks for room; this makes room, and then looks whether anybody waits. In one order for all,
        // so that one of the two sees the other.
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.call(1);
    }
}

/// A time as a word that is never 0, which stands for none.
fn word(time: Time) -> u64 {
    time.as_nanos().max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Time {
        Time::START.after(MS * millis)
    }

    #[test]
    fn a_lease_counts_until_it_is_dropped() {
        let vitals = Vitals::new(Arc::default());
        let first = vitals.lease();
        let second = vitals.lease();
        assert_eq!(vitals.in_flight(), 2);
        drop(first);
        assert_eq!(vitals.in_flight(), 1);
        drop(second);
        assert_eq!(vitals.in_flight(), 0);
    }

    #[test]
    fn no_more_leases_are_taken_than_there_is_room_for_until_one_ends() {
        let vitals = Vitals::new(Arc::default());
        vitals.limit_to(Some(2));
        let held = [vitals.try_lease().unwrap(), vitals.try_lease().unwrap()];
        assert!(!vitals.has_room() && vitals.try_lease().is_none());
        vitals.limit_to(Some(3));
        let third = vitals.try_lease().unwrap();
        vitals.limit_to(Some(1));
        drop((held, third));
        assert_eq!((vitals.in_flight(), vitals.limit(), vitals.has_room()), (0, Some(1), true));
        vitals.limit_to(None);
        assert_eq!(vitals.limit(), None);
    }

    #[test]
    fn a_lease_that_was_released_is_given_back_once_and_may_be_taken_again() {
        let vitals = Vitals::new(Arc::default());
        vitals.limit_to(Some(1));
        let mut lease = vitals.try_lease().unwrap();
        lease.stream();
        lease.release();
        lease.release();
        let other = vitals.try_lease().unwrap();
        assert_eq!((vitals.in_flight(), vitals.waiting()), (1, 1));
        lease.retake();
        lease.retake();
        assert_eq!(vitals.in_flight(), 2);
        lease.release();
        drop((lease, other));
        assert_eq!((vitals.in_flight(), vitals.waiting()), (0, 0));
    }

    #[test]
    fn whose_answer_has_begun_is_in_the_way_of_a_written_limit_alone() {
        let vitals = Vitals::new(Arc::default());
        for (written, pace, places) in
            [(None, Some(1), 1), (Some(3), Some(1), 1), (Some(1), Some(9), 0)]
        {
            vitals.limit_to(written);
            vitals.pace_to(pace);
            let mut lease = vitals.try_lease().unwrap();
            assert_eq!(vitals.places(), pace.unwrap().min(written.unwrap_or(9)) - 1);
            lease.stream();
            assert_eq!((vitals.places(), vitals.try_lease().is_some()), (places, places > 0));
        }
    }

    #[test]
    fn the_lesser_of_two_limits_holds() {
        let vitals = Vitals::new(Arc::default());
        for (written, pace, limit) in [
            (None, Some(20), Some(20)),
            (Some(100), Some(20), Some(20)),
            (Some(7), Some(20), Some(7)),
            (Some(7), None, Some(7)),
            (None, None, None),
        ] {
            vitals.limit_to(written);
            vitals.pace_to(pace);
            assert_eq!(vitals.limit(), limit, "{written:?} {pace:?}");
        }
    }

    #[test]
    fn that_it_was_found_full_is_told_once() {
        let vitals = Vitals::new(Arc::default());
        vitals.limit_to(Some(1));
        let lease = vitals.try_lease().unwrap();
        assert!(!vitals.was_full());
        assert!(vitals.try_lease().is_none() && vitals.was_full() && !vitals.was_full());
        assert!(!vitals.has_room() && vitals.was_full());
        drop(lease);
    }

    #[test]
    fn who_has_begun_to_answer_is_not_waited_for() {
        let vitals = Vitals::new(Arc::default());
        let (mut first, second) = (vitals.lease(), vitals.lease());
        first.stream();
        first.stream();
        assert_eq!((vitals.in_flight(), vitals.waiting()), (2, 1));
        drop(first);
        assert_eq!((vitals.in_flight(), vitals.waiting()), (1, 1));
        drop(second);
        assert_eq!(vitals.waiting(), 0);
    }

    #[test]
    fn an_attempt_that_is_excused_says_nothing() {
        let vitals = Vitals::new(Arc::default());
        let mut lease = vitals.lease();
        lease.ask(at(1));
        lease.excuse();
        assert_eq!((lease.asked(), vitals.waited(at(9)), vitals.in_flight()), (None, 0, 1));
        assert_eq!(lease.hear(Heard::Answer, at(9)), None);
        assert_eq!(vitals.expected(at(9)), None);
    }

    #[test]
    fn nobody_waits_for_the_endpoint_while_the_client_sends() {
        let vitals = Vitals::new(Arc::default());
        let mut lease = vitals.lease();
        lease.ask(at(1));
        lease.receive();
        assert_eq!((vitals.in_flight(), vitals.waiting(), vitals.waited(at(9))), (1, 0, 0));
        lease.ask(at(10));
        assert_eq!((vitals.waiting(), vitals.waited(at(12))), (1, 2_000_000));
        drop(lease);
        assert_eq!((vitals.in_flight(), vitals.waiting()), (0, 0));
    }

    #[test]
    fn failures_in_a_row_end_with_an_answer_and_not_with_nothing() {
        let vitals = Vitals::new(Arc::default());
        for (heard, in_a_row) in
            [(Heard::Failure, 1), (Heard::Nothing, 1), (Heard::Failure, 2), (Heard::Answer, 0)]
        {
            let mut lease = vitals.lease();
            lease.ask(at(1));
            assert_eq!(lease.hear(heard, at(3)), Some(MS * 2));
            assert_eq!(vitals.failed_in_a_row(), in_a_row, "{heard:?}");
        }
        assert_eq!(vitals.lease().hear(Heard::Failure, at(1)), None, "nobody was asked");
    }

    #[test]
    fn the_cluster_counts_what_begins_while_somebody_wants_to_know() {
        let vitals = Vitals::new(Arc::default());
        let before = vitals.lease();
        vitals.cluster().count_in_flight(true);
        let counted = vitals.lease();
        drop(before);
        assert_eq!(vitals.cluster().in_flight(), 1);
        vitals.cluster().count_in_flight(false);
        let uncounted = vitals.lease();
        drop(counted);
        assert_eq!(vitals.cluster().in_flight(), 0);
        drop(uncounted);
        assert_eq!(vitals.cluster().in_flight(), 0);
    }

    #[test]
    fn one_that_waits_is_watched_until_it_is_heard_of_or_gone() {
        let vitals = Vitals::new(Arc::default());
        assert_eq!(vitals.waited(at(5)), 0);
        let asked = |millis| {
            let mut lease = vitals.lease();
            lease.ask(at(millis));
            lease
        };
        let (mut first, second) = (asked(5), asked(6));
        assert_eq!(vitals.waited(at(15)), 10_000_000);
        first.hear(Heard::Answer, at(15));
        assert_eq!(vitals.waited(at(15)), 0);
        let third = asked(16);
        drop(first);
        drop(second);
        assert_eq!(vitals.waited(at(20)), 4_000_000);
        drop(third);
        assert_eq!(vitals.waited(at(20)), 0);
    }

    #[test]
    fn the_time_in_which_nobody_was_asked_does_not_count() {
        let vitals = Vitals::new(Arc::default());
        let mut lease = vitals.lease();
        assert_eq!(vitals.waited(at(50)), 0);
        lease.hear(Heard::Answer, at(50));
        assert_eq!(vitals.expected(at(50)), None);
        lease.ask(at(10));
        lease.ask(at(40));
        assert_eq!(vitals.waited(at(50)), 10_000_000);
        lease.hear(Heard::Answer, at(50));
        assert!((vitals.expected(at(50)).unwrap().nanos - 1e7).abs() < 1e3);
    }

    #[test]
    fn what_was_heard_is_what_is_expected() {
        let vitals = Vitals::new(Arc::default());
        let expected = |now| vitals.expected(now).map(|expected| (expected.nanos / 1e6).round());
        let hear = |heard, millis: u32| {
            let mut lease = vitals.lease();
            lease.ask(at(100));
            lease.hear(heard, at(100 + millis));
        };
        hear(Heard::Nothing, 50);
        assert_eq!(expected(at(150)), None);
        hear(Heard::Answer, 20);
        hear(Heard::Nothing, 10);
        assert_eq!(expected(at(150)), Some(20.0));
        // A client that goes away after a long wait says that the wait was long.
        hear(Heard::Nothing, 50);
        assert_eq!(expected(at(150)), Some(50.0));
        hear(Heard::Failure, 1);
        assert_eq!(expected(at(150)), Some(100.0));
    }
}

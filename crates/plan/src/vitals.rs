//! An endpoint's live state, which all workers share: what a balancer needs to know at the moment of choosing.
//!
//! The proxy writes what it does, `control` writes what the checks found.

use std::sync::Arc;
use std::time::Duration;

use crate::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::breaker::Breaker;
use crate::overload::Room;
use crate::rebalance::Stays;
use crate::time::Time;

mod cluster;
mod connections;
mod latency;
mod lease;

pub use cluster::ClusterVitals;
use connections::Connections;
pub use connections::{Slot, Wish};
pub use latency::Expected;
use latency::PeakEwma;
pub use lease::{Heard, Lease, Leased};

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

/// Why no more attempts may begin at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fullness {
    /// How many it has that count.
    pub has: u32,
    /// How many it may have.
    pub most: u32,
    /// Whether that follows from how long answers take; else it is written.
    pub is_paced: bool,
}

/// The live state of one endpoint, on cache lines of its own because every worker writes it.
#[derive(Debug)]
#[repr(align(128))]
pub struct Vitals {
    cluster: Arc<ClusterVitals>,
    in_flight: AtomicU32,
    /// How many attempts may be; [`ANY`] for any number.
    limit: AtomicU32,
    /// Of those in flight, the ones that nobody waits for: their answer has begun and goes on, or the client still sends.
    streaming: AtomicU32,
    /// How many of the newest attempts failed in a row.
    failed_in_a_row: AtomicU32,
    standing: AtomicU8,
    /// Whether it comes back little by little when it is avoided no longer, because it had been ejected.
    comes_back: AtomicBool,
    /// In nanoseconds since the start.
    avoided_until: AtomicU64,
    /// When it was first found fit after it was not, in nanoseconds since the start; 0 while it is not known to be, and [`EVER`].
    fit_since: AtomicU64,
    /// When it began to get work after it had none to do, in nanoseconds since the start; 0 while it is not known to have, and [`EVER`].
    joined: AtomicU64,
    /// When a session was first asked for after an operator began to drain it; 0 for not yet.
    drained_since: AtomicU64,
    /// For how long it gets nothing after each trial, in nanoseconds; 0 while it is not suspected to stall.
    pause: AtomicU64,
    /// For how long what runs there may go on, in nanoseconds; 0 while it stays.
    leaves_within: AtomicU64,
    /// When somebody first asked since when, in nanoseconds since the start; 0 for not yet.
    leaves_since: AtomicU64,
    latency: PeakEwma,
    /// When the attempt began that is watched, in nanoseconds since the start; 0 while none is.
    watched: AtomicU64,
    /// The two of which the limit is the lesser: how many may be in flight, as is written, and how many may wait, as follows from how long
    /// answers take.
    written: AtomicU32,
    pace: AtomicU32,
    /// Whether somebody found it full since that was last asked.
    was_full: AtomicBool,
    connections: Connections,
    /// Asked before an attempt, where the cluster has breakers.
    pub breaker: Breaker,
    /// Where the requests of its sessions wait while it is full; all others do in that of the cluster.
    pub room: Room,
    /// Its long-lived streams.
    pub stays: Stays,
}

impl Vitals {
    /// Of an endpoint nobody knows anything about.
    pub fn new(cluster: Arc<ClusterVitals>) -> Self {
        Self {
            cluster,
            in_flight: AtomicU32::new(0),
            limit: AtomicU32::new(ANY),
            streaming: AtomicU32::new(0),
            failed_in_a_row: AtomicU32::new(0),
            standing: AtomicU8::new(Standing::Unchecked as u8),
            comes_back: AtomicBool::new(false),
            avoided_until: AtomicU64::new(0),
            fit_since: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            drained_since: AtomicU64::new(0),
            pause: AtomicU64::new(0),
            leaves_within: AtomicU64::new(0),
            leaves_since: AtomicU64::new(0),
            latency: PeakEwma::default(),
            watched: AtomicU64::new(0),
            written: AtomicU32::new(ANY),
            pace: AtomicU32::new(ANY),
            was_full: AtomicBool::new(false),
            connections: Connections::default(),
            breaker: Breaker::default(),
            room: Room::default(),
            stays: Stays::default(),
        }
    }

    /// What the endpoints of its cluster have in common.
    pub fn cluster(&self) -> &Arc<ClusterVitals> {
        &self.cluster
    }

    /// How many attempts are running now, over all workers.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many of them have not had a byte of an answer.
    pub fn waiting(&self) -> u32 {
        self.in_flight().saturating_sub(self.streaming.load(Ordering::Relaxed))
    }

    /// How many of the newest attempts failed in a row, over all workers.
    pub fn failed_in_a_row(&self) -> u32 {
        self.failed_in_a_row.load(Ordering::Relaxed)
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
            self.avoided_until.store(0, Ordering::Relaxed);
        }
        if self.standing() == Standing::Down && standing != Standing::Down {
            self.fit_since.store(0, Ordering::Relaxed);
            self.joined.store(0, Ordering::Relaxed);
            self.comes_back.store(false, Ordering::Relaxed);
            self.latency.forget();
        }
        self.standing.store(standing as u8, Ordering::Relaxed);
        self.cluster.change();
    }

    /// Gives the endpoint no new work from `now` until `until`, as long as there is another one. A refused connection costs nothing
    /// in flight, so the endpoint that refuses would look like the one with the least to do, and attract every request until
    /// the checks have noticed.
    pub fn avoid(&self, now: Time, until: Time) {
        let before = self.avoided_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
        self.fit_since.store(0, Ordering::Relaxed);
        self.comes_back.store(false, Ordering::Relaxed);
        if before <= now.as_nanos() {
            self.cluster.change();
        }
    }

    /// Gives the endpoint no new work until `until`, for it has done worse than it should: see [`crate::outlier`]. When it comes back,
    /// nothing is held against it, but its share grows little by little.
    pub fn eject(&self, now: Time, until: Time) {
        self.pause.store(0, Ordering::Relaxed);
        self.avoid(now, until);
        self.joined.store(0, Ordering::Relaxed);
        self.comes_back.store(true, Ordering::Relaxed);
    }

    /// The ejection is over. What it took to answer then says nothing about now.
    pub fn readmit(&self) {
        self.latency.forget();
        self.failed_in_a_row.store(0, Ordering::Relaxed);
        self.cluster.change();
    }

    /// Whether it comes back from an ejection, if it is fit for work at all.
    pub fn comes_back(&self) -> bool {
        self.comes_back.load(Ordering::Relaxed)
    }

    /// From now on the endpoint is suspected to stall, and gets nothing but a trial after each `pause`.
    pub fn suspect(&self, now: Time, pause: Duration) {
        let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.pause.store(nanos, Ordering::Relaxed);
        self.avoid(now, now.after(pause));
    }

    /// The endpoint is not suspected any more. How long it was silent says nothing about now.
    pub fn clear(&self) {
        self.latency.forget();
        self.pause.store(0, Ordering::Relaxed);
        self.avoided_until.store(0, Ordering::Relaxed);
        self.cluster.change();
    }

    /// For how long it gets nothing after each trial, while it is suspected to stall.
    pub fn suspicion(&self) -> Option<Duration> {
        let nanos = self.pause.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// An attempt has been given to the endpoint. If it is suspected, that is the trial, and the next one comes later.
    #[inline]
    pub fn given(&self, now: Time) {
        if let Some(pause) = self.suspicion() {
            self.avoid(now, now.after(pause));
        }
    }

    /// Whether the endpoint is avoided at `now`.
    pub fn is_avoided(&self, now: Time) -> bool {
        now < self.avoided_until()
    }

    /// Until when the endpoint is, or was, avoided.
    pub fn avoided_until(&self) -> Time {
        Time::from_nanos(self.avoided_until.load(Ordering::Relaxed))
    }

    /// Since when the endpoint is fit for work: since whoever asked first after it was not, or became known; `None` for longer than
    /// that.
    pub fn fit_since(&self, now: Time) -> Option<Time> {
        Some(first_asked(&self.fit_since, now)).filter(|since| since.as_nanos() != EVER)
    }

    /// Since when the endpoint has its part of the work: since whoever asked first, while it is well, after it was new, down, ejected or drained.
    /// One that refuses for a moment keeps what it has, and so has not joined when it gets more again. `None` for longer than we know, and while
    /// it has none.
    pub fn joined(&self, now: Time, is_well: bool) -> Option<Time> {
        if is_well && self.joined.load(Ordering::Relaxed) == 0 {
            first_asked(&self.joined, now);
        }
        let joined = self.joined.load(Ordering::Relaxed);
        (joined != 0 && joined != EVER).then(|| Time::from_nanos(joined))
    }

    /// The endpoint was there before us, as far as we know: a balancer that starts is no news to those that it sends work to. Called
    /// by whoever makes a cluster.
    pub fn presume_fit(&self) {
        self.fit_since.store(EVER, Ordering::Relaxed);
        self.joined.store(EVER, Ordering::Relaxed);
    }

    /// Since when the endpoint is being drained: since whoever asked first.
    pub fn drained_since(&self, now: Time) -> Time {
        first_asked(&self.drained_since, now)
    }

    /// The endpoint is not being drained any more. Called by `control`, with each plan.
    pub fn end_drain(&self) {
        if self.drained_since.swap(0, Ordering::Relaxed) != 0 {
            self.joined.store(0, Ordering::Relaxed);
        }
    }

    /// For how long what runs there may go on, because the endpoint is drained or gone from the plan. `None` while it stays.
    #[inline]
    pub fn leaves_within(&self) -> Option<Duration> {
        let nanos = self.leaves_within.load(Ordering::Acquire);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// Since when the endpoint leaves, if it does: since whoever asked first.
    pub fn leaves_since(&self, now: Time) -> Time {
        first_asked(&self.leaves_since, now)
    }

    /// The endpoint leaves, and what runs there may go on for so long; `None` if it stays. Returns whether that is another word than before.
    /// Called by the publisher.
    pub(crate) fn leave(&self, within: Option<Duration>) -> bool {
        let word =
            within.map_or(0, |within| u64::try_from(within.as_nanos()).unwrap_or(u64::MAX).max(1));
        let is_news = (self.leaves_within.load(Ordering::Relaxed) > 0) != (word > 0);
        if is_news {
            self.leaves_since.store(0, Ordering::Relaxed);
        }
        self.leaves_within.store(word, Ordering::Release);
        is_news
    }

    /// How long it takes to answer, if it ever did.
    pub fn expected(&self, now: Time) -> Option<Expected> {
        self.latency.expected(now)
    }

    /// For how many nanoseconds an attempt is waiting for an answer. Not always for the oldest: one at a time is watched, and the next one to
    /// begin after its answer has come. At an endpoint that answers nothing any more, the one that is watched waits for ever, and
    /// those that are older by no more than an answer used to take.
    pub fn waited(&self, now: Time) -> u64 {
        match self.watched.load(Ordering::Relaxed) {
            0 => 0,
            began => now.nanos_since(Time::from_nanos(began)),
        }
    }

    /// From now on no more than `most` attempts are to be in flight. Those that are stay. Called by whoever publishes a plan.
    pub fn limit_to(&self, most: Option<u32>) {
        self.written.store(most.unwrap_or(ANY), Ordering::Relaxed);
        self.set_limit();
    }

    /// From now on no more than `most` attempts are to wait for an answer, because it does no more in that time. Called by `control` alone.
    pub fn pace_to(&self, most: Option<u32>) {
        self.pace.store(most.unwrap_or(ANY), Ordering::Relaxed);
        self.set_limit();
    }

    fn set_limit(&self) {
        let [written, pace] = [&self.written, &self.pace].map(|it| it.load(Ordering::Relaxed));
        let after = written.min(pace);
        // In one order with whoever looks for room, and waits if there is none.
        let before = self.limit.swap(after, Ordering::SeqCst);
        if after > before {
            self.call(after - before);
        }
    }

    /// Calls so many of those who wait for room here, in their order.
    pub fn call(&self, count: u32) {
        self.room.call_some(count);
        self.cluster.room.call_some(count);
    }

    /// Whether somebody found it full since this was last asked. Asked by `control` alone.
    pub fn was_full(&self) -> bool {
        self.was_full.load(Ordering::Relaxed) && self.was_full.swap(false, Ordering::Relaxed)
    }

    /// How many attempts may be in flight, or wait; `None` for any number.
    pub fn limit(&self) -> Option<u32> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|&limit| limit != ANY)
    }

    /// How many attempts may wait, as follows from how long answers take; `None` while nothing does.
    pub fn pace(&self) -> Option<u32> {
        Some(self.pace.load(Ordering::Relaxed)).filter(|&pace| pace != ANY)
    }

    /// How many more attempts may begin now.
    pub fn places(&self) -> u32 {
        if self.limit.load(Ordering::SeqCst) == ANY {
            return ANY;
        }
        let in_flight = self.in_flight.load(Ordering::SeqCst);
        let waiting = in_flight.saturating_sub(self.streaming.load(Ordering::SeqCst));
        let [written, pace] = [&self.written, &self.pace].map(|it| it.load(Ordering::Relaxed));
        written.saturating_sub(in_flight).min(pace.saturating_sub(waiting))
    }

    /// Why no more attempts may begin now; `None` if more may.
    pub fn fullness(&self) -> Option<Fullness> {
        let (has, waiting) = (self.in_flight(), self.waiting());
        let [written, pace] = [&self.written, &self.pace].map(|it| it.load(Ordering::Relaxed));
        if has >= written {
            return Some(Fullness { has, most: written, is_paced: false });
        }
        (waiting >= pace).then_some(Fullness { has: waiting, most: pace, is_paced: true })
    }

    /// Whether one more attempt may be in flight.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.limit.load(Ordering::Relaxed) == ANY || self.places() > 0 || self.note_full()
    }

    /// Somebody has found it full. Returns whether it is not.
    #[cold]
    pub(super) fn note_full(&self) -> bool {
        self.was_full.store(true, Ordering::Relaxed);
        false
    }

    /// Takes a lease, if one more attempt may be in flight: of all workers that try at once, no more succeed than there is room for.
    pub fn try_lease(&self) -> Option<Lease<&Self>> {
        Lease::try_new(self)
    }

    /// Takes a lease: one more attempt in flight until the lease is dropped, whether there is room or not.
    pub fn lease(&self) -> Lease<&Self> {
        Lease::new(self)
    }
}

/// No limit.
const ANY: u32 = u32::MAX;

/// Since before anybody asked.
const EVER: u64 = u64::MAX;

/// The time that stands there; `now` if none does, which stands there from now on.
fn first_asked(since: &AtomicU64, now: Time) -> Time {
    let now = now.as_nanos().max(1);
    let first = since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    Time::from_nanos(first.err().unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_survives_the_atomic_and_is_a_change() {
        let vitals = Vitals::new(Arc::default());
        assert_eq!(vitals.standing(), Standing::Unchecked);
        for standing in [Standing::Up, Standing::Down, Standing::Unchecked] {
            let before = vitals.cluster().changes();
            vitals.set_standing(standing);
            assert_eq!(vitals.standing(), standing);
            assert_ne!(vitals.cluster().changes(), before);
        }
    }

    #[test]
    fn only_the_first_refusal_is_a_change_but_each_moves_the_end() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        vitals.avoid(at(10), at(20));
        let once = vitals.cluster().changes();
        vitals.avoid(at(15), at(25));
        assert_eq!((vitals.cluster().changes(), vitals.avoided_until()), (once, at(25)));
        assert!(vitals.is_avoided(at(24)) && !vitals.is_avoided(at(25)));
        vitals.avoid(at(25), at(35));
        assert_ne!(vitals.cluster().changes(), once);
        vitals.set_standing(Standing::Up);
        assert!(!vitals.is_avoided(at(30)));
    }

    #[test]
    fn one_that_was_ejected_comes_back_little_by_little_and_one_that_refused_does_not() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        vitals.eject(at(10), at(20));
        assert!(vitals.is_avoided(at(19)) && !vitals.is_avoided(at(20)) && vitals.comes_back());
        vitals.avoid(at(30), at(40));
        assert!(!vitals.comes_back());
    }

    #[test]
    fn one_that_is_readmitted_has_no_past() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        let mut lease = vitals.lease();
        lease.ask(at(1));
        lease.hear(Heard::Failure, at(5));
        assert_eq!((vitals.failed_in_a_row(), vitals.expected(at(5)).is_some()), (1, true));
        vitals.readmit();
        assert_eq!((vitals.failed_in_a_row(), vitals.expected(at(5))), (0, None));
    }

    #[test]
    fn a_suspect_gets_a_trial_after_each_pause_until_it_is_cleared() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        vitals.given(at(1));
        assert!(!vitals.is_avoided(at(1)), "nobody suspects it");
        vitals.suspect(at(10), Duration::from_nanos(5));
        assert!(vitals.is_avoided(at(14)) && !vitals.is_avoided(at(15)));
        vitals.given(at(17));
        assert!(vitals.is_avoided(at(21)) && !vitals.is_avoided(at(22)));
        let before = vitals.cluster().changes();
        vitals.clear();
        assert_ne!(vitals.cluster().changes(), before);
        vitals.given(at(23));
        assert!(!vitals.is_avoided(at(18)) && !vitals.is_avoided(at(24)));
    }

    #[test]
    fn it_leaves_since_somebody_first_asked_after_that_was_news() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        let (short, long) = (Duration::ZERO, Duration::from_secs(1));
        for (within, is_news, now, since) in
            [(short, true, 5, 5), (long, false, 7, 5), (short, false, 9, 5)]
        {
            assert_eq!(vitals.leave(Some(within)), is_news);
            assert_eq!(vitals.leaves_within(), Some(within.max(Duration::from_nanos(1))));
            assert_eq!(vitals.leaves_since(at(now)), at(since));
        }
        assert!(vitals.leave(None) && !vitals.leave(None) && vitals.leaves_within().is_none());
        assert!(vitals.leave(Some(long)));
        assert_eq!(vitals.leaves_since(at(12)), at(12));
    }

    #[test]
    fn it_is_fit_since_somebody_first_asked_after_it_was_not() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        let since = |now| vitals.fit_since(at(now)).map(Time::as_nanos);
        assert_eq!((since(5), since(9)), (Some(5), Some(5)));
        vitals.set_standing(Standing::Down);
        vitals.set_standing(Standing::Up);
        assert_eq!(since(12), Some(12));
        vitals.avoid(at(13), at(20));
        assert_eq!(since(20), Some(20));
    }

    /// The streams of a fast endpoint went to a slow one whenever that refused a connection.
    #[test]
    fn it_joins_when_it_was_new_down_ejected_or_drained_and_not_when_it_refused() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        let joined = |now| vitals.joined(at(now), true).map(Time::as_nanos);
        assert_eq!(vitals.joined(at(1), false), None);
        assert_eq!((joined(5), joined(9)), (Some(5), Some(5)));
        vitals.avoid(at(10), at(11));
        assert_eq!((vitals.joined(at(10), false), joined(12)), (Some(at(5)), Some(5)));
        vitals.set_standing(Standing::Down);
        vitals.set_standing(Standing::Up);
        assert_eq!(joined(20), Some(20));
        vitals.eject(at(21), at(30));
        assert_eq!((vitals.joined(at(25), false), joined(31)), (None, Some(31)));
        vitals.drained_since(at(40));
        vitals.end_drain();
        assert_eq!(joined(41), Some(41));
        vitals.presume_fit();
        assert_eq!(joined(50), None);
        vitals.end_drain();
        assert_eq!(joined(51), None);
    }

    #[test]
    fn one_that_was_there_before_us_is_fit_for_longer_than_we_know_until_it_is_not() {
        let (vitals, at) = (Vitals::new(Arc::default()), Time::from_nanos);
        vitals.presume_fit();
        assert_eq!((vitals.fit_since(at(5)), vitals.fit_since(Time::END)), (None, None));
        vitals.set_standing(Standing::Up);
        assert_eq!(vitals.fit_since(at(6)), None, "the first check is no news");
        vitals.set_standing(Standing::Down);
        vitals.set_standing(Standing::Up);
        assert_eq!(vitals.fit_since(at(12)), Some(at(12)));
    }
}

//! An endpoint's live state, which all workers share: what a balancer needs to know at the moment of choosing.
//!
//! The proxy writes what it does, `control` writes what the checks found.

use std::sync::Arc;

use crate::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::time::Time;

mod cluster;
mod latency;
mod lease;

pub use cluster::ClusterVitals;
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

/// The live state of one endpoint, on cache lines of its own because every worker writes it.
#[derive(Debug)]
#[repr(align(128))]
pub struct Vitals {
    cluster: Arc<ClusterVitals>,
    in_flight: AtomicU32,
    standing: AtomicU8,
    /// In nanoseconds since the start.
    avoided_until: AtomicU64,
    /// When it was first found fit after it was not, in nanoseconds since the start; 0 while it is not known to be, and [`EVER`].
    fit_since: AtomicU64,
    /// When a session was first asked for after an operator began to drain it; 0 for not yet.
    drained_since: AtomicU64,
    latency: PeakEwma,
    /// When the attempt began that is watched, in nanoseconds since the start; 0 while none is.
    watched: AtomicU64,
}

impl Vitals {
    /// Of an endpoint nobody knows anything about.
    pub fn new(cluster: Arc<ClusterVitals>) -> Self {
        Self {
            cluster,
            in_flight: AtomicU32::new(0),
            standing: AtomicU8::new(Standing::Unchecked as u8),
            avoided_until: AtomicU64::new(0),
            fit_since: AtomicU64::new(0),
            drained_since: AtomicU64::new(0),
            latency: PeakEwma::default(),
            watched: AtomicU64::new(0),
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
        if before <= now.as_nanos() {
            self.cluster.change();
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

    /// The endpoint was there before us, as far as we know: a balancer that starts is no news to those that it sends work to. Called
    /// by whoever makes a cluster.
    pub fn presume_fit(&self) {
        self.fit_since.store(EVER, Ordering::Relaxed);
    }

    /// Since when the endpoint is being drained: since whoever asked first.
    pub fn drained_since(&self, now: Time) -> Time {
        first_asked(&self.drained_since, now)
    }

    /// The endpoint is not being drained any more. Called by `control`, with each plan.
    pub fn end_drain(&self) {
        self.drained_since.store(0, Ordering::Relaxed);
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

    /// Takes a lease: one more attempt in flight until the lease is dropped.
    pub fn lease(&self) -> Lease<&Self> {
        Lease::new(self)
    }
}

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

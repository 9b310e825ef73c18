//! Signs of life: every thread that traffic depends on has a [`Beat`], which it strikes again and again, and a [`Pulse`] says
//! whether all of them did. Workers (`proxy`) and control's thread (the binary) strike; the binary tells the service manager's
//! watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sign of life of one thread.
#[derive(Clone, Debug)]
pub struct Beat(Arc<Strikes>);

#[derive(Debug)]
struct Strikes {
    /// Of the thread.
    name: Box<str>,
    /// How many so far; [`ENDED`] when there will be no more.
    count: AtomicU64,
}

/// The beats of several threads, and how they stood when all had last moved.
#[derive(Debug)]
pub struct Pulse {
    beats: Vec<Beat>,
    seen: Vec<u64>,
}

// === impl Beat ===

impl Beat {
    /// For the thread of this name.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Strikes { name: name.into(), count: AtomicU64::new(0) }))
    }

    /// Says that the thread lives. Only the thread itself may call it.
    pub fn strike(&self) {
        let count = self.0.count.load(Ordering::Relaxed);
        self.0.count.store(count.wrapping_add(1), Ordering::Relaxed);
    }

    /// Says that the thread has ended as it should, and is not to be missed. One that panics does not come to say it.
    pub fn end(&self) {
        self.0.count.store(ENDED, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

// === impl Pulse ===

impl Pulse {
    /// Of the threads that strike these `beats`.
    pub fn new(beats: Vec<Beat>) -> Self {
        let seen = beats.iter().map(Beat::count).collect();
        Self { beats, seen }
    }

    /// The threads that gave no sign of life since all of them last did. If there are none, all did, and this is the moment
    /// from which the next signs are waited for.
    pub fn missing(&mut self) -> Vec<&str> {
        let now: Vec<u64> = self.beats.iter().map(Beat::count).collect();
        let stands =
            |position: usize| now[position] == self.seen[position] && now[position] != ENDED;
        let still: Vec<usize> = (0..now.len()).filter(|&position| stands(position)).collect();
        if still.is_empty() {
            self.seen = now;
        }
        still.into_iter().map(|position| &*self.beats[position].0.name).collect()
    }
}

const ENDED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_still_is_missing_until_it_moves() {
        let (a, b) = (Beat::new("a"), Beat::new("b"));
        let mut pulse = Pulse::new(vec![a.clone(), b.clone()]);
        assert_eq!(pulse.missing(), ["a", "b"]);
        a.strike();
        assert_eq!(pulse.missing(), ["b"]);
        // The first need not move twice for the second to be in time.
        b.strike();
        assert_eq!(pulse.missing(), Vec::<&str>::new());
        assert_eq!(pulse.missing(), ["a", "b"]);
    }

    #[test]
    fn a_thread_that_has_ended_is_not_missing() {
        let (a, b) = (Beat::new("a"), Beat::new("b"));
        let mut pulse = Pulse::new(vec![a.clone(), b.clone()]);
        a.end();
        assert_eq!(pulse.missing(), ["b"]);
        b.strike();
        assert!(pulse.missing().is_empty());
        assert_eq!(pulse.missing(), ["b"]);
    }
}

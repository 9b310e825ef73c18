//! Bytes that lie in our memory because a peer does not take them, counted per worker, so that many slow peers together cannot
//! take all of it. Kept by the pumps.

use std::cell::Cell;
use std::rc::Rc;

use evenkeel_plan::limits::PARKED_BYTES_WATERMARK;

/// How many bytes the pumps of a worker hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parked(Rc<Cell<usize>>);

/// Some of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    parked: Parked,
    bytes: usize,
}

impl Parked {
    /// Whether so much is held that whoever reads now should read little.
    pub(crate) fn is_high(&self) -> bool {
        self.0.get() >= PARKED_BYTES_WATERMARK
    }

    /// Counts `bytes` more.
    pub(crate) fn hold(&self, bytes: usize) -> Held {
        self.0.set(self.0.get() + bytes);
        Held { parked: self.clone(), bytes }
    }
}

impl Held {
    /// How many they are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many are held from now on.
    pub(crate) fn set(&mut self, bytes: usize) {
        let all = &self.parked.0;
        all.set(all.get() - self.bytes + bytes);
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.parked.0.set(self.parked.0.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_it_is_let_go() {
        let parked = Parked::default();
        let most = parked.hold(PARKED_BYTES_WATERMARK - 1);
        assert!(!parked.is_high());
        let last = parked.hold(1);
        assert!(parked.is_high());
        drop(most);
        assert!(!parked.is_high());
        let mut last = last;
        last.set(PARKED_BYTES_WATERMARK);
        assert!(parked.is_high() && last.bytes() == PARKED_BYTES_WATERMARK);
        last.set(2);
        assert!(!parked.is_high());
        drop(last);
        assert_eq!(parked.0.get(), 0);
    }
}

//! A gate that a test opens: how a script waits for "now" without guessing at milliseconds.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Closed at first; once opened it stays open. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everyone through who waits, now or later.
    pub fn open(&self) {
        let (opened, changed) = &*self.state;
        *lock(opened) = true;
        changed.notify_all();
    }

    /// Whether it has been opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *lock(&self.state.0)
    }

    /// Waits until it is open, at most for `within`; says whether it is.
    #[must_use]
    pub fn wait(&self, within: Duration) -> bool {
        let (opened, changed) = &*self.state;
        let waited = changed.wait_timeout_while(lock(opened), within, |opened| !*opened);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Locks, whoever panicked before: a test's failed thread must not hide the first failure.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_closed_gate_holds_and_an_open_one_lets_through() {
        let gate = Gate::new();
        assert!(!gate.wait(Duration::from_millis(1)));
        let waiting = {
            let gate = gate.clone();
            thread::spawn(move || gate.wait(Duration::from_secs(5)))
        };
        gate.open();
        assert!(waiting.join().unwrap());
        assert!(gate.is_open());
    }
}

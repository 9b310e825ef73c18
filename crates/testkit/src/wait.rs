//! Waiting for a condition with a deadline; the one place that may pause. Called by everything here.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Polls `condition` until it holds.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when it still does not hold after `within`.
pub fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> io::Result<()> {
    let deadline = Deadline::after(within);
    while !condition() {
        deadline.remaining()?;
        thread::park_timeout(POLL_INTERVAL);
    }
    Ok(())
}

/// Lets `length` pass: for what works, or is kept up, for so long. Nobody waits for something else to happen by this.
pub fn pause(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        thread::park_timeout(left);
    }
}

/// A moment after which waiting is an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    within: Duration,
}

impl Deadline {
    pub(crate) fn after(within: Duration) -> Self {
        Self { at: Instant::now() + within, within }
    }

    /// The time left, which is never zero: `set_read_timeout` refuses zero.
    pub(crate) fn remaining(&self) -> io::Result<Duration> {
        match self.at.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(self.passed()),
        }
    }

    /// The error that says how long was waited.
    pub(crate) fn passed(&self) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, format!("nothing for {:?}", self.within))
    }
}

/// Short beside a process start (10 ms), long beside a poll of `/proc` (50 µs).
const POLL_INTERVAL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_ends_the_wait() {
        let mut polls = 0;
        wait_until(Duration::from_secs(5), || {
            polls += 1;
            polls == 3
        })
        .unwrap();
        assert_eq!(polls, 3);
    }

    #[test]
    fn a_condition_that_never_holds_is_an_error_at_the_deadline() {
        let error = wait_until(Duration::from_millis(5), || false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

//! Idle connections to one endpoint, of one worker: no other worker touches them, so there is no lock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Instant;

use evenkeel_plan::cluster::PoolLimits;

use crate::io::Io;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The longest idle first.
    idle: RefCell<VecDeque<Idle>>,
}

#[derive(Debug)]
struct Idle {
    io: Io,
    since: Instant,
}

impl Pool {
    /// The connection that was used last, if it is fit for use: the others get a chance to grow old.
    pub(crate) fn check_out(&self) -> Option<Io> {
        let mut idle = self.idle.borrow_mut();
        while let Some(candidate) = idle.pop_back() {
            if candidate.io.is_quiet() {
                return Some(candidate.io);
            }
        }
        None
    }

    /// Keeps a connection on which nothing is outstanding, unless there are enough.
    pub(crate) fn check_in(&self, io: Io, limits: PoolLimits, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < limits.max_idle {
            idle.push_back(Idle { io, since: now });
        }
    }

    /// Closes what has been idle for too long, and what the endpoint has closed: else its half of the connection would
    /// linger until somebody wanted to use it.
    pub(crate) fn sweep(&self, limits: PoolLimits, now: Instant) {
        self.idle.borrow_mut().retain(|idle| {
            now.saturating_duration_since(idle.since) < limits.idle && idle.io.is_quiet()
        });
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }
}

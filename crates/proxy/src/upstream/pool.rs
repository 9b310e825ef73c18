//! Idle connections to one endpoint, of one worker: no other worker touches them, so there is no lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::PoolLimits;

use crate::io::Io;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The longest idle first.
    idle: RefCell<VecDeque<Idle>>,
    /// Whether the endpoint is gone from the plan: exchanges that began before may still bring connections back.
    retired: Cell<bool>,
}

/// A connection on which nothing is outstanding.
#[derive(Debug)]
pub(crate) struct Idle {
    io: Io,
    since: Instant,
    /// Whether its last answer had no body because it may have none. An endpoint that sends one all the same does so a moment
    /// later, and the next client would get it for an answer (RFC 9112 §9.3.2).
    on_parole: bool,
}

impl Idle {
    pub(crate) fn new(io: Io, since: Instant, on_parole: bool) -> Self {
        Self { io, since, on_parole }
    }

    fn is_fit(&self, now: Instant) -> bool {
        !self.on_parole || now.saturating_duration_since(self.since) >= PAROLE
    }
}

impl Pool {
    /// The connection that was used last, if it is fit for use: the others get a chance to grow old.
    pub(crate) fn check_out(&self, now: Instant) -> Option<Io> {
        let mut idle = self.idle.borrow_mut();
        while let Some(position) = idle.iter().rposition(|idle| idle.is_fit(now)) {
            let candidate = idle.remove(position)?;
            if candidate.io.is_quiet() {
                return Some(candidate.io);
            }
        }
        None
    }

    /// Keeps a connection, unless there are enough, or nobody will want it again.
    pub(crate) fn check_in(&self, connection: Idle, limits: PoolLimits) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < limits.max_idle && !self.retired.get() {
            idle.push_back(connection);
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

    /// Closes all, and keeps nothing from now on.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.take();
    }
}

/// Longer than a worker takes to look at all its sockets again, and than an endpoint between two writes.
const PAROLE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Brings one more connection to `pool`; returns the endpoint's side of it.
    fn bring(pool: &Pool) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        pool.check_in(
            Idle::new(Io::new(ours.into()), Instant::now(), false),
            PoolLimits::default(),
        );
        theirs.set_nonblocking(true).unwrap();
        theirs
    }

    /// The connections to an endpoint that a reload had removed lay idle until the last exchange of the old plan was over.
    #[test]
    fn a_retired_pool_closes_what_it_has_and_what_is_brought_later() {
        let pool = Pool::default();
        let mut before = bring(&pool);
        assert!(before.read(&mut [0]).is_err(), "it is open");
        pool.retire();
        assert_eq!(before.read(&mut [0]).unwrap(), 0);
        assert_eq!(bring(&pool).read(&mut [0]).unwrap(), 0);
    }
}

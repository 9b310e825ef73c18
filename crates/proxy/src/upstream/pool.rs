//! Idle connections to one endpoint, of one worker: no other worker touches them, so there is no lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::PoolLimits;

use super::link::Link;

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
    link: Link,
    since: Instant,
    /// Whether its last answer had no body because it may have none. An endpoint that sends one all the same does so a moment
    /// later, and the next client would get it for an answer (RFC 9112 §9.3.2).
    on_parole: bool,
}

impl Idle {
    pub(crate) fn new(link: Link, since: Instant, on_parole: bool) -> Self {
        Self { link, since, on_parole }
    }

    fn is_fit(&self, now: Instant) -> bool {
        !self.on_parole || now.saturating_duration_since(self.since) >= PAROLE
    }
}

impl Pool {
    /// The connection that was used last, if it is fit for use: the others get a chance to grow old.
    pub(crate) fn check_out(&self, limits: &PoolLimits, now: Instant) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        while let Some(position) = idle.iter().rposition(|idle| idle.is_fit(now)) {
            let candidate = idle.remove(position)?;
            if candidate.link.is_fit(limits, now) {
                return Some(candidate.link);
            }
        }
        None
    }

    /// Keeps a connection, unless it has served its time, there are enough, or nobody will want it again.
    pub(crate) fn check_in(&self, connection: Idle, limits: &PoolLimits) {
        let mut idle = self.idle.borrow_mut();
        let has_room = idle.len() < limits.max_idle && !self.retired.get();
        if has_room && !connection.link.has_served(limits, connection.since) {
            idle.push_back(connection);
        }
    }

    /// Closes what has been idle for too long or has served its time, and what the endpoint has closed: else its half of the
    /// connection would linger until somebody wanted to use it.
    pub(crate) fn sweep(&self, limits: &PoolLimits, now: Instant) {
        self.idle.borrow_mut().retain(|idle| {
            now.saturating_duration_since(idle.since) < limits.idle && idle.link.is_fit(limits, now)
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
    use std::io::{self, Read as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::io::Io;

    const LIMITS: PoolLimits = PoolLimits {
        idle: Duration::from_secs(60),
        max_idle: 256,
        max_age: Some(Duration::from_secs(100)),
        max_requests: Some(3),
    };

    /// A connection that was made now, and the endpoint's side of it.
    async fn connected(now: Instant) -> (Link, TcpStream) {
        let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
        let io = Io::connect(endpoint.local_addr().unwrap()).await.unwrap();
        let theirs = endpoint.accept().unwrap().0;
        theirs.set_nonblocking(true).unwrap();
        (Link::new(io, now, 0), theirs)
    }

    /// Whether we have not closed the connection. A close on this machine is there at once.
    fn is_open(mut theirs: &TcpStream) -> bool {
        match theirs.read(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    #[tokio::test(flavor = "local")]
    async fn a_connection_is_kept_until_it_has_carried_enough_requests() {
        let (pool, now) = (Pool::default(), Instant::now());
        let (mut link, theirs) = connected(now).await;
        for is_reused in [false, true] {
            assert_eq!(link.give_request(), is_reused);
            pool.check_in(Idle::new(link, now, false), &LIMITS);
            link = pool.check_out(&LIMITS, now).unwrap();
        }
        assert!(link.give_request() && is_open(&theirs));
        pool.check_in(Idle::new(link, now, false), &LIMITS);
        assert!(!is_open(&theirs) && pool.check_out(&LIMITS, now).is_none());
    }

    #[tokio::test(flavor = "local")]
    async fn a_connection_that_is_too_old_is_closed_wherever_it_is() {
        let born = Instant::now();
        let [young, old] = [99, 100].map(|seconds| born + Duration::from_secs(seconds));
        type Meet = fn(&Pool, Link, [Instant; 2]) -> Option<Link>;
        let meetings: [Meet; 3] = [
            |pool, link, [_, now]| {
                pool.check_in(Idle::new(link, now, false), &LIMITS);
                None
            },
            |pool, link, [before, now]| {
                pool.check_in(Idle::new(link, before, false), &LIMITS);
                pool.check_out(&LIMITS, now)
            },
            |pool, link, [before, now]| {
                pool.check_in(Idle::new(link, before, false), &LIMITS);
                pool.sweep(&LIMITS, now);
                None
            },
        ];
        for (number, meet) in meetings.into_iter().enumerate() {
            for (now, is_kept) in [(young, true), (old, false)] {
                let (pool, (link, theirs)) = (Pool::default(), connected(born).await);
                let used = meet(&pool, link, [young, now]);
                assert_eq!(is_open(&theirs), is_kept, "{number}");
                drop(used);
            }
        }
    }

    /// The connections to an endpoint that a reload had removed lay idle until the last exchange of the old plan was over.
    #[tokio::test(flavor = "local")]
    async fn a_retired_pool_closes_what_it_has_and_what_is_brought_later() {
        let (pool, now) = (Pool::default(), Instant::now());
        let (link, before) = connected(now).await;
        pool.check_in(Idle::new(link, now, false), &LIMITS);
        assert!(is_open(&before));
        pool.retire();
        assert!(!is_open(&before));
        let (link, later) = connected(now).await;
        pool.check_in(Idle::new(link, now, false), &LIMITS);
        assert!(!is_open(&later));
    }
}

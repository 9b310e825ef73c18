//! Connections to one endpoint that may be given requests, of one worker: no other worker touches them, so there is no lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::{Cluster, HttpVersion, PoolLimits};
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::vitals::Slot;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::attempt::{Attempt, Http1};
use super::connect::Unreached;
use super::link::Link;
use super::multiplexed::Shared;
use super::opening::Openings;
use crate::worker::Worker;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The longest idle first.
    idle: RefCell<VecDeque<Idle>>,
    /// Those on which many requests can be at once.
    shared: RefCell<Vec<Shared>>,
    pub(crate) openings: Openings,
    /// Told when there is a place on one of them again.
    places: Rc<Notify>,
    /// Whether the last connection that was opened was one of those; `None` before there was any.
    is_shared: Cell<Option<bool>>,
    /// Whether the endpoint is gone from the plan: exchanges that began before may still bring connections back.
    retired: Cell<bool>,
}

/// A connection on which nothing is outstanding.
#[derive(Debug)]
pub(crate) struct Idle {
    connection: Box<Http1>,
    since: Instant,
    /// Whether its last answer had no body because it may have none. An endpoint that sends one all the same does so a moment
    /// later, and the next client would get it for an answer (RFC 9112 §9.3.2).
    on_parole: bool,
}

/// What a connection has to be, to be used again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demands<'a> {
    pub(super) limits: &'a PoolLimits,
    /// By what its endpoint has to have proved who it is; `None` where there is no TLS.
    pub(super) edition: Option<u64>,
}

impl<'a> Demands<'a> {
    pub(crate) fn of(cluster: &'a Cluster) -> Self {
        let edition = cluster.tls.as_ref().map(|tls| tls.edition());
        Self { limits: &cluster.pool, edition }
    }
}

impl Idle {
    pub(crate) fn new(connection: Box<Http1>, since: Instant, on_parole: bool) -> Self {
        Self { connection, since, on_parole }
    }

    fn is_fit(&self, now: Instant) -> bool {
        !self.on_parole || now.saturating_duration_since(self.since) >= PAROLE
    }
}

impl Pool {
    /// A place for one more request, on a connection that is there.
    pub(crate) fn find(
        &self,
        http: HttpVersion,
        demands: Demands<'_>,
        now: Instant,
    ) -> Option<Attempt> {
        let shared = (http != HttpVersion::Http1).then(|| self.find_shared(demands, now));
        shared.flatten().or_else(|| self.check_out(demands, now).map(Attempt::over))
    }

    /// A place on a connection that others use, too: that with the fewest.
    fn find_shared(&self, demands: Demands<'_>, now: Instant) -> Option<Attempt> {
        let mut shared = self.shared.borrow_mut();
        if shared.is_empty() {
            return None;
        }
        shared.retain(|it| it.is_fit(demands, now) && !it.is_wanted());
        let loads = shared.iter().filter_map(|it| Some((it.load()?, it)));
        let (_, least) = loads.min_by_key(|(load, _)| *load)?;
        Some(Attempt::on(least.seat()))
    }

    /// Whether a connection that is opened now is likely to be one for many, in a cluster whose endpoints are asked so.
    pub(crate) fn may_be_shared(&self, http: HttpVersion) -> bool {
        match http {
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
            HttpVersion::Auto => self.is_shared.get() != Some(false),
        }
    }

    /// Whether it is better to wait for a place than for a connection: there is one to have places on, and the endpoint has as many as it may.
    pub(crate) fn is_full(&self, life: &Arc<Life>) -> bool {
        !self.shared.borrow().is_empty() && Slot::try_new(Arc::clone(life)).is_none()
    }

    /// Waits until there may be a place on a connection that is there, or a short time, after which there may be another connection.
    pub(crate) async fn wait_for_place(&self) {
        let _ = timeout(LOOK_AGAIN, self.places.notified()).await;
    }

    /// A place on a new connection, which is kept for others if it can have several.
    ///
    /// # Errors
    /// That the endpoint does not speak what it has to.
    pub(crate) fn adopt(
        &self,
        link: Link,
        http: HttpVersion,
        worker: &Worker,
    ) -> Result<Attempt, Unreached> {
        let is_shared = match http {
            HttpVersion::Http1 => false,
            HttpVersion::Http2 if link.io.is_tls() && !link.io.speaks_http2() => {
                return Err(Unreached {
                    reason: Reason::TlsFailed,
                    detail: Some("it did not choose HTTP/2 by ALPN".into()),
                });
            }
            HttpVersion::Http2 => true,
            HttpVersion::Auto => link.io.speaks_http2(),
        };
        if http == HttpVersion::Auto {
            self.is_shared.set(Some(is_shared));
        }
        if !is_shared {
            return Ok(Attempt::new(link));
        }
        let begun = worker.handle().and_then(|worker| Shared::begin(link, &worker, &self.places));
        let shared = begun.ok_or(Reason::ConnectFailed)?;
        let attempt = Attempt::on(shared.seat());
        if !self.retired.get() {
            self.shared.borrow_mut().push(shared);
        }
        Ok(attempt)
    }

    /// The connection that was used last, if it is fit for use: the others get a chance to grow old.
    pub(crate) fn check_out(&self, demands: Demands<'_>, now: Instant) -> Option<Box<Http1>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(position) = idle.iter().rposition(|idle| idle.is_fit(now)) {
            let candidate = idle.remove(position)?;
            if candidate.connection.link.is_fit(demands, now) {
                return Some(candidate.connection);
            }
        }
        None
    }

    /// Keeps a connection, unless it has served its time, nobody will want it again, or somebody wants another one. That there are enough
    /// shows when they lie idle for a moment: else those that come and go would be opened anew all the time.
    pub(crate) fn check_in(&self, brought: Idle, demands: Demands<'_>) {
        let mut idle = self.idle.borrow_mut();
        let is_wanted = demands.limits.max_idle > 0 && !self.retired.get();
        let link = &brought.connection.link;
        if is_wanted && !link.has_served(demands, brought.since) && !link.is_in_the_way() {
            idle.push_back(brought);
        }
    }

    /// Closes what has been idle for too long, is more than may be idle or has served its time, and what the endpoint has closed: else its
    /// half of the connection would linger until somebody wanted to use it.
    pub(crate) fn sweep(&self, demands: Demands<'_>, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| {
            now.saturating_duration_since(idle.since) < demands.limits.idle
                && idle.connection.link.is_fit(demands, now)
        });
        let surplus = idle.len().saturating_sub(demands.limits.max_idle);
        let rests = |idle: &&Idle| now.saturating_duration_since(idle.since) >= SURPLUS_RESTS;
        let surplus = idle.iter().take(surplus).take_while(rests).count();
        idle.drain(..surplus);
        drop(idle);
        self.shared.borrow_mut().retain(|it| {
            let rests = it.idle_since().map(|since| now.saturating_duration_since(since));
            it.is_fit(demands, now) && rests.is_none_or(|rests| rests < demands.limits.idle)
        });
        self.make_way();
    }

    /// Closes those that are in the way of others to the same endpoint, the longest idle first.
    pub(crate) fn make_way(&self) {
        let mut idle = self.idle.borrow_mut();
        while idle.front().is_some_and(|idle| idle.connection.link.is_in_the_way()) {
            idle.pop_front();
        }
        // One after the other, as each that goes makes room.
        self.shared.borrow_mut().retain(|it| !it.is_in_the_way());
    }

    /// Closes all on which nothing is under way.
    pub(crate) fn clear(&self) {
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().retain(|it| it.idle_since().is_none());
    }

    /// Closes all, those that are shared with the last of their requests, and keeps nothing from now on.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.take();
        self.shared.take();
    }
}

/// So long is a connection that is more than may be idle kept for the next request. The longest idle come first, so those that are used stay.
const SURPLUS_RESTS: Duration = Duration::from_secs(1);

/// What other workers close is not told.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Longer than a worker takes to look at all its sockets again, and than an endpoint between two writes.
const PAROLE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use evenkeel_plan::endpoint::Life;
    use evenkeel_plan::vitals::Slot;

    use super::*;
    use crate::io::Io;

    const LIMITS: PoolLimits = PoolLimits {
        idle: Duration::from_secs(60),
        max_idle: 256,
        max_age: Some(Duration::from_secs(100)),
        max_requests: Some(3),
    };

    const DEMANDS: Demands<'_> = Demands { limits: &LIMITS, edition: None };

    /// A connection that was made now to an endpoint with a life of its own, and the endpoint's side of it.
    async fn connected(now: Instant) -> (Box<Http1>, TcpStream) {
        connected_to(&Life::new(1, &Arc::default()), now).await
    }

    async fn connected_to(life: &Arc<Life>, now: Instant) -> (Box<Http1>, TcpStream) {
        let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
        let io = Io::connect(endpoint.local_addr().unwrap()).await.unwrap();
        let theirs = endpoint.accept().unwrap().0;
        theirs.set_nonblocking(true).unwrap();
        let slot = Slot::try_new(Arc::clone(life)).unwrap();
        (Box::new(Http1::new(Link::new(io, slot, now, 0))), theirs)
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
        let (mut connection, theirs) = connected(now).await;
        for is_reused in [false, true] {
            assert_eq!(connection.link.give_request(), is_reused);
            pool.check_in(Idle::new(connection, now, false), DEMANDS);
            connection = pool.check_out(DEMANDS, now).unwrap();
        }
        assert!(connection.link.give_request() && is_open(&theirs));
        pool.check_in(Idle::new(connection, now, false), DEMANDS);
        assert!(!is_open(&theirs) && pool.check_out(DEMANDS, now).is_none());
    }

    #[tokio::test(flavor = "local")]
    async fn a_connection_that_is_too_old_is_closed_wherever_it_is() {
        let born = Instant::now();
        let [young, old] = [99, 100].map(|seconds| born + Duration::from_secs(seconds));
        type Meet = fn(&Pool, Box<Http1>, [Instant; 2]) -> Option<Box<Http1>>;
        let meetings: [Meet; 3] = [
            |pool, connection, [_, now]| {
                pool.check_in(Idle::new(connection, now, false), DEMANDS);
                None
            },
            |pool, connection, [before, now]| {
                pool.check_in(Idle::new(connection, before, false), DEMANDS);
                pool.check_out(DEMANDS, now)
            },
            |pool, connection, [before, now]| {
                pool.check_in(Idle::new(connection, before, false), DEMANDS);
                pool.sweep(DEMANDS, now);
                None
            },
        ];
        for (number, meet) in meetings.into_iter().enumerate() {
            for (now, is_kept) in [(young, true), (old, false)] {
                let (pool, (connection, theirs)) = (Pool::default(), connected(born).await);
                let used = meet(&pool, connection, [young, now]);
                assert_eq!(is_open(&theirs), is_kept, "{number}");
                drop(used);
            }
        }
    }

    /// With more requests at once than connections may be idle, as comes of multiplexing, each tenth request opened one.
    #[tokio::test(flavor = "local")]
    async fn those_that_are_more_than_may_be_idle_are_closed_when_they_have_rested() {
        let (pool, now) = (Pool::default(), Instant::now());
        let limits = PoolLimits { max_idle: 2, max_age: None, ..LIMITS };
        let demands = Demands { limits: &limits, edition: None };
        let mut theirs = Vec::new();
        for since in [0, 0, 600, 600, 600].map(|millis| now + Duration::from_millis(millis)) {
            let (connection, end) = connected(now).await;
            pool.check_in(Idle::new(connection, since, false), demands);
            theirs.push(end);
        }
        for (millis, open) in [
            (999, [true, true, true, true, true]),
            (1_000, [false, false, true, true, true]),
            (1_600, [false, false, false, true, true]),
            (9_999, [false, false, false, true, true]),
        ] {
            pool.sweep(demands, now + Duration::from_millis(millis));
            assert_eq!(theirs.iter().map(is_open).collect::<Vec<_>>(), open, "{millis}");
        }
        let none = PoolLimits { max_idle: 0, ..limits };
        let (connection, end) = connected(now).await;
        pool.check_in(Idle::new(connection, now, false), Demands { limits: &none, edition: None });
        assert!(!is_open(&end));
    }

    /// An authority that was taken out of the file stayed trusted for as long as there were requests.
    #[tokio::test(flavor = "local")]
    async fn a_connection_by_other_terms_than_those_in_force_is_closed_wherever_it_is() {
        let (now, other) = (Instant::now(), Demands { edition: Some(1), ..DEMANDS });
        let check_out = |pool: &Pool| drop(pool.check_out(other, now));
        let sweep = |pool: &Pool| pool.sweep(other, now);
        for meet in [&check_out as &dyn Fn(&Pool), &sweep] {
            let (pool, (connection, theirs)) = (Pool::default(), connected(now).await);
            pool.check_in(Idle::new(connection, now, false), DEMANDS);
            assert!(is_open(&theirs));
            meet(&pool);
            assert!(!is_open(&theirs));
        }
        let (pool, (connection, theirs)) = (Pool::default(), connected(now).await);
        pool.check_in(Idle::new(connection, now, false), other);
        assert!(!is_open(&theirs));
    }

    #[tokio::test(flavor = "local")]
    async fn as_many_make_way_as_are_more_than_may_be_the_longest_idle_first() {
        let (life, now) = (Life::new(1, &Arc::default()), Instant::now());
        for (most, wanted, kept) in [
            (None, 2, [true, true, true]),
            (Some(3), 0, [true, true, true]),
            (Some(2), 0, [false, true, true]),
            (Some(3), 1, [false, true, true]),
            (Some(2), 1, [false, false, true]),
            (Some(1), 9, [false, false, false]),
        ] {
            life.vitals.limit_connections_to(None);
            let (pool, mut theirs) = (Pool::default(), Vec::new());
            for _ in kept {
                let (connection, end) = connected_to(&life, now).await;
                pool.check_in(Idle::new(connection, now, false), DEMANDS);
                theirs.push(end);
            }
            life.vitals.limit_connections_to(most);
            let wishes: Vec<_> = (0..wanted).map(|_| life.vitals.want_connection()).collect();
            pool.make_way();
            let open: Vec<bool> = theirs.iter().map(is_open).collect();
            assert_eq!(open, kept, "{most:?} {wanted}");
            drop(wishes);
        }
    }

    #[tokio::test(flavor = "local")]
    async fn what_is_in_the_way_when_it_is_brought_is_closed_and_frees_its_slot() {
        let (life, now) = (Life::new(1, &Arc::default()), Instant::now());
        let (pool, (connection, theirs)) = (Pool::default(), connected_to(&life, now).await);
        life.vitals.limit_connections_to(Some(1));
        let wish = life.vitals.want_connection();
        assert!(Slot::try_new(Arc::clone(&life)).is_none());
        pool.check_in(Idle::new(connection, now, false), DEMANDS);
        assert!(!is_open(&theirs) && Slot::try_new(Arc::clone(&life)).is_some());
        drop(wish);
    }

    /// The connections to an endpoint that a reload had removed lay idle until the last exchange of the old plan was over.
    #[tokio::test(flavor = "local")]
    async fn a_retired_pool_closes_what_it_has_and_what_is_brought_later() {
        let (pool, now) = (Pool::default(), Instant::now());
        let (connection, before) = connected(now).await;
        pool.check_in(Idle::new(connection, now, false), DEMANDS);
        assert!(is_open(&before));
        pool.retire();
        assert!(!is_open(&before));
        let (connection, later) = connected(now).await;
        pool.check_in(Idle::new(connection, now, false), DEMANDS);
        assert!(!is_open(&later));
    }
}

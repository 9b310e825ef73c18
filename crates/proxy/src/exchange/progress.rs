//! How far an exchange is, for whoever looks while it runs or asks afterwards what has become of it. Written by the exchange, read by the connection.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;

use super::Ended;
use super::notes::Notes;
use crate::access::{Course, RouteTaken};
use crate::respond::Own;

/// What is known so far. A few stores for each request, and none of it is copied.
#[derive(Debug, Default)]
pub(crate) struct Progress<'a> {
    pub(super) route: Cell<Option<RouteTaken<'a>>>,
    pub(crate) cluster: Cell<Option<&'a str>>,
    pub(crate) endpoint: Cell<Option<&'a str>>,
    pub(crate) attempts: Cell<u32>,
    pub(crate) phase: Cell<Phase>,
    /// When the attempt under way began; `None` for the first.
    pub(super) began: Cell<Option<Instant>>,
    /// When its connection was asked for; `None` while it has an idle one.
    pub(super) connecting: Cell<Option<Instant>>,
    /// When the request began to go out on it.
    pub(crate) asked: Cell<Option<Instant>>,
    /// What the client is being answered; `None` as long as that is open, and for an answer of our own, which it has seen when all of it has gone out.
    pub(super) status: Cell<Option<u16>>,
    /// Why it gets an answer of our own.
    pub(super) failure: Cell<Option<Reason>>,
    /// Bytes of body that have come from the client, and that went to it.
    pub(super) bytes_in: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    /// What a story will need; `None` as long as all goes well.
    pub(crate) notes: RefCell<Option<Box<Notes>>>,
}

impl<'a> Progress<'a> {
    /// That of a request that becomes no exchange, but is answered with `own`.
    pub(crate) fn before(own: &Own) -> Self {
        let progress = Self::default();
        progress.failure.set(own.failure());
        let what = own.refusal().and_then(|refusal| refusal.what);
        what.into_iter().for_each(|what| progress.note(|notes| notes.detail = Some(what.into())));
        progress
    }

    /// Goes as far as `course` has come.
    pub(super) fn follow(&self, course: &Course<'a>) {
        self.route.set(course.route);
        self.cluster.set(course.cluster);
        self.endpoint.set(course.endpoint);
        self.attempts.set(course.attempts);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// How the exchange has ended, if it goes no further than this.
    pub(crate) fn cut(&self) -> Ended<'a> {
        let course = Course {
            route: self.route.get(),
            cluster: self.cluster.get(),
            endpoint: self.endpoint.get(),
            attempts: self.attempts.get(),
            ..Course::default()
        };
        Ended {
            status: self.status.get(),
            failure: self.failure.get(),
            broken: true,
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            course,
            ..Ended::default()
        }
    }
}

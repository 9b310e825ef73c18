//! How far an exchange is, for whoever looks while it runs or asks afterwards what has become of it. Written by the exchange, read by the connection.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use evenkeel_plan::sight::Phase;

use super::notes::Notes;
use crate::access::Course;

/// What is known so far. A few stores for each request, and none of it is copied.
#[derive(Debug, Default)]
pub(crate) struct Progress<'a> {
    pub(crate) cluster: Cell<Option<&'a str>>,
    pub(crate) endpoint: Cell<Option<&'a str>>,
    pub(crate) attempts: Cell<u32>,
    pub(crate) phase: Cell<Phase>,
    /// When the attempt under way began; `None` for the first.
    pub(super) began: Cell<Option<Instant>>,
    /// When its connection was asked for; `None` while it has an idle one.
    pub(super) connecting: Cell<Option<Instant>>,
    /// When the request began to go out on it.
    pub(super) asked: Cell<Option<Instant>>,
    /// What a story will need; `None` as long as all goes well.
    pub(crate) notes: RefCell<Option<Box<Notes>>>,
}

impl<'a> Progress<'a> {
    /// Goes as far as `course` has come.
    pub(super) fn follow(&self, course: &Course<'a>) {
        self.cluster.set(course.cluster);
        self.endpoint.set(course.endpoint);
        self.attempts.set(course.attempts);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }
}

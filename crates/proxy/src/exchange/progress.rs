//! How far an exchange is, for whoever looks while it runs. Written by the exchange, read by the connection.

use std::cell::Cell;

use evenkeel_plan::sight::Phase;

use crate::access::Course;

/// What is known so far. A few stores for each request, and none of it is copied.
#[derive(Debug, Default)]
pub(crate) struct Progress<'a> {
    pub(crate) cluster: Cell<Option<&'a str>>,
    pub(crate) endpoint: Cell<Option<&'a str>>,
    pub(crate) attempts: Cell<u32>,
    pub(crate) phase: Cell<Phase>,
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

//! What remains of a request when it is over: counts, a line of the access log, and if it did not go well, its story.

use std::time::Instant;

use evenkeel_plan::counters::Sharded;
use evenkeel_plan::listener::ListenerCounters;
use evenkeel_proto::client_certificate::ClientCertificate;
use evenkeel_proto::grpc::web::Dialect;
use evenkeel_proto::grpc::{self, Status};
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::method::Method;

use super::Connection;
use crate::access::{Course, Record};
use crate::exchange::{Ended, Progress, count_status, status_for};

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a> {
    /// Its head, if one could be read.
    pub(super) head: Option<&'a RequestHead>,
    pub(super) request_id: &'a [u8],
    /// When its first byte was there.
    pub(super) started: Instant,
    pub(super) ended: Ended<'a>,
    /// How it went; `None` if it was never begun.
    pub(super) progress: Option<&'a Progress<'a>>,
}

impl Past<'_> {
    /// How it ended, if it was a call of gRPC: that of its answer, or what we say for it.
    pub(super) fn call(&self) -> Option<Status> {
        let Ended { call, failure, course, .. } = &self.ended;
        call.or_else(|| {
            let translates = course.route.is_some_and(|route| route.translates);
            let is_call = |head| grpc::is_call(head) || translates && Dialect::of(head).is_some();
            failure.filter(|_| self.head.is_some_and(is_call)).map(status_for)
        })
    }
}

impl Connection {
    /// Counts a request in `counters`, those of the listener in whose world it was.
    pub(super) fn account(&self, counters: &Sharded<ListenerCounters>, past: &Past<'_>) {
        let counters: &ListenerCounters = counters.shard(self.worker.index);
        let total = past.started.elapsed();
        let ended = &past.ended;
        if let Some(status) = ended.status {
            let method = past.head.map_or(Method::Other, |head| head.method);
            count_status(&counters.requests[method as usize], status);
            counters.duration.observe(total);
            if let Some(route) = ended.course.route {
                count_status(&route.counters.shard(self.worker.index).requests, status);
            }
        }
        let call = past.call();
        if let (Some(call), Some(route)) = (call, ended.course.route) {
            route.counters.shard(self.worker.index).count_call(call);
        }
        if let Some(reason) = ended.failure.filter(|reason| !reason.is_meant()) {
            counters.failures[reason as usize].add(1);
        }
        if !ended.are_counted {
            counters.bytes_in.add(ended.bytes_in);
            counters.bytes_out.add(ended.bytes_out);
        }
        let notes = past.progress.and_then(|progress| progress.notes.take());
        let detail = notes.as_ref().and_then(|notes| notes.detail.as_deref());
        let own = ended.course.queue.map(|_| total.saturating_sub(ended.course.waited));
        self.worker.log(|| Record {
            began: self.worker.wall_time(past.started),
            listener: &self.entrance.name,
            client: self.client,
            subject: self.io.client_certificate().and_then(ClientCertificate::subject),
            scheme: self.scheme(),
            head: past.head,
            request_id: past.request_id,
            status: ended.status,
            call,
            failure: ended.failure,
            detail,
            bytes_in: ended.bytes_in,
            bytes_out: ended.bytes_out,
            total,
            course: Course { own, ..ended.course },
        });
        let is_noted = notes.as_ref().is_some_and(|notes| notes.tells_of_attempts());
        if let Some(kind) = past.kind(total, is_noted) {
            self.tell(past, kind, total, notes.unwrap_or_default());
        }
    }
}

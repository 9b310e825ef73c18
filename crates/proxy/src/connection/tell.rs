//! What is told about a request that did not go well, when it is over: its story, kept by the worker. Called by `account`.

use std::time::Duration;

use evenkeel_plan::limits::SLOW_EXCHANGE;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::story::{Kind, Story};
use evenkeel_proto::head::RequestHead;

use super::Connection;
use super::account::Past;
use super::show::{path, text};
use crate::exchange::Notes;

impl Past<'_> {
    /// Why its story is told; `None` for nearly all: they went well at once.
    pub(super) fn kind(&self, total: Duration, is_noted: bool) -> Option<Kind> {
        let ended = &self.ended;
        if ended.has_failed() {
            return match ended.failure {
                // Nobody was told its identity, so nobody can ask. Nor is it news that a stream ends so.
                Some(Reason::ClientGone) if self.head.is_none_or(RequestHead::is_stream) => None,
                Some(reason) if reason.is_meant() => None,
                failure => Some(failure.map_or(Kind::Failed, Kind::of)),
            };
        }
        if is_noted || ended.course.attempts > 1 {
            return Some(Kind::Rescued);
        }
        // Tunnels and streams are there to last, and so may be a call: its client waits for the first message.
        let lasts = ended.are_counted || self.head.is_some_and(RequestHead::is_stream);
        let waited = self.call().and(self.answered_after()).unwrap_or(total);
        (waited >= SLOW_EXCHANGE && !lasts).then_some(Kind::Slow)
    }

    /// How long its client has waited for the answer to begin; `None` if it did not.
    fn answered_after(&self) -> Option<Duration> {
        self.progress?.answered_after(self.started, self.ended.course.first_byte?)
    }
}

impl Connection {
    /// Keeps the story of a request.
    #[cold]
    pub(super) fn tell(&self, past: &Past<'_>, kind: Kind, total: Duration, notes: Box<Notes>) {
        let Past { head, request_id, started, ended, progress } = past;
        let last = progress.and_then(|it| it.last_attempt(*started, ended, total, &notes));
        let Notes { mut attempts, left_out, candidates, candidates_left_out, wait, rule, .. } =
            *notes;
        attempts.extend(last);
        attempts.sort_by_key(|attempt| attempt.began);
        attempts.shrink_to_fit();
        self.worker.stories.borrow_mut().keep(Story {
            kind,
            request_id: text(request_id),
            began: self.worker.wall_time(*started),
            listener: (&*self.entrance.name).into(),
            client: self.client,
            method: head.map(|head| text(head.method_token())).unwrap_or_default(),
            path: head.map(|head| text(path(head))).unwrap_or_default(),
            host: head.and_then(|head| head.authority()).map(text),
            route: ended.course.route.map(|route| route.name.into()),
            cluster: ended.course.cluster.map(Into::into),
            rule,
            wait,
            attempts,
            attempts_left_out: left_out,
            candidates,
            candidates_left_out,
            status: ended.status,
            call: past.call(),
            failure: ended.failure,
            total,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use evenkeel_proto::grpc::Status;

    use super::*;
    use crate::access::Course;
    use crate::exchange::{Ended, Progress};

    #[test]
    fn what_is_there_to_last_is_not_slow_and_a_call_is_if_its_client_has_waited() {
        let begun = |first_byte| Course { first_byte: Some(first_byte), ..Course::default() };
        let call = Some(Status::read(b"0"));
        let (at_once, soon) = (Duration::ZERO, begun(Duration::from_millis(1)));
        for (asked_after, ended, is_slow) in [
            (at_once, Ended::default(), true),
            (at_once, Ended { course: soon, ..Ended::default() }, true),
            (at_once, Ended { are_counted: true, ..Ended::default() }, false),
            (at_once, Ended { call, course: soon, ..Ended::default() }, false),
            (at_once, Ended { call, course: begun(SLOW_EXCHANGE), ..Ended::default() }, true),
            (at_once, Ended { call, ..Ended::default() }, true),
            // It has waited for room, or for a connection.
            (SLOW_EXCHANGE, Ended { call, course: soon, ..Ended::default() }, true),
        ] {
            let ended = Ended { status: Some(200), ..ended };
            let (started, progress) = (Instant::now(), Progress::default());
            progress.asked.set(Some(started + asked_after));
            let progress = Some(&progress);
            let past = Past { head: None, request_id: b"", started, ended, progress };
            let kind = past.kind(SLOW_EXCHANGE, false);
            assert_eq!(kind == Some(Kind::Slow), is_slow, "asked after {asked_after:?}: {ended:?}");
        }
    }
}

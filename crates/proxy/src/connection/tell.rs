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
                failure => Some(failure.map_or(Kind::Failed, Kind::of)),
            };
        }
        if is_noted || ended.course.attempts > 1 {
            return Some(Kind::Rescued);
        }
        // Tunnels and streams are there to last.
        let lasts = ended.status == Some(101) || self.head.is_some_and(RequestHead::is_stream);
        (total >= SLOW_EXCHANGE && !lasts).then_some(Kind::Slow)
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
            failure: ended.failure,
            total,
        });
    }
}

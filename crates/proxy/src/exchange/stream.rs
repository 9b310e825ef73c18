//! A stream of bytes: its way, and a connection to an endpoint. From there on it is a tunnel. Called by the connection.

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::reason::Reason;

use super::again::Attempts;
use super::attempt::Turn;
use super::{Ended, Exchange, Messages, Switched};
use crate::access::Course;
use crate::body::Source;
use crate::upstream::attempt::Attempt;

impl<'a> Exchange<'a> {
    /// Finds a connection to an endpoint for a stream. Nothing is sent before there is one, so that every endpoint may be tried.
    ///
    /// # Errors
    /// How it ended, if there is none.
    pub(crate) async fn open_stream<B: Source>(
        &self,
        messages: &mut Messages<'_, B, ()>,
    ) -> Result<Switched, Ended<'a>> {
        let waited = self.arrived.map(|arrived| arrived - self.started).unwrap_or_default();
        let mut course = Course { waited, ..Course::default() };
        let way = match self.find_way(messages, &mut course) {
            Ok(way) => way,
            Err(reason) => return Err(failed(reason, course)),
        };
        // No other than what may be done twice is a trial of an endpoint that may not answer.
        let mut attempts = Attempts::new(way, course, false);
        let (mut next, mut reason) = match self.choose_first(&mut attempts, messages).await {
            Ok(turn) => (Some(turn), Reason::NoEndpoint),
            Err(reason) => (None, reason),
        };
        attempts.course.queue = self.arrived.map(|arrived| arrived.elapsed());
        while let Some(mut turn) = next {
            self.progress.follow(&attempts.course);
            let reached = self.reach_anew(&mut turn, &mut attempts.course, HttpVersion::Http1);
            let setback = match reached.await {
                Ok(attempt) => return Ok(self.begin_stream(&mut turn, attempt, &attempts.course)),
                Err(setback) => setback,
            };
            self.judge_failure(&mut turn, setback.reason);
            // Its place is free while another one is looked for.
            drop(turn);
            reason = setback.reason;
            next = match setback.failed {
                Some(failed) => self.again(failed, &mut attempts, messages).await,
                None => None,
            };
        }
        self.progress.follow(&attempts.course);
        self.note_candidates(&attempts);
        Err(failed(reason, attempts.course))
    }

    fn begin_stream(&self, turn: &mut Turn<'a>, attempt: Attempt, course: &Course<'_>) -> Switched {
        self.judge_connected(turn);
        let target = turn.target;
        target.way.route.counters.shard(self.worker.index).streams.add(1);
        Switched { ties: self.ties(target, course, None), tunnel: self.tunnel(attempt, false) }
    }
}

fn failed(reason: Reason, course: Course<'_>) -> Ended<'_> {
    Ended { failure: Some(reason), broken: true, course, ..Ended::default() }
}

//! What is written down about attempts that do not go well at once, for the story that is told when the exchange is over.
//! Written by the exchange, read by the connection; of an exchange whose first attempt is answered well, nothing is.

use std::time::{Duration, Instant};

use evenkeel_plan::limits::{STORY_ATTEMPTS_MAX, STORY_CANDIDATES_MAX, STORY_CANDIDATES_SEEN_MAX};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::retry::Failure;
use evenkeel_plan::sight::Phase;
use evenkeel_plan::story::{Attempt, Candidate, Rule, Then, Wait};
use evenkeel_proto::grpc::Status;

use super::again::{Attempts, Failed, UnderWay};
use super::{Ended, Exchange, Progress};

/// What was noted so far.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Those that are over, but for the last one.
    pub(crate) attempts: Vec<Attempt>,
    /// How many of them there were besides.
    pub(crate) left_out: usize,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) candidates_left_out: usize,
    /// How it waited for room, if it did.
    pub(crate) wait: Option<Wait>,
    /// The rule that refused it.
    pub(crate) rule: Option<Rule>,
    /// What is known besides of why the attempt under way has failed.
    pub(crate) detail: Option<Box<str>>,
    /// Why the last attempt is the last one, if there was a choice.
    then: Option<Then>,
    /// The attempt that was sent while another waited, and when.
    hedge: Option<(Box<str>, Instant)>,
    /// Whether that one is the last attempt.
    is_hedges: bool,
}

/// How the attempt under way ended.
#[derive(Clone, Copy, Debug)]
struct Over {
    at: Instant,
    first_byte: Option<Duration>,
    status: Option<u16>,
    failure: Option<Reason>,
    then: Then,
}

impl Exchange<'_> {
    /// The attempt under way as it failed just now; what comes after it is not known yet.
    #[cold]
    pub(super) fn failed_attempt(&self, failed: Failed, attempts: &Attempts<'_>) -> Attempt {
        let call = match failed.failure {
            Failure::Grpc { code, .. } => Some(Status::new(code.into())),
            _ => None,
        };
        let (status, failure) = match failed.failure {
            Failure::Status { status, .. } => (Some(status), None),
            Failure::Grpc { .. } => (call.map(Status::as_http), None),
            other => (None, Some(reason_of(other))),
        };
        let first_byte = attempts.course.first_byte.filter(|_| status.is_some());
        let over =
            Over { at: self.worker.now(), first_byte, status, failure, then: Then::Hopeless };
        let endpoint = attempts.course.endpoint.unwrap_or_default();
        Attempt { call, ..self.progress.attempt(endpoint, self.started, over) }
    }

    /// Another attempt begins now, after `attempt`.
    #[cold]
    pub(super) fn note_next(&self, attempt: Attempt) {
        self.progress.note(|notes| notes.push(attempt));
        self.progress.begin(self.worker.now());
    }

    /// The attempt under way is the last one, for this reason.
    #[cold]
    pub(super) fn note_last(&self, then: Then) {
        self.progress.note(|notes| notes.then = Some(then));
    }

    /// A second attempt goes to `endpoint` while the first one waits.
    #[cold]
    pub(super) fn note_hedge(&self, endpoint: &str, began: Instant) {
        self.progress.note(|notes| notes.hedge = Some((endpoint.into(), began)));
    }

    /// The first attempt was answered, or has failed alone; the second one is given up if it is still `under_way`.
    #[cold]
    pub(super) fn note_hedge_lost(&self, under_way: bool) {
        let ended = self.worker.now().saturating_duration_since(self.started);
        let mut notes = self.progress.notes.borrow_mut();
        // There was nobody to send a second one to, if there is no note of it.
        let Some(notes) = notes.as_deref_mut() else { return };
        let Some((endpoint, began)) = notes.hedge.take() else { return };
        notes.push(Attempt {
            endpoint,
            hedge: true,
            began: began.saturating_duration_since(self.started),
            pooled: None,
            connected: None,
            first_byte: None,
            ended,
            status: None,
            call: None,
            failure: None,
            detail: None,
            then: if under_way { Then::Overtaken } else { Then::Hopeless },
        });
    }

    /// The second attempt was answered first, or alone, because the one at `endpoint` has failed.
    #[cold]
    pub(super) fn note_hedge_won(&self, endpoint: &str, failure: Option<Reason>) {
        let (at, then) = (self.worker.now(), Then::Overtaken);
        let over = Over { at, first_byte: None, status: None, failure, then };
        let first = self.progress.attempt(endpoint, self.started, over);
        self.progress.note(|notes| {
            notes.push(first);
            let began = notes.hedge.take().map(|(_, began)| began);
            notes.is_hedges = true;
            self.progress.begin(began.unwrap_or(at));
            self.progress.asked.set(began);
        });
    }

    /// The attempt under way is over, because it has failed for this reason or the one that was left before is answered; from now on that
    /// one is the last.
    #[cold]
    pub(super) fn note_return(
        &self,
        attempts: &Attempts<'_>,
        left: &UnderWay,
        failure: Option<Reason>,
    ) {
        let over = Over {
            at: self.worker.now(),
            first_byte: None,
            status: None,
            failure,
            then: if failure.is_some() { Then::Hopeless } else { Then::Overtaken },
        };
        let endpoint = attempts.course.endpoint.unwrap_or_default();
        let attempt = self.progress.attempt(endpoint, self.started, over);
        self.progress.note(|notes| {
            let then = notes.then.take().unwrap_or(attempt.then);
            notes.push(Attempt { then, ..attempt });
        });
        let (began, connecting) = left.began;
        self.progress.began.set(began);
        self.progress.connecting.set(connecting);
        self.progress.asked.set(Some(left.asked));
    }

    /// It waits for room, or is not let in to.
    #[cold]
    pub(super) fn note_wait(&self, wait: Wait) {
        self.progress.note(|notes| notes.wait = Some(wait));
    }

    /// What is known besides of why the attempt under way has failed.
    #[cold]
    pub(super) fn note_detail(&self, detail: Box<str>) {
        self.progress.note(|notes| notes.detail = Some(detail));
    }

    /// A rule of the listener or of the route refuses it.
    #[cold]
    pub(super) fn note_rule(&self, rule: Rule) {
        self.progress.note(|notes| notes.rule = Some(rule));
    }

    /// Whom there is to choose from, and what speaks against whom.
    #[cold]
    pub(super) fn note_candidates(&self, attempts: &Attempts<'_>) {
        let cluster = &**attempts.way.cluster.plan;
        let now = self.worker.time(self.worker.now());
        let (mut tried, mut others) = (Vec::new(), Vec::new());
        for (position, endpoint) in
            cluster.endpoints.iter().enumerate().take(STORY_CANDIDATES_SEEN_MAX)
        {
            // Where there is no other one, those that were tried may be tried once more.
            let was_tried =
                attempts.tried.contains(position) || self.progress.has_tried(&endpoint.name);
            let of_these = if was_tried { &mut tried } else { &mut others };
            of_these.push(Candidate::new(endpoint, cluster, was_tried, now));
        }
        // Those that would have been better come first.
        others.sort_by_key(|other| (other.bar.is_some(), other.in_flight));
        tried.append(&mut others);
        tried.truncate(STORY_CANDIDATES_MAX);
        tried.shrink_to_fit();
        self.progress.note(|notes| {
            notes.candidates_left_out = cluster.endpoints.len() - tried.len();
            notes.candidates = tried;
        });
    }
}

impl Progress<'_> {
    /// An attempt begins, later than the exchange.
    pub(super) fn begin(&self, now: Instant) {
        self.began.set(Some(now));
        self.connecting.set(None);
        self.asked.set(None);
    }

    pub(super) fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(self.notes.borrow_mut().get_or_insert_default());
    }

    /// Whether an attempt at `endpoint` is over.
    fn has_tried(&self, endpoint: &str) -> bool {
        let notes = self.notes.borrow();
        let mut attempts = notes.iter().flat_map(|notes| &notes.attempts);
        attempts.any(|attempt| &*attempt.endpoint == endpoint)
    }

    /// When the answer began, in an exchange that `started` then; `first_byte` is how long it took from when it was asked for.
    pub(crate) fn answered_after(
        &self,
        started: Instant,
        first_byte: Duration,
    ) -> Option<Duration> {
        Some(self.asked_last()?.saturating_duration_since(started) + first_byte)
    }

    /// When the request began to go out on the connection that the attempt under way has.
    fn asked_last(&self) -> Option<Instant> {
        let connecting = self.connecting.get();
        // An idle connection may have failed before: what was asked on it is past.
        self.asked.get().filter(|asked| connecting.is_none_or(|connecting| connecting <= *asked))
    }

    /// The last attempt of an exchange that has `ended`, after `total`; `None` if there was none at all.
    pub(crate) fn last_attempt(
        &self,
        started: Instant,
        ended: &Ended<'_>,
        total: Duration,
        notes: &Notes,
    ) -> Option<Attempt> {
        let endpoint = ended.course.endpoint?;
        let is_answered = matches!(self.phase.get(), Phase::Relaying | Phase::Tunnel);
        let fate = if ended.failure.is_some() { Then::Hopeless } else { Then::Passed };
        let over = Over {
            at: started + total,
            first_byte: ended.course.first_byte.filter(|_| is_answered),
            status: ended.status.filter(|_| is_answered),
            failure: ended.failure,
            then: notes.then.unwrap_or(fate),
        };
        // The notes are not here any more.
        let last = Attempt {
            call: ended.call.filter(|call| *call != Status::OK),
            detail: notes.detail.clone(),
            ..self.attempt(endpoint, started, over)
        };
        Some(if notes.is_hedges { Attempt { hedge: true, pooled: None, ..last } } else { last })
    }

    /// The attempt under way, which began when the exchange `started` unless it is noted that it was later.
    fn attempt(&self, endpoint: &str, started: Instant, over: Over) -> Attempt {
        let since = |at: Instant| at.saturating_duration_since(started);
        let (connecting, asked) = (self.connecting.get(), self.asked_last());
        let first_byte = asked.zip(over.first_byte).map(|(asked, after)| since(asked) + after);
        Attempt {
            endpoint: endpoint.into(),
            hedge: false,
            began: self.began.get().map_or(Duration::ZERO, since),
            pooled: Some(connecting.is_none()),
            connected: asked.filter(|_| connecting.is_some()).map(since),
            first_byte,
            ended: since(over.at),
            status: over.status,
            call: None,
            failure: over.failure,
            detail: self.notes.borrow().as_ref().and_then(|notes| notes.detail.clone()),
            then: over.then,
        }
    }
}

impl Notes {
    /// Whether it was not enough to ask one endpoint once. Having waited for room alone saved nobody.
    pub(crate) fn tells_of_attempts(&self) -> bool {
        !self.attempts.is_empty() || self.then.is_some() || !self.candidates.is_empty()
    }

    fn push(&mut self, attempt: Attempt) {
        if !attempt.hedge {
            // It was about this one.
            self.detail = None;
        }
        // With room for the last one.
        if self.attempts.len() + 1 < STORY_ATTEMPTS_MAX {
            self.attempts.push(attempt);
        } else {
            self.left_out += 1;
        }
    }
}

/// The reason that a failure of an attempt has where it is the last one.
fn reason_of(failure: Failure) -> Reason {
    match failure {
        Failure::Refused => Reason::ConnectFailed,
        Failure::Crowded => Reason::Overloaded,
        Failure::ConnectTimeout => Reason::ConnectTimeout,
        Failure::Handshake => Reason::TlsFailed,
        Failure::FirstByteTimeout | Failure::Status { .. } | Failure::Grpc { .. } => {
            Reason::FirstByteTimeout
        }
        Failure::Stalled => Reason::UpstreamStalled,
        Failure::Stale | Failure::Reset | Failure::RefusedStream => Reason::UpstreamClosed,
    }
}

//! What `/api/v1/why` answers, as types: `why` fills them, the command line and the tests read them.

use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_plan::reason::Reason;
use evenkeel_plan::story::{Attempt, Bar, Candidate, Kind, Reach, Rule, Story, Then, Wait};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The latest exchanges that failed, were slow, or needed more than one attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryList {
    /// The latest first.
    pub stories: Vec<StorySummary>,
    /// How many of each kind are remembered, over all workers.
    pub reaches: Vec<StoryReach>,
    /// The numbers of the workers that did not answer within a second: theirs are not listed.
    pub silent_workers: Vec<usize>,
}

/// How far back exchanges of a kind are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryReach {
    /// Of which kind.
    pub kind: StoryKind,
    /// How many are remembered.
    pub kept: usize,
    /// How many made room for others.
    pub forgotten: u64,
    /// Since when all are remembered, in seconds since 1970; `None` while none was forgotten.
    pub since_unix_seconds: Option<f64>,
}

/// Why an exchange is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoryKind {
    /// It failed by the doing of endpoints or of the balancer, or the answer's status is 500 or above.
    Failed,
    /// It went well, after more than one attempt.
    Rescued,
    /// It went well, and took longer than a second.
    Slow,
    /// It was refused for what the client asked, or the client has broken it off.
    Client,
}

/// An exchange in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorySummary {
    /// The identity of the request, as `X-Request-ID` and the access log have it.
    pub request_id: String,
    /// Why it is remembered.
    pub kind: StoryKind,
    /// When it began, in seconds since 1970.
    pub began_unix_seconds: f64,
    /// The method as it was sent; empty if no head could be read.
    pub method: String,
    /// The path in its normal form, without the query: queries carry tokens.
    pub path: String,
    /// Whom the client wanted to talk to; `None` if it did not say.
    pub host: Option<String>,
    /// The cluster; `None` if none was chosen.
    pub cluster: Option<String>,
    /// The endpoint of the last attempt; `None` if there was none.
    pub endpoint: Option<String>,
    /// How many attempts there were.
    pub attempts: usize,
    /// The status that the client was sent, of a call of gRPC the one that stands for its own; `None` if it saw nothing of any.
    pub status: Option<u16>,
    /// The name of the status that a call of gRPC ended with, such as `UNAVAILABLE`; `None` if it was none.
    #[serde(default)]
    pub grpc_status: Option<String>,
    /// The name of the reason for which it failed; `None` if it did not.
    pub reason: Option<String>,
    /// From its first byte to the last byte of its answer.
    pub total_seconds: f64,
    /// What happened, for a person.
    pub sentence: String,
}

/// All that is remembered of an exchange. Texts from outside are at most 256 bytes long; what is longer is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestStory {
    /// The same in short.
    pub summary: StorySummary,
    /// The number of the worker that served it.
    pub worker: usize,
    /// The name of the listener that it came in by.
    pub listener: String,
    /// The address of whoever was connected to us.
    #[schema(value_type = String)]
    pub client: SocketAddr,
    /// The route; `None` if there was none for it.
    pub route: Option<String>,
    /// The rule that refused it: of the route, or of the listener if there is none; `None` if no rule did.
    pub rule: Option<StoryRule>,
    /// How it waited for room at an endpoint; `None` if it had no need to.
    pub wait: Option<StoryWait>,
    /// In the order in which they began.
    pub attempts: Vec<StoryAttempt>,
    /// How many attempts there were besides those that are listed.
    pub attempts_left_out: usize,
    /// Endpoints that there were to choose from when it failed, or when its last attempt was chosen.
    pub candidates: Vec<StoryCandidate>,
    /// How many endpoints the cluster has besides those that are listed.
    pub candidates_left_out: usize,
}

/// A rule that refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoryRule {
    /// Whose it is.
    pub of: StoryRuleOf,
    /// What it says, for a person, such as `rate_limit allows 5/m, and 5 at once`.
    pub words: String,
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoryRuleOf {
    /// The listener's, which is asked before a route is looked for.
    Listener,
    /// The route's.
    Route,
}

/// How a request waited for room at an endpoint, as all had as much as they may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryWait {
    /// For how long; `None` if it was not let in to wait.
    pub waited_seconds: Option<f64>,
    /// How many may wait (`limits.pending`).
    pub pending: u32,
    /// For how long each may (`limits.pending_wait`).
    pub pending_wait_seconds: f64,
    /// The endpoint that its session is at, and that alone it waited for; `None` if any would have done.
    pub session_at: Option<String>,
}

/// One try at one endpoint. All times count from the first byte of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryAttempt {
    /// The endpoint's name.
    pub endpoint: String,
    /// Whether it was sent while another attempt waited.
    pub hedge: bool,
    /// When it began.
    pub began_seconds: f64,
    /// Whether an idle connection was used; `None` if that is not known.
    pub pooled: Option<bool>,
    /// When its connection stood; `None` if it never did, or an idle one was used.
    pub connected_seconds: Option<f64>,
    /// When the head of its answer was there; `None` if it never was.
    pub first_byte_seconds: Option<f64>,
    /// When it was over.
    pub ended_seconds: f64,
    /// The status of its answer; `None` if it gave none.
    pub status: Option<u16>,
    /// The name of the reason for which it failed; `None` if it did not.
    pub reason: Option<String>,
    /// What came of it, for a person.
    pub words: String,
    /// What came after it.
    pub then: StoryThen,
    /// How long was waited before the next attempt; `None` if there was none.
    pub backoff_seconds: Option<f64>,
    /// Why there was no other attempt, for a person; `None` if there was, or if nothing could be better elsewhere.
    pub why_no_other: Option<String>,
}

/// What came after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoryThen {
    /// Its answer went to the client.
    Passed,
    /// There was another attempt.
    Again,
    /// Another attempt was answered first.
    Overtaken,
    /// It was the last one.
    End,
}

/// An endpoint that might have been chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryCandidate {
    /// The endpoint's name.
    pub endpoint: String,
    /// Whether it was tried in this exchange.
    pub tried: bool,
    /// What spoke against it, for a person; `None` if nothing did.
    pub barred: Option<String>,
    /// How many attempts were running there, over all workers.
    pub in_flight: u32,
    /// How long it was expected to take to answer; `None` if it never did.
    pub expected_seconds: Option<f64>,
}

// === conversions ===

impl StorySummary {
    pub(super) fn new(story: &Story) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            request_id: story.request_id.to_string(),
            kind: story.kind.into(),
            began_unix_seconds: story.began.as_secs_f64(),
            method: story.method.to_string(),
            path: story.path.to_string(),
            host: text(&story.host),
            cluster: text(&story.cluster),
            endpoint: story.attempts.last().map(|last| last.endpoint.to_string()),
            attempts: story.attempts.len() + story.attempts_left_out,
            status: story.status,
            grpc_status: story.call.map(|call| call.name().to_owned()),
            reason: name(story.failure),
            total_seconds: story.total.as_secs_f64(),
            sentence: story.sentence(),
        }
    }
}

impl RequestStory {
    /// What worker number `worker` remembers.
    pub(super) fn new(worker: usize, story: &Story) -> Self {
        Self {
            summary: StorySummary::new(story),
            worker,
            listener: story.listener.to_string(),
            client: story.client,
            route: story.route.as_deref().map(str::to_owned),
            rule: story.rule.as_ref().map(|rule| StoryRule::new(rule, story)),
            wait: story.wait.as_ref().map(Into::into),
            attempts: story.attempts.iter().map(Into::into).collect(),
            attempts_left_out: story.attempts_left_out,
            candidates: story.candidates.iter().map(Into::into).collect(),
            candidates_left_out: story.candidates_left_out,
        }
    }
}

impl StoryRule {
    fn new(rule: &Rule, story: &Story) -> Self {
        let of = if story.route.is_some() { StoryRuleOf::Route } else { StoryRuleOf::Listener };
        Self { of, words: rule.to_string() }
    }
}

impl From<&Wait> for StoryWait {
    fn from(wait: &Wait) -> Self {
        Self {
            waited_seconds: wait.waited.map(|waited| waited.as_secs_f64()),
            pending: wait.pending,
            pending_wait_seconds: wait.pending_wait.as_secs_f64(),
            session_at: wait.session_at.as_deref().map(str::to_owned),
        }
    }
}

impl From<&Attempt> for StoryAttempt {
    fn from(attempt: &Attempt) -> Self {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let backoff = match attempt.then {
            Then::Again { after } => Some(after),
            _ => None,
        };
        Self {
            endpoint: attempt.endpoint.to_string(),
            hedge: attempt.hedge,
            began_seconds: attempt.began.as_secs_f64(),
            pooled: attempt.pooled,
            connected_seconds: seconds(attempt.connected),
            first_byte_seconds: seconds(attempt.first_byte),
            ended_seconds: attempt.ended.as_secs_f64(),
            status: attempt.status,
            reason: name(attempt.failure),
            words: attempt.clause(),
            then: attempt.then.into(),
            backoff_seconds: seconds(backoff),
            why_no_other: attempt.then.refusal().map(str::to_owned),
        }
    }
}

impl From<&Candidate> for StoryCandidate {
    fn from(candidate: &Candidate) -> Self {
        Self {
            endpoint: candidate.endpoint.to_string(),
            tried: candidate.tried,
            barred: candidate.bar.map(Bar::words),
            in_flight: candidate.in_flight,
            expected_seconds: candidate.expected.map(|time| time.as_secs_f64()),
        }
    }
}

impl From<Kind> for StoryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed => Self::Failed,
            Kind::Rescued => Self::Rescued,
            Kind::Slow => Self::Slow,
            Kind::Client => Self::Client,
        }
    }
}

impl From<Then> for StoryThen {
    fn from(then: Then) -> Self {
        match then {
            Then::Passed => Self::Passed,
            Then::Again { .. } => Self::Again,
            Then::Overtaken => Self::Overtaken,
            Then::Hopeless | Then::Not(_) | Then::NoTime | Then::NobodyLeft | Then::NoRoom => {
                Self::End
            }
        }
    }
}

impl StoryReach {
    /// How far back all workers together remember what is of this kind: as far as the most forgetful one.
    pub(super) fn new(kind: Kind, reaches: &[Reach]) -> Self {
        let forgetful = reaches.iter().filter(|reach| reach.forgotten > 0);
        let since = forgetful.filter_map(|reach| reach.oldest).max();
        Self {
            kind: kind.into(),
            kept: reaches.iter().map(|reach| reach.kept).sum(),
            forgotten: reaches.iter().map(|reach| reach.forgotten).sum(),
            since_unix_seconds: since.map(|since| since.as_secs_f64()),
        }
    }
}

fn name(reason: Option<Reason>) -> Option<String> {
    reason.map(|reason| reason.name().to_owned())
}

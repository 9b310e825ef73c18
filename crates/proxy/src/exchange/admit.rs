//! Who is let in: what the listener and the route ask of a request before anything is done for it.

use std::time::Duration;

use evenkeel_plan::admission::{Admission, Ruling};
use evenkeel_plan::rate::Told;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::route::Route;
use evenkeel_plan::story::Rule;
use evenkeel_proto::head::{RequestHead, ResponseHead};

use super::{Exchange, Messages};
use crate::access::Course;

/// What a client is told about a limit; the fields of draft-ietf-httpapi-ratelimit-headers-11, ready to be sent.
#[derive(Debug)]
pub(crate) struct Advice {
    /// `Retry-After` in seconds (RFC 9110 §10.2.3); `None` for who was let in.
    pub(crate) retry_after: Option<String>,
    /// `RateLimit-Policy`: how many in how many seconds.
    pub(crate) policy: String,
    /// `RateLimit`: how many remain, and in how many seconds there are more.
    pub(crate) limit: String,
}

impl Advice {
    fn new(told: Told<'_>) -> Self {
        let Told { name, quota, verdict } = told;
        let seconds = whole_seconds(verdict.retry_after);
        Self {
            retry_after: (!verdict.allowed).then(|| seconds.to_string()),
            policy: format!("\"{name}\";q={};w={}", quota.burst(), whole_seconds(quota.window())),
            limit: format!("\"{name}\";r={};t={seconds}", verdict.remaining),
        }
    }

    /// The names of the fields with their values.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let retry_after = self.retry_after.as_deref().map(|seconds| ("Retry-After", seconds));
        let limit = [("RateLimit-Policy", &*self.policy), ("RateLimit", &*self.limit)];
        retry_after.into_iter().chain(limit)
    }
}

/// Rounded up: who comes any earlier comes too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

impl<'a> Exchange<'a> {
    /// The route of a request that both the listener and the route let in. The listener is asked first, and has counted what
    /// the route refuses.
    ///
    /// # Errors
    /// The reason to refuse the request.
    pub(super) fn guarded_route<B, A>(
        &self,
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Result<&'a Route, Reason> {
        self.admit(self.listener.admission.as_deref(), messages, course)?;
        let route = self.route(messages.head, course)?;
        self.admit(route.admission.as_deref(), messages, course)?;
        Ok(route)
    }

    fn admit<B, A>(
        &self,
        admission: Option<&Admission>,
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Result<(), Reason> {
        let Some(admission) = admission else { return Ok(()) };
        let head: &RequestHead = messages.head;
        let now = self.worker.time(self.started);
        let (advice, outcome) =
            match admission.rule(head, self.origin(head), now, self.worker.index) {
                Ruling::Admitted { would_limit, told } => {
                    course.would_limit |= would_limit;
                    (told, Ok(()))
                }
                Ruling::Denied => {
                    self.note_rule(Rule::Networks { client: self.origin(head) });
                    (None, Err(Reason::Denied))
                }
                Ruling::Limited(told) => {
                    self.note_rule(Rule::Rate { name: told.name.into(), quota: told.quota });
                    (Some(told), Err(Reason::RateLimited))
                }
            };
        if let Some(told) = advice {
            messages.advice = Some(Box::new(Advice::new(told)));
        }
        outcome
    }
}

/// Tells the client what remains for it.
pub(super) fn tell_limit(advice: Option<&Advice>, head: &mut ResponseHead) {
    for (name, value) in advice.into_iter().flat_map(Advice::fields) {
        head.fields.push(name.as_bytes(), value.as_bytes());
    }
}

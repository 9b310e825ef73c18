//! Whether an attempt that failed is followed by another, and when.
//!
//! The exchange in `proxy` and the simulator call [`decide`]. Safety first: what the endpoint may have seen is sent again
//! only if its method is idempotent (RFC 9110 §9.2.2), or if the config says that a call with such an outcome may be made again; what it
//! cannot have seen always (RFC 9113 §8.7).

use std::time::Duration;

use crate::budget::{Allowance, Budget};
use crate::limits::{BACKOFF_GROWTH_MAX, RETRY_AFTER_MAX, TRIES_MAX};
use crate::time::Time;

/// What is tried again, and how often. The keys of `retry` in config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How many attempts one exchange may make, the first among them; 1 tries nothing again. Those that cost nothing do not
    /// count: see [`Failure::Refused`], [`Failure::Crowded`] and [`Failure::Stale`].
    pub attempts: u32,
    /// The failures that are worth another attempt.
    pub on: Triggers,
    /// How much of all requests may be tried again.
    pub budget: Allowance,
    /// The longest wait before the second attempt; doubles with each further one, up to
    /// [`BACKOFF_GROWTH_MAX`] times as long.
    pub backoff: Duration,
    /// How many bytes of a request's body are kept for another attempt.
    pub body: u64,
}

/// A kind of failure by its name in config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// No connection.
    Connect,
    /// The connection ended before the answer's head was complete.
    Reset,
    /// The endpoint says that it has not looked at the request (HTTP/2 and 3).
    RefusedStream,
    /// Status 502.
    BadGateway,
    /// Status 503.
    ServiceUnavailable,
    /// Status 504, or our own time limit for the first byte.
    GatewayTimeout,
    /// Status CANCELLED of a call of gRPC, as all that follow.
    GrpcCancelled,
    /// UNKNOWN.
    GrpcUnknown,
    /// DEADLINE_EXCEEDED.
    GrpcDeadlineExceeded,
    /// RESOURCE_EXHAUSTED.
    GrpcResourceExhausted,
    /// ABORTED.
    GrpcAborted,
    /// INTERNAL.
    GrpcInternal,
    /// UNAVAILABLE.
    GrpcUnavailable,
    /// DATA_LOSS.
    GrpcDataLoss,
}

/// A set of [`Trigger`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggers(u16);

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection was refused, or could not be made for another reason that costs the endpoint nothing. Does not count.
    Refused,
    /// No connection was tried, as the endpoint has as many as it may. Does not count.
    Crowded,
    /// No connection in time.
    ConnectTimeout,
    /// The connection was made, and TLS over it was not.
    Handshake,
    /// A pooled connection turned out to be closed before a byte of an answer came. Never costs budget; if nothing was sent
    /// on it, it does not count as an attempt either. What was sent may have been seen, and may be what the endpoint died of.
    Stale,
    /// The connection ended before the answer's head was complete.
    Reset,
    /// The endpoint says that it has not looked at the request: REFUSED_STREAM, or a stream beyond GOAWAY's last one.
    RefusedStream,
    /// Not a byte of an answer in time.
    FirstByteTimeout,
    /// The endpoint has been found to stall while others answer, and not a byte came: see [`crate::outlier`].
    Stalled,
    /// An answer with this status.
    Status {
        /// The status.
        status: u16,
        /// The wait that its `Retry-After` asks for, if it has one.
        retry_after: Option<Duration>,
    },
    /// An answer to a call of gRPC that is nothing but a status, and not a good one: see [`Failure::of_call`].
    Grpc {
        /// The status.
        code: u8,
        /// The wait that its `grpc-retry-pushback-ms` asks for, if it has one.
        pushback: Option<Duration>,
    },
}

/// What happened so far in one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// How the last attempt failed.
    pub failure: Failure,
    /// Whether the method is idempotent.
    pub idempotent: bool,
    /// Whether any byte of the request went to the endpoint in this attempt.
    pub sent: bool,
    /// Whether the request can be sent again from its first byte.
    pub body_kept: bool,
    /// Whether the client has got any of an answer.
    pub answered: bool,
    /// How many attempts that count were made, this one among them if it does.
    pub attempts: u32,
    /// How many endpoints were tried in all.
    pub tries: usize,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try another endpoint.
    Again {
        /// After so long.
        after: Duration,
    },
    /// Answer with the failure.
    No(Why),
}

/// Why a failed attempt is not followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The failure is not one that the policy wants tried again.
    NotListed,
    /// The client has got a part of the answer.
    AnswerBegun,
    /// The endpoint may have seen the request, and doing it twice may do harm.
    NotIdempotent,
    /// The request's body is gone: it was too long to be kept.
    BodyGone,
    /// There were as many attempts as the policy gives.
    AttemptsSpent,
    /// Too large a part of all requests has been tried again already.
    BudgetSpent,
}

/// Decides whether to try again. Spends from the budget if the answer is yes and the failure is none of the free ones.
/// `random` is drawn for this decision alone.
pub fn decide(
    policy: &RetryPolicy,
    course: &Course,
    budget: &Budget,
    now: Time,
    random: u64,
) -> Decision {
    match refusal(policy, course) {
        Some(why) => Decision::No(why),
        None if course.is_charged() && !budget.spend(now, &policy.budget) => {
            Decision::No(Why::BudgetSpent)
        }
        None => Decision::Again { after: course.wait(policy, random) },
    }
}

/// What speaks against another attempt, whatever the budget says; what can never change comes first.
fn refusal(policy: &RetryPolicy, course: &Course) -> Option<Why> {
    let attempts_spent =
        policy.attempts <= 1 || (course.counts() && course.attempts >= policy.attempts);
    [
        (course.answered, Why::AnswerBegun),
        (!policy.wants(course.failure), Why::NotListed),
        (course.may_do_harm(), Why::NotIdempotent),
        (!course.body_kept, Why::BodyGone),
        (attempts_spent || course.tries >= TRIES_MAX, Why::AttemptsSpent),
    ]
    .into_iter()
    .find_map(|(applies, why)| applies.then_some(why))
}

// === impl RetryPolicy ===

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            on: Triggers::default(),
            budget: Allowance { share: 0.2, per_second: 10.0 },
            backoff: Duration::from_millis(25),
            body: 64 * 1024,
        }
    }
}

impl RetryPolicy {
    /// Whether a failure is one after which another attempt may do better, as the config sees it.
    ///
    /// Two are not a matter of taste: a stale connection is our own doing, and stalling has a rule of its own.
    pub fn wants(&self, failure: Failure) -> bool {
        let trigger = match failure {
            Failure::Stale | Failure::Stalled => return true,
            Failure::Refused | Failure::Crowded | Failure::ConnectTimeout | Failure::Handshake => {
                Trigger::Connect
            }
            Failure::Reset => Trigger::Reset,
            Failure::RefusedStream => Trigger::RefusedStream,
            Failure::FirstByteTimeout | Failure::Status { status: 504, .. } => {
                Trigger::GatewayTimeout
            }
            Failure::Status { status: 502, .. } => Trigger::BadGateway,
            Failure::Status { status: 503, .. } => Trigger::ServiceUnavailable,
            Failure::Status { .. } => return false,
            Failure::Grpc { code, .. } => match Trigger::of_grpc(code) {
                Some(trigger) => trigger,
                None => return false,
            },
        };
        self.on.contains(trigger)
    }
}

// === impl Trigger, Triggers ===

impl Trigger {
    /// Every trigger, in the order in which help texts list them.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Reset,
        Self::RefusedStream,
        Self::BadGateway,
        Self::ServiceUnavailable,
        Self::GatewayTimeout,
        Self::GrpcCancelled,
        Self::GrpcUnknown,
        Self::GrpcDeadlineExceeded,
        Self::GrpcResourceExhausted,
        Self::GrpcAborted,
        Self::GrpcInternal,
        Self::GrpcUnavailable,
        Self::GrpcDataLoss,
    ];

    /// Those by default. None of gRPC, whose calls are all of one method, which is not idempotent: whoever lists a status says that calls
    /// which end with it may be made again.
    pub const USUAL: [Self; 6] = [
        Self::Connect,
        Self::Reset,
        Self::RefusedStream,
        Self::BadGateway,
        Self::ServiceUnavailable,
        Self::GatewayTimeout,
    ];

    /// The name in config.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::RefusedStream => "refused-stream",
            Self::BadGateway => "502",
            Self::ServiceUnavailable => "503",
            Self::GatewayTimeout => "504",
            Self::GrpcCancelled => "grpc-cancelled",
            Self::GrpcUnknown => "grpc-unknown",
            Self::GrpcDeadlineExceeded => "grpc-deadline-exceeded",
            Self::GrpcResourceExhausted => "grpc-resource-exhausted",
            Self::GrpcAborted => "grpc-aborted",
            Self::GrpcInternal => "grpc-internal",
            Self::GrpcUnavailable => "grpc-unavailable",
            Self::GrpcDataLoss => "grpc-data-loss",
        }
    }

    /// The trigger for a status of gRPC (<https://grpc.io/docs/guides/status-codes>). The others are about the call itself, which another
    /// endpoint would answer in the same way.
    const fn of_grpc(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::GrpcCancelled,
            2 => Self::GrpcUnknown,
            4 => Self::GrpcDeadlineExceeded,
            8 => Self::GrpcResourceExhausted,
            10 => Self::GrpcAborted,
            13 => Self::GrpcInternal,
            14 => Self::GrpcUnavailable,
            15 => Self::GrpcDataLoss,
            _ => return None,
        })
    }

    /// The trigger of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.name() == name)
    }
}

impl Triggers {
    /// Whether the trigger is one of these.
    pub const fn contains(self, trigger: Trigger) -> bool {
        self.0 & (1 << trigger as u8) != 0
    }
}

impl Default for Triggers {
    fn default() -> Self {
        Trigger::USUAL.into_iter().collect()
    }
}

impl FromIterator<Trigger> for Triggers {
    fn from_iter<I: IntoIterator<Item = Trigger>>(triggers: I) -> Self {
        Self(triggers.into_iter().fold(0, |set, trigger| set | (1 << trigger as u8)))
    }
}

// === impl Failure, Course ===

impl Failure {
    /// How a call of gRPC has failed of which the head of the answer says all: `status` is its field `grpc-status`, `pushback` its
    /// `grpc-retry-pushback-ms`. `None` if it has not, or if the endpoint wants nobody to try again, which it says by what is no number of
    /// milliseconds (gRPC proposal A6, "Pushback").
    pub fn of_call(status: &[u8], pushback: Option<&[u8]>) -> Option<Self> {
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u32>().ok();
        let code = u8::try_from(number(status)?).ok().filter(|code| *code != 0)?;
        let pushback = match pushback {
            Some(pushback) => Some(Duration::from_millis(number(pushback)?.into())),
            None => None,
        };
        Some(Self::Grpc { code, pushback })
    }

    /// The pause that the endpoint asks for, as far as we follow it: we go elsewhere, and others may be well.
    fn retry_after(self) -> Duration {
        match self {
            Self::Status { retry_after: asked, .. } | Self::Grpc { pushback: asked, .. } => {
                asked.unwrap_or_default().min(RETRY_AFTER_MAX)
            }
            _ => Duration::ZERO,
        }
    }
}

impl Course {
    /// Whether this attempt counts against [`RetryPolicy::attempts`]. Says how to fill [`Course::attempts`].
    pub fn counts(&self) -> bool {
        match self.failure {
            Failure::Refused | Failure::Crowded => false,
            Failure::Stale => self.sent,
            _ => true,
        }
    }

    /// Whether trying again costs budget.
    fn is_charged(&self) -> bool {
        !matches!(self.failure, Failure::Refused | Failure::Crowded | Failure::Stale)
    }

    /// Whether the endpoint may have begun to do what the request asks for, and nobody has said that it may be done twice.
    fn may_do_harm(&self) -> bool {
        // Who lists a status of gRPC says so.
        let is_harmless = matches!(self.failure, Failure::RefusedStream | Failure::Grpc { .. });
        self.sent && !self.idempotent && !is_harmless
    }

    /// How long to wait. What costs the endpoint nothing, or has waited for long already, goes on at once, elsewhere; else
    /// anything up to the full backoff, so that those who failed together do not come back together ("full jitter", Brooker,
    /// Exponential Backoff and Jitter, 2015).
    fn wait(&self, policy: &RetryPolicy, random: u64) -> Duration {
        if matches!(
            self.failure,
            Failure::Refused
                | Failure::Crowded
                | Failure::Stale
                | Failure::RefusedStream
                | Failure::Stalled
        ) {
            return Duration::ZERO;
        }
        let doublings = self.attempts.saturating_sub(1).min(31);
        let growth = (1_u32 << doublings).min(BACKOFF_GROWTH_MAX);
        let longest = policy.backoff.saturating_mul(growth).as_nanos();
        let longest = u64::try_from(longest).unwrap_or(u64::MAX);
        let jittered = (u128::from(longest) * u128::from(random)) >> 64;
        Duration::from_nanos(jittered as u64).max(self.failure.retry_after())
    }
}

// === impl Why ===

impl Why {
    /// The machine-readable name, stable across versions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::AnswerBegun => "answer_begun",
            Self::NotIdempotent => "not_idempotent",
            Self::BodyGone => "body_gone",
            Self::AttemptsSpent => "attempts_spent",
            Self::BudgetSpent => "budget_spent",
        }
    }
}

#[cfg(test)]
mod tests;

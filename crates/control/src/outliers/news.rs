//! What a look at the endpoints has found, in words. Made by `ward`, told by `outliers`.

use std::time::Duration;

use evenkeel_plan::breaker::Phase;
use evenkeel_plan::outlier::Verdict;
use evenkeel_plan::time::Time;

use crate::journal::Bar;

/// What has become of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum News {
    /// What its attempts say.
    Verdict(Verdict),
    /// Its breaker has moved.
    Breaker(Phase),
    /// It has more to do than it can, and gets no more than so many at a time; `None` if that is over.
    Limit(Option<u32>),
}

impl News {
    /// What keeps work from it now; `None` if that was the end of something.
    pub(super) fn bar(self) -> Option<Bar> {
        match self {
            Self::Verdict(Verdict::Eject { .. }) => Some(Bar::Ejected),
            Self::Verdict(Verdict::Suspect { .. }) => Some(Bar::Suspect),
            Self::Breaker(Phase::Open { .. }) => Some(Bar::Open),
            Self::Breaker(Phase::HalfOpen { .. }) => Some(Bar::HalfOpen),
            Self::Verdict(Verdict::Readmit | Verdict::Clear) | Self::Breaker(Phase::Closed) => None,
            Self::Limit(_) => None,
        }
    }

    /// Whether it is a change for the worse.
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Self::Limit(Some(_))) || !matches!(self.bar(), None | Some(Bar::HalfOpen))
    }

    /// The same in the log, without the reason.
    pub(super) fn headline(self) -> &'static str {
        match self {
            Self::Limit(Some(_)) => "endpoint is limited",
            Self::Limit(None) => "endpoint is limited no longer",
            _ if self.is_bad() => "endpoint is barred",
            _ => "endpoint is barred no longer",
        }
    }

    /// What has become of it, as metrics label it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Verdict(Verdict::Eject { .. }) => "ejected",
            Self::Verdict(Verdict::Readmit) => "readmitted",
            Self::Verdict(Verdict::Suspect { .. }) => "suspect",
            Self::Verdict(Verdict::Clear) => "cleared",
            Self::Breaker(Phase::Open { .. }) => "breaker_open",
            Self::Breaker(Phase::HalfOpen { .. }) => "breaker_half_open",
            Self::Breaker(Phase::Closed) => "breaker_closed",
            Self::Limit(Some(_)) => "limited",
            Self::Limit(None) => "unlimited",
        }
    }

    /// The kind of reason, as metrics label it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Verdict(Verdict::Eject { cause, .. } | Verdict::Suspect { cause }) => {
                cause.name()
            }
            Self::Verdict(Verdict::Readmit) => "time_is_over",
            Self::Verdict(Verdict::Clear) => "answered",
            Self::Breaker(Phase::Open { .. }) => "failures",
            Self::Breaker(Phase::HalfOpen { .. }) => "cooled_down",
            Self::Breaker(Phase::Closed) => "trials_passed",
            Self::Limit(Some(_)) => "overload",
            Self::Limit(None) => "not_reached",
        }
    }

    /// All of it, for a person.
    pub(super) fn text(self, now: Time) -> String {
        match self {
            Self::Verdict(Verdict::Eject { until, cause }) => {
                format!("ejected for {}: {cause}", seconds(until.since(now)))
            }
            Self::Verdict(Verdict::Suspect { cause }) => {
                format!("suspected to stall: {cause}")
            }
            Self::Verdict(Verdict::Readmit) => {
                "comes back from its ejection, little by little".to_owned()
            }
            Self::Verdict(Verdict::Clear) => "suspected no longer: it has answered".to_owned(),
            Self::Breaker(Phase::Open { until }) => format!(
                "breaker open for {}: too many attempts failed or were slow",
                seconds(until.since(now))
            ),
            Self::Breaker(Phase::HalfOpen { .. }) => {
                "breaker half-open: a few attempts on trial".to_owned()
            }
            Self::Breaker(Phase::Closed) => "breaker closed: the trials passed".to_owned(),
            Self::Limit(Some(limit)) => {
                format!("gets {limit} at a time: it has more to do than it can")
            }
            Self::Limit(None) => "gets as much as there is again".to_owned(),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64().round())
}

//! What balancers do about failures, beyond checking. Part of a scenario; `guard` does it, with the plan's own machines.

use evenkeel_plan::retry::RetryPolicy;
use evenkeel_plan::{breaker, outlier};

/// What balancers do about failures, beyond checking. Each balancer knows only what it has seen itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Resilience {
    /// Who does worse than the others gets nothing for a while. `None` for never.
    pub outlier: Option<outlier::Settings>,
    /// Who fails too often gets nothing for a while, then a few requests on trial. `None` for never.
    pub breaker: Option<breaker::Settings>,
    /// What is sent again, where every request may be. With `None`, nothing is: only after a refused connection another
    /// endpoint is tried.
    pub retry: Option<RetryPolicy>,
}

impl Resilience {
    /// Nothing: refused connections go elsewhere, and that is all.
    pub const fn off() -> Self {
        Self { outlier: None, breaker: None, retry: None }
    }

    /// Everything, as the keys `outlier`, `breaker` and `retry` of the config have it by default.
    pub fn full() -> Self {
        Self {
            outlier: Some(outlier::Settings::default()),
            breaker: Some(breaker::Settings::default()),
            retry: Some(RetryPolicy::default()),
        }
    }
}

/// What the proxy does.
impl Default for Resilience {
    fn default() -> Self {
        Self::full()
    }
}

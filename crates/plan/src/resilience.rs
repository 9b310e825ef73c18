//! What is done about failures, beyond checking: the rules of a cluster, together. Part of a [`Cluster`](crate::Cluster).

use crate::breaker;
use crate::hedge::Hedging;
use crate::outlier;
use crate::retry::RetryPolicy;

/// What is done about failures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resilience {
    /// What is tried again that failed.
    pub retry: RetryPolicy,
    /// Who does worse than the others, and gets nothing for a while; `None` for never.
    pub outlier: Option<outlier::Settings>,
    /// When an endpoint that fails gets nothing for a while; `None` for never.
    pub breaker: Option<breaker::Settings>,
    /// When a second attempt goes out while the first still waits; `None` for never.
    pub hedge: Option<Hedging>,
}

impl Default for Resilience {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            outlier: Some(outlier::Settings::default()),
            breaker: Some(breaker::Settings::default()),
            hedge: None,
        }
    }
}

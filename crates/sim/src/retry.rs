//! Whether a request that failed may be sent again: the simulator's own rules. `run` asks after every failure.

use crate::request::Request;
use crate::scenario::Retries;
use crate::tally::Failure;

/// Whether `request` may be tried at another endpoint after `failure`.
pub(crate) fn may_go_on(rules: Retries, request: &Request, failure: Failure) -> bool {
    let may_repeat = request.retries < rules.max;
    !request.has_tried_enough()
        && match failure {
            // Nothing was sent: as the proxy does.
            Failure::Refused => true,
            Failure::Lost => rules.lost && may_repeat,
            Failure::Answered | Failure::QueueFull => rules.answered && may_repeat,
            Failure::TimedOut | Failure::NoEndpoint => false,
        }
}

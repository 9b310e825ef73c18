//! What the plan's rules for another attempt are told about a simulated request. `run` asks after every failure.

use evenkeel_plan::retry;

use crate::request::Request;
use crate::tally::Failure;

/// The course of `request`, if its last attempt ends with `failure`; `None` if nobody waits for another. Every request is one
/// that may be sent again.
pub(crate) fn course(request: &Request, failure: Failure) -> Option<retry::Course> {
    let failure = match failure {
        Failure::Refused => retry::Failure::Refused,
        Failure::Lost => retry::Failure::Reset,
        Failure::Stalled => retry::Failure::Stalled,
        Failure::Answered | Failure::QueueFull => {
            retry::Failure::Status { status: ERROR_STATUS, retry_after: None }
        }
        Failure::TimedOut | Failure::NoEndpoint | Failure::Overloaded | Failure::PendingTimeout => {
            return None;
        }
    };
    let mut course = retry::Course {
        failure,
        idempotent: true,
        sent: failure != retry::Failure::Refused,
        body_kept: true,
        answered: false,
        attempts: request.attempts,
        tries: request.tried().len(),
    };
    course.attempts += u32::from(course.counts());
    Some(course)
}

/// What endpoints that fail answer: that they cannot, for now.
const ERROR_STATUS: u16 = 503;

//! How endpoints are told to people: one mark, one word and one colour for each state, in the picture of a start, in `status` and
//! in `top`.

use evenkeel_control::admin::{EndpointState, EndpointStatus, Status};

use crate::tone::Tone;

/// How one state is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateWords {
    /// One column wide.
    pub(crate) mark: &'static str,
    pub(crate) word: &'static str,
    pub(crate) tone: Tone,
}

/// The words for `state`.
pub(crate) fn state_words(state: EndpointState) -> StateWords {
    let (mark, word, tone) = match state {
        EndpointState::Up => ("✓", "up", Tone::Good),
        EndpointState::Down => ("✗", "down", Tone::Bad),
        EndpointState::Draining => ("↓", "draining", Tone::Warning),
        EndpointState::Unchecked => ("·", "unchecked", Tone::Warning),
        EndpointState::Unresolved => ("?", "unresolved", Tone::Warning),
    };
    StateWords { mark, word, tone }
}

/// What else there is to know about an endpoint: why it is as it is, and what is special about it. Often
/// nothing.
pub(crate) fn note(endpoint: &EndpointStatus) -> String {
    let backup = endpoint.backup.then_some("backup");
    // What is well by itself needs no reason.
    let is_told = !is_well(endpoint.state) || endpoint.forced.is_some();
    let reason = endpoint.reason.as_deref().filter(|_| is_told);
    let words: Vec<&str> = [reason, backup].into_iter().flatten().collect();
    words.join(", ")
}

/// How long an endpoint stands as it does, in seconds; `None` before its first check, and while an operator overrules the checks.
pub(crate) fn age(endpoint: &EndpointStatus, now: f64) -> Option<f64> {
    let since = endpoint.since_unix_seconds.filter(|_| endpoint.forced.is_none());
    since.map(|since| now - since)
}

/// How many attempts at an endpoint came to nothing good: there was no answer, or one that says that the endpoint is at fault.
pub(crate) fn errors(endpoint: &EndpointStatus) -> u64 {
    endpoint.failures + endpoint.responses.server_error
}

/// Whether new work can go to an endpoint.
pub(crate) fn gets_work(endpoint: &EndpointStatus) -> bool {
    is_well(endpoint.state) && endpoint.weight > 0
}

/// Whether the balancer is ready, in words.
pub(crate) fn readiness(status: &Status) -> (Tone, &'static str) {
    match (status.draining, status.ready) {
        (true, _) => (Tone::Warning, "shutting down"),
        (false, true) => (Tone::Good, "ready"),
        (false, false) => (Tone::Warning, "not ready: the first checks are still running"),
    }
}

fn is_well(state: EndpointState) -> bool {
    matches!(state, EndpointState::Up | EndpointState::Unchecked)
}

#[cfg(test)]
mod tests {
    use evenkeel_control::admin::ForcedState;

    use super::*;
    use crate::status::fixture;

    #[test]
    fn a_note_says_why_and_what_is_special() {
        let well = fixture::endpoint("a:1");
        assert_eq!(note(&well), "");
        let reason = Some("connection refused (3 of 3)".to_owned());
        let down = EndpointStatus {
            state: EndpointState::Down,
            reason: reason.clone(),
            backup: true,
            ..well.clone()
        };
        assert_eq!(note(&down), "connection refused (3 of 3), backup");
        let checked = EndpointStatus { reason: reason.clone(), ..well.clone() };
        assert_eq!(note(&checked), "");
        let marked = EndpointStatus { forced: Some(ForcedState::Up), reason, ..well };
        assert_eq!(note(&marked), "connection refused (3 of 3)");
    }

    #[test]
    fn work_goes_to_what_is_well_and_weighs_something() {
        let well = fixture::endpoint("a:1");
        assert!(gets_work(&well));
        assert!(!gets_work(&EndpointStatus { weight: 0, ..well.clone() }));
        assert!(!gets_work(&EndpointStatus { state: EndpointState::Draining, ..well }));
    }
}

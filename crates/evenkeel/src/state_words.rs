//! How endpoints are told to people: one mark, one word and one colour for each state, in the picture of a start, in `status` and
//! in `top`.

use evenkeel_control::admin::{
    ClusterStatus, EndpointState, EndpointStatus, ForcedState, StandingStatus, Status,
};

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
        EndpointState::Ejected => ("◆", "ejected", Tone::Bad),
        EndpointState::Suspect => ("◇", "suspect", Tone::Warning),
        EndpointState::Tripped => ("ϟ", "tripped", Tone::Bad),
        EndpointState::Unchecked => ("·", "unchecked", Tone::Warning),
        EndpointState::Unresolved => ("?", "unresolved", Tone::Warning),
    };
    StateWords { mark, word, tone }
}

/// The words for an endpoint: whom an operator holds up or down is told from who is so by itself.
pub(crate) fn endpoint_words(endpoint: &EndpointStatus) -> StateWords {
    let words = state_words(endpoint.state);
    match (endpoint.state, endpoint.forced) {
        (EndpointState::Up, Some(ForcedState::Up)) => {
            let fails = endpoint.standing == StandingStatus::Down;
            let tone = if fails { Tone::Warning } else { words.tone };
            StateWords { word: "up (forced)", tone, ..words }
        }
        (EndpointState::Down, Some(ForcedState::Down)) => {
            StateWords { word: "down (forced)", ..words }
        }
        _ => words,
    }
}

/// What else there is to know about an endpoint: why it is as it is, and what is special about it. Often
/// nothing.
pub(crate) fn note(endpoint: &EndpointStatus) -> String {
    let backup = endpoint.backup.then(|| "backup".to_owned());
    let why = match (endpoint.state, endpoint.forced) {
        // That an operator has said so is in the word for it.
        (EndpointState::Up, Some(ForcedState::Up))
        | (EndpointState::Down, Some(ForcedState::Down)) => overruled(endpoint),
        // What is well by itself needs no reason.
        (state, _) if is_well(state) => None,
        _ => endpoint.reason.clone(),
    };
    // What is written is no news; what was found is.
    let is_paced = endpoint.adaptive_limit.is_some() && endpoint.adaptive_limit == endpoint.limit;
    let paced = is_paced.then(|| "adaptive limit".to_owned());
    let priority = (endpoint.priority > 0).then(|| format!("priority {}", endpoint.priority));
    let zone = endpoint.zone.as_ref().map(|zone| format!("zone {zone}"));
    let labels = endpoint.labels.iter().map(|(name, value)| format!("{name}={value}"));
    let special = [why, paced, backup, priority, zone].into_iter().flatten();
    special.chain(labels).collect::<Vec<_>>().join(", ")
}

/// What the checks say, if the operator says something else.
fn overruled(endpoint: &EndpointStatus) -> Option<String> {
    match (endpoint.state, endpoint.standing) {
        (EndpointState::Up, StandingStatus::Down) => {
            let check = endpoint.last_check.as_ref().filter(|check| !check.passed);
            let why = check.map_or_else(String::new, |check| format!(": {}", check.detail));
            Some(format!("checks failing{why}"))
        }
        (EndpointState::Down, StandingStatus::Up) => Some("checks passing".to_owned()),
        _ => None,
    }
}

/// How long an endpoint stands as it does, in seconds; `None` before its first check.
pub(crate) fn age(endpoint: &EndpointStatus, now: f64) -> Option<f64> {
    endpoint.since_unix_seconds.map(|since| now - since)
}

/// How many attempts at an endpoint came to nothing good: there was no answer, or one that says that the endpoint is at fault.
pub(crate) fn errors(endpoint: &EndpointStatus) -> u64 {
    endpoint.failures + endpoint.responses.server_error
}

/// Whether new work can go to an endpoint.
pub(crate) fn gets_work(endpoint: &EndpointStatus) -> bool {
    is_well(endpoint.state) && endpoint.weight > 0
}

/// Whether a cluster's endpoints all get work because too few of them are well to choose among.
pub(crate) fn all_are_used(cluster: &ClusterStatus) -> bool {
    cluster.panic.is_some() && cluster.working > cluster.well
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
    use evenkeel_control::admin::LastCheck;

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
        let checked = EndpointStatus { reason, ..well.clone() };
        assert_eq!(note(&checked), "");
        let told = EndpointStatus {
            priority: 1,
            zone: Some("eu-1".to_owned()),
            labels: [("version".to_owned(), "2".to_owned())].into(),
            ..well.clone()
        };
        assert_eq!(note(&told), "priority 1, zone eu-1, version=2");
        let drained = EndpointStatus {
            state: EndpointState::Draining,
            forced: Some(ForcedState::Drain),
            reason: Some("an operator has said so: drained".to_owned()),
            ..well
        };
        assert_eq!(note(&drained), "an operator has said so: drained");
    }

    #[test]
    fn an_endpoint_that_is_forced_up_does_not_hide_that_its_checks_fail() {
        let detail = "connection refused".to_owned();
        let check = LastCheck { passed: false, detail, at_unix_seconds: 0.0, took_seconds: 0.001 };
        let up = EndpointStatus {
            forced: Some(ForcedState::Up),
            standing: StandingStatus::Down,
            last_check: Some(check),
            ..fixture::endpoint("a:1")
        };
        let StateWords { word, tone, .. } = endpoint_words(&up);
        assert_eq!((word, tone), ("up (forced)", Tone::Warning));
        assert_eq!(note(&up), "checks failing: connection refused");
        let agreed = EndpointStatus { standing: StandingStatus::Up, ..up };
        assert_eq!((endpoint_words(&agreed).tone, &*note(&agreed)), (Tone::Good, ""));
        let down = EndpointStatus {
            state: EndpointState::Down,
            forced: Some(ForcedState::Down),
            ..agreed
        };
        assert_eq!(endpoint_words(&down).word, "down (forced)");
        assert_eq!(note(&down), "checks passing");
        assert_eq!(age(&down, fixture::NOW), Some(200.0));
    }

    #[test]
    fn work_goes_to_what_is_well_and_weighs_something() {
        let well = fixture::endpoint("a:1");
        assert!(gets_work(&well));
        assert!(!gets_work(&EndpointStatus { weight: 0, ..well.clone() }));
        assert!(!gets_work(&EndpointStatus { state: EndpointState::Draining, ..well }));
    }
}

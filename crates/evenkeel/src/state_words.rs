//! How the state of an endpoint is shown to people: one mark, one word and one colour for each, in the picture of a start, in
//! `status` and in `top`.

use evenkeel_control::admin::EndpointState;

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

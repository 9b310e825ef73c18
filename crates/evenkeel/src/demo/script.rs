//! What happens when, by itself and by keys; pure. `performance` asks it at every step.

use std::time::Duration;

/// What whoever watches wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Kill the next endpoint, or revive the dead one.
    Toggle,
    /// Make the slow endpoint fast, or slow again.
    Pace,
    /// The picture has to be drawn again, for the terminal has another size.
    Redraw,
    /// End.
    Quit,
}

/// What the script asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Kill,
    Revive,
}

/// A failure in the middle of every cycle: killed after a third, revived after two.
#[derive(Debug)]
pub(super) struct Script {
    cycle: Duration,
    /// How many cues there are; without end if none.
    cues: Option<u32>,
    given: u32,
}

impl Script {
    /// One cycle as long as the demo, or one after the other.
    pub(super) fn new(duration: Option<Duration>) -> Self {
        Script { cycle: duration.unwrap_or(CYCLE), cues: duration.map(|_| 2), given: 0 }
    }

    /// The next cue, if it is due at `at`. Each is given once.
    pub(super) fn due(&mut self, at: Duration) -> Option<Cue> {
        if self.cues.is_some_and(|cues| self.given >= cues) || at < self.next_at() {
            return None;
        }
        let cue = if self.given.is_multiple_of(2) { Cue::Kill } else { Cue::Revive };
        self.given += 1;
        Some(cue)
    }

    fn next_at(&self) -> Duration {
        let (cycle, cue) = (self.given / 2, self.given % 2);
        self.cycle * (3 * cycle + cue + 1) / 3
    }
}

/// Long enough for the checks to notice both, short enough not to bore.
const CYCLE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    /// All cues of the first `seconds` seconds, with the tenth of a second in which they come.
    fn cues(duration: Option<u64>, seconds: u64) -> Vec<(u64, Cue)> {
        let mut script = Script::new(duration.map(Duration::from_secs));
        let at = |tenth| script.due(Duration::from_millis(tenth * 100)).map(|cue| (tenth, cue));
        (0..seconds * 10).filter_map(at).collect()
    }

    #[test]
    fn a_limited_demo_has_one_failure_in_its_middle() {
        assert_eq!(cues(Some(6), 30), [(20, Cue::Kill), (40, Cue::Revive)]);
    }

    #[test]
    fn an_endless_demo_has_one_every_twenty_seconds() {
        let expected = [(67, Cue::Kill), (134, Cue::Revive), (267, Cue::Kill), (334, Cue::Revive)];
        assert_eq!(cues(None, 40), expected);
    }
}

//! One line of the table: a balancer in a scenario, what was counted, and what that is judged to be.

use std::time::Duration;

use super::account::Figures;
use super::scenario::{Gate, Scenario};
use crate::bench::contender::Contender;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(super) scenario: &'static str,
    pub(super) contender: Contender,
    pub(crate) verdict: Verdict,
    pub(super) figures: Figures,
    /// The invariants that did not hold, whoever it is.
    pub(super) violations: Vec<String>,
    /// How long it took to play.
    pub(super) took: Duration,
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// It was not expected to, and why not.
    PassedAfterAll(&'static str),
    /// What did not hold.
    Failed(Vec<String>),
    /// It was not expected to reach its goal, why, and what did not hold.
    KnownGap(&'static str, Vec<String>),
    /// The client did not keep up, so that what did not hold may be its own fault.
    Unsure(String),
    /// It could not be played here, and why.
    Skipped(String),
    /// Measured for comparison only.
    Measured,
}

impl Verdict {
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Row {
    /// An invariant has no excuse. A goal has two: that it is known not to be reached, and that the client was too slow.
    pub(super) fn judge(
        scenario: &Scenario,
        contender: Contender,
        invariants: &[Gate],
        gates: &[Gate],
        figures: Figures,
    ) -> Self {
        let misses = |gates: &[Gate]| -> Vec<String> {
            gates.iter().filter(|gate| !gate.holds()).map(Gate::miss).collect()
        };
        let (violations, missed) = (misses(invariants), misses(gates));
        let verdict = match (&figures.lag, scenario.expected_to_fail) {
            _ if contender != Contender::Evenkeel => Verdict::Measured,
            _ if !violations.is_empty() => Verdict::Failed([violations.clone(), missed].concat()),
            (_, None) if missed.is_empty() => Verdict::Passed,
            (_, Some(why)) if missed.is_empty() => Verdict::PassedAfterAll(why),
            (Some(lag), _) => Verdict::Unsure(lag.clone()),
            (None, Some(why)) => Verdict::KnownGap(why, missed),
            (None, None) => Verdict::Failed(missed),
        };
        Self {
            scenario: scenario.name,
            contender,
            verdict,
            figures,
            violations,
            took: Duration::ZERO,
        }
    }

    /// It cannot be played here.
    pub(super) fn skipped(scenario: &Scenario, contender: Contender, why: &str) -> Self {
        Self { verdict: Verdict::Skipped(why.to_owned()), ..Self::broken(scenario, contender, why) }
    }

    /// It could not be played to its end.
    pub(super) fn broken(scenario: &Scenario, contender: Contender, error: &str) -> Self {
        Self {
            scenario: scenario.name,
            contender,
            verdict: Verdict::Failed(vec![error.to_owned()]),
            figures: Figures::default(),
            violations: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::scenarios;

    #[test]
    fn goals_have_excuses_and_invariants_have_none() {
        let mut scenario = scenarios::all().remove(0);
        let (good, bad) = ([Gate::new("a", 0, 0)], [Gate::new("b", 1, 0)]);
        let missed = || vec!["b: 1, allowed 0".to_owned()];
        let lagging = || Figures { lag: Some("late".to_owned()), ..Figures::default() };
        let mut judge = |gap, invariants: &[Gate], gates: &[Gate], figures| {
            scenario.expected_to_fail = gap;
            Row::judge(&scenario, Contender::Evenkeel, invariants, gates, figures).verdict
        };
        let figures = Figures::default;
        assert_eq!(judge(None, &good, &good, figures()), Verdict::Passed);
        assert_eq!(judge(Some("new"), &good, &good, lagging()), Verdict::PassedAfterAll("new"));
        assert_eq!(judge(None, &good, &bad, figures()), Verdict::Failed(missed()));
        assert_eq!(judge(Some("new"), &good, &bad, figures()), Verdict::KnownGap("new", missed()));
        assert_eq!(judge(None, &good, &bad, lagging()), Verdict::Unsure("late".to_owned()));
        assert_eq!(judge(Some("new"), &bad, &good, lagging()), Verdict::Failed(missed()));
        let row = Row::judge(&scenario, Contender::Nginx, &bad, &bad, figures());
        assert_eq!((row.verdict, row.violations), (Verdict::Measured, missed()));
    }
}

//! What came of all runs: reports, a recommendation, and what was asserted. Made by `command`, shown by `table` and `json`.

use std::time::Duration;

use evenkeel_sim::{EndpointReport, Recommendation, Report, recommend};

use crate::units::counted;

use super::assertion::Assertion;
use super::setting::Setting;

/// What came of all runs.
pub(super) struct Outcome<'a> {
    pub(super) setting: &'a Setting,
    /// One for each algorithm, in the order of the setting.
    pub(super) reports: Vec<Report>,
    /// `None` if there was nothing to judge by.
    pub(super) recommendation: Option<Recommendation>,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(setting: &'a Setting, reports: Vec<Report>) -> Self {
        let recommendation = recommend(&reports, setting.wants_affinity());
        Self { setting, reports, recommendation }
    }

    /// Those that took part, which are the same under every algorithm.
    pub(super) fn endpoints(&self) -> &[EndpointReport] {
        self.reports.first().map_or(&[], |report| &report.endpoints)
    }

    /// Says which of them do not hold, and by whose figures; `None` if all do.
    pub(super) fn broken(&self, assertions: &[Assertion]) -> Option<String> {
        let mut lines = Vec::new();
        let mut count = 0;
        for assertion in assertions {
            let broken = assertion.broken_by(&self.reports);
            count += usize::from(!broken.is_empty());
            let line = |(report, figure): &(&Report, String)| {
                format!("  {assertion}: {figure} with {}", report.algorithm.name())
            };
            lines.extend(broken.iter().map(line));
        }
        let verb = if count == 1 { "does" } else { "do" };
        let head = format!("{} {verb} not hold\n", counted(count, "assertion"));
        (count > 0).then(|| head + &lines.join("\n"))
    }
}

/// The longest of these times over all afflictions of a report: `None` if there was none, `Some(None)` if it never came.
pub(super) fn worst(
    report: &Report,
    time: impl Fn(&evenkeel_sim::AfflictionReport) -> Option<Duration>,
) -> Option<Option<Duration>> {
    let times = report.afflictions.iter().map(time);
    // `None` stands for the longest.
    times.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))
}

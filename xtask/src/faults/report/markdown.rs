//! The table as Markdown, fit for `docs/reliability.md`.

use super::{Report, cells};
use crate::faults::row::Verdict;
use crate::faults::scenario::Scenario;

pub(super) fn write(report: &Report<'_>) -> String {
    let form = if report.is_long { "long form" } else { "short form" };
    let mut lines = vec![
        format!("Measured on {} by the {form}: {}.", report.date, report.versions.join(", ")),
        String::new(),
        "| scenario | | GETs | lost | POSTs | lost | noticed | back | p99 | in the fault | what was lost |".to_owned(),
        "|---|---|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    let mut last = "";
    for row in &report.rows {
        let name = if row.scenario == last { String::new() } else { format!("`{}`", row.scenario) };
        last = row.scenario;
        let gap = if matches!(row.verdict, Verdict::KnownGap(..) | Verdict::Failed(_)) {
            " ✗"
        } else {
            ""
        };
        let cells = cells(row).join(" | ");
        lines.push(format!("| {name} | {}{gap} | {cells} |", row.contender));
    }
    lines.extend([
        String::new(),
        "What each does, and what has to hold for Evenkeel:".to_owned(),
        String::new(),
    ]);
    lines.extend(
        ["| scenario | what is done | what has to hold |", "|---|---|---|"].map(str::to_owned),
    );
    lines.extend(report.scenarios.iter().map(explain));
    lines.join("\n") + "\n"
}

fn explain(scenario: &Scenario) -> String {
    let Scenario { name, what, goal, .. } = scenario;
    let gap =
        scenario.expected_to_fail.map_or_else(String::new, |why| format!(" *Not yet: {why}.*"));
    format!("| `{name}` | {what} | {goal}{gap} |")
}

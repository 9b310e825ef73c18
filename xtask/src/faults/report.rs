//! What all scenarios came to: lines while they are played, a table, Markdown, JSON. Made by [`super::run`].

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

mod json;
mod markdown;

pub(super) use json::read_row;

use super::row::{Row, Verdict};
use super::scenario::Scenario;
use crate::Outcome;
use crate::bench::contender::Contender;

pub(super) struct Report<'a> {
    scenarios: &'a [Scenario],
    pub(super) rows: Vec<Row>,
    /// Name and version of each that took part.
    versions: Vec<String>,
    date: String,
    is_long: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        scenarios: &'a [Scenario],
        contenders: &[Contender],
        evenkeel: &Path,
        is_long: bool,
        rows: Vec<Row>,
    ) -> Outcome<Self> {
        let version = |&contender: &Contender| -> Outcome<String> {
            let version = match contender {
                Contender::Evenkeel => said(Command::new(evenkeel).arg("--version"))?
                    .split_whitespace()
                    .nth(1)
                    .unwrap_or("of no version")
                    .to_owned(),
                other => other.version()?,
            };
            Ok(format!("{contender} {version}"))
        };
        let versions = contenders.iter().map(version).collect::<Outcome<_>>()?;
        let date = said(Command::new("date").args(["--utc", "+%F"]))?;
        Ok(Self { scenarios, rows, versions, date, is_long })
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let heads = [
            "scenario",
            "",
            "GETs",
            "lost",
            "POSTs",
            "lost",
            "noticed",
            "back",
            "p99",
            "in fault",
            "what was lost",
        ];
        let mut lines = vec![heads.map(str::to_owned).to_vec()];
        let mut last = "";
        for row in &self.rows {
            let name = if row.scenario == last { "" } else { row.scenario };
            last = row.scenario;
            let contender = row.contender.to_string();
            lines.push([vec![name.to_owned(), contender], cells(row)].concat());
        }
        let text = align(&lines);
        format!("{text}\n{}, {}", self.versions.join(", "), self.date)
    }

    pub(super) fn markdown(&self) -> String {
        markdown::write(self)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "date": self.date,
            "versions": self.versions,
            "long": self.is_long,
            "rows": self.rows.iter().map(json::row).collect::<Vec<_>>(),
        })
    }
}

/// A line for a scenario that has just ended.
pub(super) fn line(row: &Row, named: bool) -> String {
    let Row { scenario, contender, figures, .. } = row;
    let name = if named { format!("{scenario} ({contender})") } else { (*scenario).to_owned() };
    let verdict = match &row.verdict {
        Verdict::Passed => "ok".to_owned(),
        Verdict::PassedAfterAll(why) => format!("ok, and was not expected to be: {why}"),
        Verdict::Failed(why) => format!("FAILED: {}", why.join("; ")),
        Verdict::KnownGap(why, missed) => format!("known gap ({}): {why}", missed.join("; ")),
        Verdict::Unsure(lag) => format!("not sure: {lag}"),
        Verdict::Skipped(why) => format!("SKIPPED: {why}"),
        Verdict::Measured => "measured".to_owned(),
    };
    let lost = format!(
        "{} of {} lost",
        figures.lost_gets + figures.lost_posts,
        figures.gets + figures.posts
    );
    let seconds = row.took.as_secs_f64();
    format!("{name:.<32} {lost:.<20} {seconds:4.1} s  {verdict}")
}

/// What a scenario is, for a person.
pub(super) fn describe(scenario: &Scenario) -> String {
    let Scenario { name, what, goal, .. } = scenario;
    let gap =
        scenario.expected_to_fail.map_or_else(String::new, |why| format!("\n    not yet: {why}"));
    format!("{name}\n    {what}\n    {goal}{gap}")
}

/// The figures of a row, as they stand in tables.
fn cells(row: &Row) -> Vec<String> {
    let figures = &row.figures;
    let mut lost: Vec<String> =
        figures.failures.iter().map(|(class, count)| format!("{class} ×{count}")).collect();
    lost.extend(row.violations.iter().map(|violation| format!("{} {violation}", "!")));
    vec![
        figures.gets.to_string(),
        figures.lost_gets.to_string(),
        figures.posts.to_string(),
        figures.lost_posts.to_string(),
        show_time(figures.noticed),
        show_time(figures.recovered),
        show_ms(figures.healthy_p99),
        show_ms(figures.fault_p99),
        [lost, figures.notes.clone()].concat().join(", "),
    ]
}

fn show_time(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
}

fn show_ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// In columns, the first two and the last to the left.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let show = |line: &Vec<String>| {
        let cells =
            line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
                0 | 1 => format!("{cell:<width$}"),
                last if last + 1 == columns => cell.clone(),
                _ => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(show).collect::<Vec<_>>().join("\n")
}

fn said(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["a", "b", "n", "x"], ["long", "", "100", "what ever"]];
        let lines = lines.map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(align(&lines), "a     b    n  x\nlong     100  what ever");
    }

    #[test]
    fn what_never_was_has_no_time() {
        assert_eq!(show_time(None), "–");
        assert_eq!(show_time(Some(Duration::from_millis(1250))), "1.2 s");
        assert_eq!(show_ms(Duration::from_micros(21_600)), "22 ms");
    }
}

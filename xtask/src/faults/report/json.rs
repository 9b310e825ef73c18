//! Rows as JSON, and back: for whoever draws pictures, and for what is played by another process.

use std::time::Duration;

use evenkeel_testkit::ledger::Class;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::bench::contender::Contender;
use crate::faults::account::Figures;
use crate::faults::row::{Row, Verdict};
use crate::faults::scenario::Scenario;

pub(super) fn row(row: &Row) -> Value {
    let figures = &row.figures;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let failures = figures.failures.iter().map(|(class, count)| (class.to_string(), json!(count)));
    let (verdict, why) = match &row.verdict {
        Verdict::Passed | Verdict::PassedAfterAll(_) => ("passed", Vec::new()),
        Verdict::Failed(why) => ("failed", why.clone()),
        Verdict::KnownGap(_, missed) => ("known gap", missed.clone()),
        Verdict::Unsure(lag) => ("not sure", vec![lag.clone()]),
        Verdict::Skipped(why) => ("skipped", vec![why.clone()]),
        Verdict::Measured => ("measured", row.violations.clone()),
    };
    json!({
        "scenario": row.scenario,
        "balancer": row.contender.to_string(),
        "verdict": verdict,
        "why": why,
        "gets": figures.gets,
        "posts": figures.posts,
        "lost_gets": figures.lost_gets,
        "lost_posts": figures.lost_posts,
        "failures": failures.collect::<Map<String, Value>>(),
        "noticed_seconds": seconds(figures.noticed),
        "recovered_seconds": seconds(figures.recovered),
        "healthy_p99_seconds": figures.healthy_p99.as_secs_f64(),
        "fault_p99_seconds": figures.fault_p99.as_secs_f64(),
        "notes": figures.notes,
        "lag": figures.lag,
    })
}

/// The first row of what [`super::Report::json`] wrote of a run of `scenario` alone.
pub(in crate::faults) fn read_row(
    scenario: &Scenario,
    contender: Contender,
    report: &Value,
) -> Outcome<Row> {
    let row = &report["rows"][0];
    let count = |name: &str| row[name].as_u64().and_then(|count| usize::try_from(count).ok());
    let time = |name: &str| row[name].as_f64().map(Duration::from_secs_f64);
    let texts = |name: &str| -> Vec<String> {
        let list = row[name].as_array().into_iter().flatten();
        list.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let failures = Class::ALL.into_iter().filter_map(|class| {
        let count = row["failures"][class.name()].as_u64()?;
        Some((class, usize::try_from(count).ok()?))
    });
    let figures = Figures {
        gets: count("gets").ok_or("the row has no counts")?,
        posts: count("posts").unwrap_or_default(),
        lost_gets: count("lost_gets").unwrap_or_default(),
        lost_posts: count("lost_posts").unwrap_or_default(),
        failures: failures.collect(),
        noticed: time("noticed_seconds"),
        recovered: time("recovered_seconds"),
        healthy_p99: time("healthy_p99_seconds").unwrap_or_default(),
        fault_p99: time("fault_p99_seconds").unwrap_or_default(),
        notes: texts("notes"),
        lag: row["lag"].as_str().map(str::to_owned),
    };
    let why = texts("why");
    let verdict = match (row["verdict"].as_str(), scenario.expected_to_fail) {
        (Some("passed"), None) => Verdict::Passed,
        (Some("passed"), Some(gap)) => Verdict::PassedAfterAll(gap),
        (Some("known gap"), Some(gap)) => Verdict::KnownGap(gap, why.clone()),
        (Some("not sure"), _) => Verdict::Unsure(why.join("; ")),
        (Some("measured"), _) => Verdict::Measured,
        _ => Verdict::Failed(why.clone()),
    };
    let violations = if verdict == Verdict::Measured { why } else { Vec::new() };
    let (scenario, took) = (scenario.name, Duration::ZERO);
    Ok(Row { scenario, contender, verdict, figures, violations, took })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::scenarios;

    #[test]
    fn a_row_survives_the_way_between_processes() {
        let scenario = &scenarios::all()[0];
        let figures = Figures {
            gets: 7,
            posts: 6,
            lost_gets: 5,
            lost_posts: 4,
            failures: vec![(Class::BadGateway, 3), (Class::Truncated, 6)],
            noticed: Some(Duration::from_millis(1500)),
            healthy_p99: Duration::from_millis(20),
            notes: vec!["well".to_owned()],
            ..Figures::default()
        };
        let why = vec!["lost: 1, allowed 0".to_owned()];
        for (contender, verdict) in [
            (Contender::Evenkeel, Verdict::Passed),
            (Contender::Evenkeel, Verdict::Failed(why)),
            (Contender::Evenkeel, Verdict::Unsure("late".to_owned())),
            (Contender::Nginx, Verdict::Measured),
        ] {
            let mut sent = Row::broken(scenario, contender, "");
            sent.verdict = verdict;
            sent.figures = figures.clone();
            let read = read_row(scenario, contender, &json!({ "rows": [row(&sent)] })).unwrap();
            assert_eq!(format!("{read:?}"), format!("{sent:?}"));
        }
        assert!(read_row(scenario, Contender::Evenkeel, &json!({ "rows": [] })).is_err());
    }
}

//! `docs/errors.md` lists every reason there is, with its status, and none that there is not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use evenkeel_plan::errors::{ErrorFacts, default_answer};
use evenkeel_plan::reason::Reason;
use evenkeel_proto::negotiate::Form;

const PAGE: &str = include_str!("../../../docs/errors.md");

#[test]
fn every_reason_has_a_row_with_its_status() {
    let rows: Vec<Vec<&str>> =
        PAGE.lines().filter(|line| line.starts_with("| `")).map(cells).collect();
    let written: Vec<(&str, &str)> =
        rows.iter().map(|row| (row[0].trim_matches('`'), row[1])).collect();
    let statuses = Reason::ALL.map(|reason| reason.status().to_string());
    let expected: Vec<(&str, &str)> = Reason::ALL
        .iter()
        .zip(&statuses)
        .map(|(reason, status)| (reason.name(), status.as_str()))
        .collect();
    let mut sorted = written.clone();
    sorted.sort_by_key(|(name, _)| Reason::ALL.iter().position(|reason| reason.name() == *name));
    assert_eq!(
        sorted, expected,
        "docs/errors.md lacks a reason, has one too many, or a wrong status"
    );
    for row in rows {
        assert!(row.len() == 5 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn the_examples_on_the_page_are_what_clients_get() {
    let answer = |form| {
        let facts = ErrorFacts { reason: Reason::NoEndpoint, request_id: "4f1c…".as_bytes() };
        let mut out = Vec::new();
        default_answer(form, &facts, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert!(PAGE.contains(&format!("```\n{}```\n", answer(Form::Text))));
    assert!(PAGE.contains(&format!("```json\n{}```\n", answer(Form::Json))));
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

//! `docs/access-log.md` lists every name that a line in JSON may have, and none that it cannot have.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

const PAGE: &str = include_str!("../../../docs/access-log.md");

/// Every name is written out there, up to its colon.
const WRITER: &str = include_str!("../../proxy/src/access/json.rs");

#[test]
fn every_name_of_the_access_log_is_on_its_page_and_no_other_is() {
    let (mut on_page, mut in_code) = (names_on_page(), names_in_code());
    on_page.sort_unstable();
    in_code.sort_unstable();
    // More than none, so that a change of either form does not go by unseen.
    assert!(in_code.contains(&"timestamp") && in_code.contains(&"evenkeel.time.total"));
    assert_eq!(on_page, in_code, "docs/access-log.md lacks a name, or has one too many or twice");
}

/// What stands in backticks in the first column of the table about JSON.
fn names_on_page() -> Vec<&'static str> {
    let (_, section) = PAGE.split_once("\n## JSON\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    // The backtick of the first name is gone with the prefix.
    let cells = rows.map(|row| row.split_once(" | ").unwrap().0);
    cells.flat_map(|cell| cell.split('`').step_by(2).filter(|name| !name.is_empty())).collect()
}

/// What stands between escaped quotes, and a colon behind it.
fn names_in_code() -> Vec<&'static str> {
    let pieces: Vec<&str> = WRITER.split("\\\"").collect();
    let is_name = |piece: &str| {
        !piece.is_empty()
            && piece.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte))
    };
    let names = pieces.windows(2).filter(|pair| is_name(pair[0]) && pair[1].starts_with(':'));
    names.map(|pair| pair[0]).collect()
}

//! `docs/http1.md` and `docs/http2.md` name a test for each of their rules; they exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

#[test]
fn every_rule_of_the_pages_on_http_has_tests_and_they_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tests = HashSet::new();
    for folder in ["crates/evenkeel/tests/scenarios", "crates/proto/src", "crates/proxy/src/http2"]
    {
        collect(&root.join(folder), &mut tests);
    }
    let [first, second] = [(1..=28).collect::<Vec<u32>>(), (29..=43).collect()];
    check_page(&root.join("docs/http1.md"), &first, &tests);
    check_page(&root.join("docs/http2.md"), &second, &tests);
}

#[track_caller]
fn check_page(path: &Path, rules: &[u32], tests: &HashSet<String>) {
    let page = fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| {
            line.strip_prefix("| ").is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit()))
        })
        .map(|line| line.split(" | ").collect())
        .collect();
    let numbers: Vec<&str> = rows.iter().map(|row| row[0].trim_start_matches("| ")).collect();
    assert_eq!(numbers, rules.iter().map(u32::to_string).collect::<Vec<_>>());
    for row in &rows {
        let named = quoted(row.last().unwrap());
        assert!(row.len() == 5 && !named.is_empty(), "{row:?}");
        for name in named {
            assert!(tests.contains(name), "rule {} names {name}, which is no test", row[0]);
        }
    }
    // The prose names some, too: whatever looks like a sentence is a test.
    for name in quoted(&page).iter().filter(|text| text.matches('_').count() > 3) {
        assert!(tests.contains(*name), "{name} is no test");
    }
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Adds the names of all tests in the sources below `folder`.
fn collect(folder: &Path, tests: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add_tests(&fs::read_to_string(&path).unwrap(), tests);
        }
    }
}

fn add_tests(source: &str, tests: &mut HashSet<String>) {
    let mut marked = false;
    for line in source.lines().map(str::trim_start) {
        if line == "#[test]" {
            marked = true;
        } else if let Some((name, _)) =
            line.strip_prefix("fn ").and_then(|rest| rest.split_once('('))
            && std::mem::take(&mut marked)
        {
            tests.insert(name.to_owned());
        }
    }
}

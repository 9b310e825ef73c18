//! Reads what libtest and the tests themselves say. Called by `cargo xtask test`.

use super::report::Tally;

/// The counts of a test program's closing line:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
pub(super) fn parse_summary(line: &str) -> Option<Tally> {
    // A test may have printed before it without an end of line.
    let (_, counts) = line.split_once("test result: ")?;
    let (_, counts) = counts.split_once(". ")?;
    let count = |what: &str| {
        let found = counts.split(';').find_map(|count| count.trim().strip_suffix(what));
        found?.trim().parse().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

/// The name of a test that failed, of the line `test a::b ... FAILED`; doc tests have none that could be asked for.
pub(super) fn parse_failure(line: &str) -> Option<&str> {
    let (_, name) = line.strip_suffix(" ... FAILED")?.rsplit_once("test ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    (!name.contains(' ')).then_some(name)
}

/// The lines of the file that [`evenkeel_testkit::skipped`] appends to, without their first word.
pub(super) fn parse_skipped(file: &str) -> Vec<String> {
    let mut lines: Vec<_> =
        file.lines().filter_map(|line| line.strip_prefix("SKIPPED ")).map(str::to_owned).collect();
    // Tests run in any order.
    lines.sort();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_program_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; \
                    4 filtered out; finished in 0.10s";
        let tally = Tally { passed: 12, failed: 3, skipped: 1 };
        assert_eq!(parse_summary(line), Some(tally));
        assert_eq!(parse_summary(&format!("noise {line}")), Some(tally));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "test a ... ok", "test result: ", "running 3 tests", "test result: ok. x"]
        {
            assert_eq!(parse_summary(line), None, "{line}");
        }
    }

    #[test]
    fn a_test_that_failed_is_named() {
        for (line, name) in [
            ("test a::b ... FAILED", Some("a::b")),
            ("noise test b ... FAILED", Some("b")),
            ("test c - should panic ... FAILED", Some("c")),
            ("test src/lib.rs - (line 3) ... FAILED", None),
            ("test a ... ok", None),
            ("test result: FAILED. 1 passed", None),
        ] {
            assert_eq!(parse_failure(line), name, "{line}");
        }
    }

    #[test]
    fn skipped_tests_are_listed_in_order() {
        let file = "SKIPPED b: no nginx\nnoise\nSKIPPED a: no curl\n";
        assert_eq!(parse_skipped(file), ["a: no curl", "b: no nginx"]);
    }
}

//! Says that a test could not run. `cargo xtask test` reads it and counts the test as skipped.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

/// The variable by which `cargo xtask test` names the file that collects what was skipped.
pub const SKIPPED_FILE: &str = "EVENKEEL_SKIPPED";

/// Reports the calling test as skipped. Call it once, then return from the test.
///
/// The line goes to the real standard output, past libtest's capture, and to the file named by
/// [`SKIPPED_FILE`]: libtest can print another test's name into the same line, the file is exact.
pub fn skipped(name: &str, reason: &str) {
    let line = format!("SKIPPED {name}: {reason}\n");
    // Nothing to do if the terminal is gone: the test is skipped all the same.
    drop(io::stdout().write_all(line.as_bytes()));
    if let Some(path) = env::var_os(SKIPPED_FILE) {
        // The same: whoever named the file finds it short.
        drop(append(Path::new(&path), &line));
    }
}

/// One `write` per line, so that tests in several programs do not mix theirs.
fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;

    #[test]
    fn lines_are_appended_to_a_file_that_may_not_exist_yet() {
        let path = env::temp_dir().join(format!("evenkeel-skipped-{}", process::id()));
        append(&path, "SKIPPED a: x\n").unwrap();
        append(&path, "SKIPPED b: y\n").unwrap();
        let lines = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(lines, "SKIPPED a: x\nSKIPPED b: y\n");
    }
}

//! How the binary is made that is measured, and its build. Called by all benchmarks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::config::DIRECTORY;
use super::contender::{Contender, OURS};
use crate::Outcome;
use crate::package::RELEASE_BINARY;
use crate::pgo;
use crate::tools::{alone_in, cargo, succeed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// As packages hold it.
    Packaged,
    /// As `cargo build --release` makes it.
    Plain,
    /// Elsewhere: `EVENKEEL` names it.
    Given,
}

impl Flavour {
    /// What was asked for, by `--plain` or by `EVENKEEL`.
    ///
    /// # Errors
    /// When it was by both.
    pub(super) fn of(is_plain: bool, is_given: bool) -> Outcome<Self> {
        match (is_plain, is_given) {
            (true, true) => Err(PLAIN_AND_GIVEN.into()),
            (true, false) => Ok(Self::Plain),
            (false, true) => Ok(Self::Given),
            (false, false) => Ok(Self::Packaged),
        }
    }

    /// What a report says of it.
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::Packaged => "as packages hold it",
            Self::Plain => "as `cargo build --release` makes it",
            Self::Given => "built elsewhere",
        }
    }
}

/// Builds ourselves, if that is wanted, and the origins. What is built by a profile runs other benchmarks first. As long as what it returns
/// lives, no other benchmark changes what is in [`DIRECTORY`].
pub(super) fn build(flavour: Flavour, contenders: &[Contender]) -> Outcome<File> {
    let is_wanted = contenders.contains(&Contender::Evenkeel);
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--package", "evenkeel-testkit"]);
    let built = match flavour {
        Flavour::Packaged if is_wanted => Some(pgo::binary(&[])?),
        Flavour::Plain if is_wanted => {
            build.args(["--package", "evenkeel"]);
            Some(PathBuf::from(RELEASE_BINARY))
        }
        _ => None,
    };
    succeed(&mut build)?;
    let alone = alone_in(Path::new(DIRECTORY))?;
    if let Some(built) = built {
        // One that runs cannot be written to, but its place can be taken.
        let beside = Path::new(OURS).with_extension("new");
        fs::copy(built, &beside)?;
        fs::rename(beside, OURS)?;
    }
    Ok(alone)
}

const PLAIN_AND_GIVEN: &str =
    "EVENKEEL names the binary to measure, and --plain asks for another: leave out one of them";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_asked_for_in_one_way() {
        let measured = |is_plain, is_given| Flavour::of(is_plain, is_given).ok();
        assert_eq!(measured(false, false), Some(Flavour::Packaged));
        assert_eq!(measured(true, false), Some(Flavour::Plain));
        assert_eq!(measured(false, true), Some(Flavour::Given));
        assert_eq!(measured(true, true), None);
    }
}

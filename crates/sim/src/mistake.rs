//! What is wrong with a scenario, in words for whoever wrote it. Made wherever texts are read and scenarios are checked.

use std::error::Error;
use std::fmt;

/// What is wrong with a scenario or a part of one, and what a right one looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(String);

impl Mistake {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }

    /// Adds the text in which it stands, and a correct one.
    pub(crate) fn within(self, text: &str, example: &str) -> Self {
        Self(format!("`{text}`: {}, such as `{example}`", self.0))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Mistake {}

//! How overrides are kept: written into the files of the config, if these then say the same. Part of a reload.

use std::fs;
use std::path::PathBuf;

use super::{Conductor, Refused};
use crate::config::{ConfigFile, Report};
use crate::overrides::Overrides;
use crate::persist::{self, Targeted};
use crate::resolve::Lookup;

impl<L: Lookup> Conductor<L> {
    /// Writes the overrides into the file, or into those that it includes; gives those that a file cannot say. Nothing is
    /// written before it is known that the files then say what the overrides say now.
    pub(super) fn persist(&self, file: &ConfigFile) -> Result<Overrides, Refused> {
        let wrong = |report: Report| Refused::Config(report.render(false));
        let base = file.load().map_err(wrong)?.config;
        let (edits, left) = self.overrides.edits(&base);
        let texts = edited(file, edits)?;
        let after = file.rehearse(&texts).map_err(wrong)?.config;
        if left.over(&after) != self.overrides.over(&base) {
            return Err(Refused::Conflict(NOT_PERSISTED.to_owned()));
        }
        for (path, text) in texts {
            let unwritable =
                |error| Refused::Force(format!("cannot write {}: {error}", path.display()));
            persist::replace(&path, &text).map_err(unwritable)?;
        }
        Ok(left)
    }
}

/// The texts that the files get from these edits.
fn edited(
    file: &ConfigFile,
    mut edits: Vec<Targeted<'_>>,
) -> Result<Vec<(PathBuf, String)>, Refused> {
    let mut texts = Vec::new();
    for path in file.parts() {
        if edits.is_empty() {
            break;
        }
        let unreadable =
            |error| Refused::Config(format!("cannot read {}: {error}", path.display()));
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let (changed, elsewhere) = persist::edit(&text, &edits).map_err(Refused::Conflict)?;
        if elsewhere.len() < edits.len() {
            texts.push((path, changed));
        }
        edits = elsewhere;
    }
    match edits.first() {
        None => Ok(texts),
        Some((cluster, ..)) => Err(Refused::Conflict(format!(
            "no file of the config has cluster {cluster:?}; `evenkeel reload --clear` drops the overrides"
        ))),
    }
}

const NOT_PERSISTED: &str = "the overrides cannot be written into the file such that it says what is in force; \
    change the file by hand, and drop the overrides with `evenkeel reload --clear`";

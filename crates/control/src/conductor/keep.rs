//! How overrides are kept: written into the files of the config, if these then say the same. After a reload.

use std::fs;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Conductor, Refused};
use crate::config::{Config, ConfigFile, Report};
use crate::persist::{self, Drafted, Rewrite, Targeted};
use crate::resolve::Lookup;

/// What became of the overrides that were to be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// The files that were written.
    pub files: Vec<String>,
    /// What goes on as an override, because a file cannot say it: one line each.
    pub overrides: Vec<String>,
}

impl<L: Lookup> Conductor<L> {
    /// Writes the overrides into the file, or into those that it includes; `base` is what was read there a moment ago. What is in
    /// force stays the same: only where it comes from is another matter. It waits for nothing, so nothing comes between.
    pub(super) fn persist(&mut self, file: &ConfigFile, base: &Config) -> Result<Kept, Refused> {
        let (edits, left) = self.overrides.edits(base);
        let rewrites = self.rewrites(file, edits)?;
        let (after, seen) = file.rehearse(&rewrites);
        let wrong = |report: Report| Refused::Conflict(report.render(false));
        let after = after.map_err(wrong)?.config;
        if left.over(&after) != self.overrides.over(base) {
            return Err(Refused::Conflict(NOT_PERSISTED.to_owned()));
        }
        let drafted = Drafted::write(&rewrites).map_err(Refused::Conflict)?;
        drafted.put_in_place().map_err(Refused::Conflict)?;
        self.knowledge.seen.send_replace(seen);
        self.adopt(Arc::new(left.over(&after)), after, left);
        Ok(Kept {
            files: rewrites.iter().map(|each| each.file.display().to_string()).collect(),
            overrides: self.overrides.lines(),
        })
    }

    /// What the files say, and what they get from these edits.
    fn rewrites(
        &self,
        file: &ConfigFile,
        mut edits: Vec<Targeted<'_>>,
    ) -> Result<Vec<Rewrite>, Refused> {
        let mut rewrites = Vec::new();
        for path in file.parts(&self.knowledge.seen.borrow()) {
            if edits.is_empty() {
                break;
            }
            let unreadable =
                |error| Refused::Conflict(format!("cannot read {}: {error}", path.display()));
            let old = fs::read_to_string(&path).map_err(unreadable)?;
            let unwritable = |problem| Refused::Conflict(format!("{}: {problem}", path.display()));
            let (new, elsewhere) = persist::edit(&old, &edits).map_err(unwritable)?;
            if elsewhere.len() < edits.len() {
                rewrites.push(Rewrite { file: path, old, new });
            }
            edits = elsewhere;
        }
        match edits.first() {
            None => Ok(rewrites),
            Some((cluster, ..)) => Err(Refused::Conflict(format!(
                "no file of the config has cluster {cluster:?}; `evenkeel reload --clear` drops the overrides"
            ))),
        }
    }
}

const NOT_PERSISTED: &str = "the overrides cannot be written into the file such that it says what is in force; \
    change the file by hand, and drop the overrides with `evenkeel reload --clear`";

//! How overrides are kept: written into the files of the config, if these then say the same. Part of a reload.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Applied, Conductor, Refused};
use crate::config::{Config, ConfigFile, Report, Seen};
use crate::persist::{self, Drafted, Targeted};
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
    /// Writes the overrides into the file, or into those that it includes, and puts in force what the files say then; `base` is
    /// what they say now. They are written beside their places before, and take these after: whatever fails, file and config
    /// go on saying the same.
    pub(super) async fn persist(
        &mut self,
        file: &ConfigFile,
        (base, seen): (Config, &Seen),
        warnings: Vec<String>,
    ) -> Result<Applied, Refused> {
        let (edits, left) = self.overrides.edits(&base);
        let texts = edited(file, seen, edits)?;
        let (after, seen) = file.rehearse(&texts);
        let wrong = |report: Report| Refused::Conflict(report.render(false));
        let after = after.map_err(wrong)?.config;
        if left.over(&after) != self.overrides.over(&base) {
            return Err(Refused::Conflict(NOT_PERSISTED.to_owned()));
        }
        let drafted = Drafted::write(&texts).map_err(Refused::Conflict)?;
        let overrides = self.overrides.clone();
        let mut applied = self.replace(after, left, warnings).await?;
        if let Err(problem) = drafted.put_in_place() {
            // It is the same config: only where it comes from is another matter.
            self.replace(base, overrides, Vec::new()).await?;
            return Err(Refused::Conflict(problem));
        }
        self.knowledge.seen.send_replace(seen);
        applied.kept = Some(Kept {
            files: texts.iter().map(|(path, _)| path.display().to_string()).collect(),
            overrides: self.overrides.lines(),
        });
        Ok(applied)
    }
}

/// The texts that the files get from these edits.
fn edited(
    file: &ConfigFile,
    seen: &Seen,
    mut edits: Vec<Targeted<'_>>,
) -> Result<Vec<(PathBuf, String)>, Refused> {
    let mut texts = Vec::new();
    for path in file.parts(seen) {
        if edits.is_empty() {
            break;
        }
        let unreadable =
            |error| Refused::Conflict(format!("cannot read {}: {error}", path.display()));
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

//! What the conductor does when it is ordered to: read the file again, or change something on top of it. All or nothing.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::spawn_blocking;

use super::{Applied, ApplyError, Conductor, Refused, ReloadWish, Wish};
use crate::admin::{LastReload, ReloadResult, Trigger};
use crate::certificates::Known;
use crate::config::{Config, Loaded, diff};
use crate::events::{EventKind, EventLevel, shortened};
use crate::overrides::{Change, ChangeError, Overrides};
use crate::resolve::Lookup;

impl<L: Lookup> Conductor<L> {
    /// Does what is wished for, or nothing; also nothing if the config has another revision than `seen`.
    pub(super) async fn follow(
        &mut self,
        wish: Wish,
        seen: Option<&str>,
    ) -> Result<Applied, Refused> {
        let revision = self.knowledge.in_force.revision();
        if seen.is_some_and(|seen| seen != revision) {
            return Err(Refused::Outdated { revision });
        }
        match wish {
            Wish::Reload(wish) => self.reload(wish).await,
            Wish::Change(change) => self.change(&change).await,
        }
    }

    async fn change(&mut self, change: &Change) -> Result<Applied, Refused> {
        let Some(base) = self.base.clone() else { return Err(Refused::Ending) };
        let overrides = self.overrides.with(&base, change)?;
        let applied = self.replace((base, Arc::default()), overrides, Vec::new()).await?;
        for line in &applied.changes {
            tracing::info!("override: {line}");
            let (cluster, endpoint) = change.target();
            let about = Some((cluster, Some(endpoint)));
            self.knowledge.events.note_about(EventLevel::Info, EventKind::Override, about, line);
        }
        Ok(applied)
    }

    async fn reload(&mut self, wish: ReloadWish) -> Result<Applied, Refused> {
        let before = self.knowledge.seen.borrow().clone();
        let outcome = self.try_reload(wish).await;
        let is_old = wish.trigger == Trigger::File && before == *self.knowledge.seen.borrow();
        match &outcome {
            // The watch has noticed what somebody else has had read just now, and what was to be said about it is said.
            Ok(Applied { result: ReloadResult::Unchanged, .. }) | Err(Refused::Config(_))
                if is_old => {}
            Ok(_) | Err(Refused::Config(_) | Refused::Force(_)) => {
                self.write_down(wish.trigger, &outcome);
            }
            // It was the wish that could not be followed: the file is as good as it was.
            Err(refused) => {
                self.warn(EventKind::Reload, format!("nothing was reloaded: {refused}"));
            }
        }
        if wish.persist { self.keep(outcome?) } else { outcome }
    }

    /// Writes the overrides into the file that has just been put in force.
    fn keep(&mut self, reloaded: Applied) -> Result<Applied, Refused> {
        let (Some(file), Some(base)) = (self.file.clone(), self.base.clone()) else {
            return Err(Refused::Ending);
        };
        let kept = self.persist(&file, &base).inspect_err(|refused| {
            self.warn(EventKind::Override, format!("the overrides were not written: {refused}"));
        })?;
        for file in &kept.files {
            tracing::info!("overrides written into {file}");
        }
        let revision = self.knowledge.in_force.revision();
        Ok(Applied { kept: Some(kept), revision, ..reloaded })
    }

    async fn try_reload(&mut self, wish: ReloadWish) -> Result<Applied, Refused> {
        if wish.clear && wish.persist {
            return Err(Refused::Conflict(CLEAR_OR_PERSIST.to_owned()));
        }
        let Some(file) = self.file.clone() else {
            return self.reload_without_a_file(wish).await;
        };
        let known = self.knowledge.certificates.known();
        // A disk that does not answer, and ten thousand certificates, hold up no check: control has one thread.
        let reading = spawn_blocking(move || file.read_on(&known)).await;
        let Ok((loaded, mut seen)) = reading else { return Err(Refused::Ending) };
        let read = seen.take_certificates();
        self.knowledge.seen.send_replace(seen);
        let Loaded { config, warnings } =
            loaded.map_err(|report| Refused::Config(Box::new(report)))?;
        let mut odd = Vec::new();
        if !warnings.is_empty() {
            odd.push(warnings.render(false));
        }
        odd.extend(self.needs_a_restart(&config));
        let overrides = if wish.clear { Overrides::default() } else { self.overrides.clone() };
        self.replace((config, read), overrides, odd).await
    }

    /// What was on a command line cannot be read again; but overrides can be dropped.
    async fn reload_without_a_file(&mut self, wish: ReloadWish) -> Result<Applied, Refused> {
        match self.base.clone() {
            Some(base) if wish.clear => {
                self.replace((base, Arc::default()), Overrides::default(), Vec::new()).await
            }
            _ => Err(Refused::Conflict(NO_FILE.to_owned())),
        }
    }

    /// Puts the file `base` with `overrides` on top in force, and says what is different then. With it comes what was read of its
    /// certificates.
    async fn replace(
        &mut self,
        (base, read): (Config, Arc<Known>),
        overrides: Overrides,
        warnings: Vec<String>,
    ) -> Result<Applied, Refused> {
        let before = self.knowledge.in_force.config();
        self.put_in_force(base, overrides, read).await?;
        let after = self.knowledge.in_force.config();
        let changes = match (before, after) {
            (Some(before), Some(after)) => diff(&before, &after),
            _ => Vec::new(),
        };
        Ok(Applied {
            result: if changes.is_empty() {
                ReloadResult::Unchanged
            } else {
                ReloadResult::Applied
            },
            changes,
            warnings,
            kept: None,
            generation: self.plans.borrow().generation,
            revision: self.knowledge.in_force.revision(),
        })
    }

    /// The threads are there from the start; nothing else needs one.
    fn needs_a_restart(&self, config: &Config) -> Option<String> {
        let is_pending = !self.knowledge.in_force.restart_pending(config).is_empty();
        is_pending.then(|| {
            format!(
                "`workers` takes effect at the next start; until then there are {}",
                self.parts.workers
            )
        })
    }

    /// For the events and the log.
    fn warn(&self, kind: EventKind, text: String) {
        tracing::warn!("{text}");
        self.knowledge.events.note(EventLevel::Warn, kind, text);
    }

    /// For the status, the metrics, the events and the log.
    fn write_down(&self, trigger: Trigger, outcome: &Result<Applied, Refused>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for warning in outcome.iter().flat_map(|applied| &applied.warnings) {
            tracing::warn!("{}", warning.trim_end());
        }
        let (result, changes, problem) = match outcome {
            Ok(applied) => (applied.result, applied.changes.clone(), None),
            Err(refused) => (ReloadResult::Refused, Vec::new(), Some(refused.to_string())),
        };
        self.announce(result, &changes, problem.as_deref());
        self.knowledge.in_force.reloaded(LastReload {
            at_unix_seconds: now.as_secs_f64(),
            trigger,
            result,
            changes: beginning(changes),
            problem: problem.map(shortened),
        });
    }

    fn announce(&self, result: ReloadResult, changes: &[String], problem: Option<&str>) {
        let events = &self.knowledge.events;
        match result {
            ReloadResult::Applied => {
                let text = format!("reloaded, {}", counted(changes.len()));
                tracing::info!("{text}");
                for line in changes.iter().take(CHANGES_LOGGED_MAX) {
                    tracing::info!("  {line}");
                }
                let few = changes.iter().take(CHANGES_LOGGED_MAX);
                let lines: Vec<String> = std::iter::once(text).chain(few.cloned()).collect();
                events.note(EventLevel::Info, EventKind::Reload, lines.join("\n"));
            }
            ReloadResult::Unchanged => {
                let text = "reloaded, nothing is different";
                tracing::info!("{text}");
                events.note(EventLevel::Info, EventKind::Reload, text);
            }
            ReloadResult::Refused => {
                let problem = problem.unwrap_or_default().trim_end();
                let text = format!("reload refused; what was in force still is\n{problem}");
                tracing::error!("{text}");
                events.note(EventLevel::Error, EventKind::Reload, text);
            }
        }
    }
}

/// The first of them, and how many more there are.
fn beginning(mut changes: Vec<String>) -> Vec<String> {
    let more = changes.len().saturating_sub(CHANGES_KEPT_MAX);
    if more > 0 {
        changes.truncate(CHANGES_KEPT_MAX);
        changes.push(format!("… and {more} more"));
    }
    changes
}

fn counted(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown(text) => Self::Unknown(text),
            ChangeError::Conflict(text) => Self::Conflict(text),
        }
    }
}

impl From<ApplyError> for Refused {
    fn from(error: ApplyError) -> Self {
        Self::Force(error.to_string())
    }
}

const NO_FILE: &str = "this balancer was started from a command line, so there is no file to read; \
    `evenkeel serve … --save FILE` keeps the line as a file, and `evenkeel run -c FILE` starts from it";

const CLEAR_OR_PERSIST: &str =
    "`clear` forgets what `persist` writes into the file: ask for one of them";

/// Of a reload that changes thousands of things the log shows the beginning; `evenkeel reload` shows all.
const CHANGES_LOGGED_MAX: usize = 20;

/// So many are in the status until the next reload.
const CHANGES_KEPT_MAX: usize = 100;

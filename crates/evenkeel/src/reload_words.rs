//! How it is told to people, in `status` and in `top`, that what runs is not what the file says: it was refused, or a part of it waits
//! for a start.

use evenkeel_control::admin::{Status, Trigger};

use crate::units::show_age;

/// A config that was refused and still stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedConfig<'a> {
    /// What happened, in a few words.
    what: String,
    /// The same, and what it means.
    pub(crate) sentence: String,
    /// The report of what is wrong with it; several lines, or none.
    pub(crate) problem: &'a str,
}

impl RefusedConfig<'_> {
    /// The same with the first of what is wrong, for where there is one line.
    pub(crate) fn line(&self) -> String {
        match self.problem.lines().next() {
            Some(problem) => format!("{}: {}", self.what, problem.trim()),
            None => self.sentence.clone(),
        }
    }
}

/// What is to be said of the last reload, if it was refused; `now` in seconds of Unix time.
pub(crate) fn refused_config(status: &Status, now: f64) -> Option<RefusedConfig<'_>> {
    if !status.config.refused {
        return None;
    }
    let last = status.config.last_reload.as_ref();
    let age = last
        .map_or_else(String::new, |last| format!(" {} ago", show_age(now - last.at_unix_seconds)));
    let why = last.map_or_else(String::new, |last| {
        let why = match last.trigger {
            Trigger::Signal => "on a signal",
            Trigger::File => "when the file had changed",
            Trigger::Api => "when a reload was asked for",
        };
        format!(", {why}")
    });
    let what = format!("the config was refused{age}");
    let sentence = format!("{what}{why}: what runs is older than what it says");
    let problem = last.and_then(|last| last.problem.as_deref()).unwrap_or_default();
    Some(RefusedConfig { what, sentence, problem })
}

/// What waits for the next start, in a few words: `restart pending: workers 2 → 4`.
pub(crate) fn restart_pending(status: &Status) -> Option<String> {
    let pending = status.config.restart_pending.iter();
    let keys: Vec<String> =
        pending.map(|each| format!("{} {} → {}", each.key, each.running, each.wanted)).collect();
    (!keys.is_empty()).then(|| format!("restart pending: {}", keys.join(", ")))
}

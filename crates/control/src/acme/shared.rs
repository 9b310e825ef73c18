//! Answers to authorities that replicas with one state directory show together, for an authority asks whichever of them it reaches: whoever
//! orders writes them there, and each replica looks.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_plan::tls::Pending;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::stage::{Shown, Stage, proof};
use super::state::{Lock, State};
use super::trouble::Trouble;
use crate::config::AcmeConfig;

/// What somebody who asks is to find, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// By a request in clear text.
    Http { token: String, answer: String },
    /// In a handshake.
    Tls { name: String, digest: Vec<u8> },
}

impl Answer {
    /// Shows it on our own listeners.
    ///
    /// # Errors
    ///
    /// It cannot be shown.
    pub(super) fn show(&self, stage: &Arc<Stage>) -> Result<Shown, Trouble> {
        Ok(stage.show(match self {
            Self::Http { token, answer } => {
                Pending::Http { token: token.as_str().into(), answer: answer.as_str().into() }
            }
            Self::Tls { name, digest } => proof(name, digest)?,
        }))
    }
}

/// What one order has to answer, as it is in the directory.
#[derive(Debug, Serialize, Deserialize)]
struct Board {
    /// Whoever was killed takes nothing away: from then on nobody shows it.
    #[serde(rename = "until_unix_seconds", with = "super::moment")]
    until: SystemTime,
    answers: Vec<Answer>,
}

/// Answers that are in the directory for as long as this lives.
#[derive(Debug)]
pub(super) struct Published {
    state: State,
    lock: Lock,
}

/// Writes `answers` for the others, and waits until they have had time to look.
///
/// # Errors
///
/// They cannot be written.
pub(super) async fn publish(
    answers: Vec<Answer>,
    state: &State,
    lock: &Lock,
) -> Result<Published, Trouble> {
    let published = Published { state: state.clone(), lock: lock.clone() };
    let board = Board { until: SystemTime::now() + GOOD_FOR, answers };
    let lock = lock.clone();
    let written =
        state.with(move |state| state.write(FILE, &serde_json::to_vec_pretty(&board)?, &lock));
    let folder = state.folder().display();
    written
        .await?
        .map_err(|error| Trouble::new(format!("nothing can be kept in {folder}: {error}")))?;
    sleep(SEEN_WITHIN).await;
    Ok(published)
}

/// Takes the lock, and away what somebody has left who was killed under it; `None` if somebody else has it.
///
/// # Errors
///
/// The lock cannot be taken, or what was left not be taken away.
pub(super) fn try_lock(state: &State) -> io::Result<Option<Lock>> {
    let lock = state.try_lock()?;
    if let Some(lock) = &lock {
        state.remove(FILE, lock)?;
    }
    Ok(lock)
}

impl Drop for Published {
    fn drop(&mut self) {
        let (state, lock) = (self.state.clone(), self.lock.clone());
        // A disk that does not answer holds up nobody but the next order. Without a runtime everything is ending; what is left then, or
        // cannot be taken away, has an end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || state.remove(FILE, &lock));
        }
    }
}

/// The directories of `configs`, each with one of them.
pub(super) fn folders<'c>(
    configs: impl Iterator<Item = &'c AcmeConfig>,
) -> impl Iterator<Item = (PathBuf, State)> {
    let mut seen = BTreeSet::new();
    configs.filter_map(move |config| {
        let folder = &config.state.path;
        seen.insert(folder.clone()).then(|| (folder.clone(), State::of(config)))
    })
}

/// Shows what others have written into the directory of `state`, for as long as it is polled.
pub(super) async fn follow(state: State, stage: Arc<Stage>) {
    let (mut known, mut shown) = (Vec::new(), Vec::new());
    loop {
        let read = state.with(|state| state.read(FILE)).await;
        let text = read.ok().and_then(Result::ok).flatten();
        let answers = text.map(|text| current(&text, SystemTime::now())).unwrap_or_default();
        if answers != known {
            let new = answers.iter().take(ANSWERS_MAX);
            shown = new.filter_map(|answer| answer.show(&stage).ok()).collect();
            known = answers;
        }
        tracing::trace!(answers = shown.len(), "answers of others are shown");
        sleep(LOOK_EVERY).await;
    }
}

/// What is to be answered `now`, of what was written.
fn current(text: &[u8], now: SystemTime) -> Vec<Answer> {
    let Ok(board) = serde_json::from_slice::<Board>(text) else { return Vec::new() };
    // What ends later than anybody would have written it is garbled, or somebody's clock is.
    let is_current = now < board.until && board.until <= now + 2 * GOOD_FOR;
    if is_current { board.answers } else { Vec::new() }
}

/// Where they are.
const FILE: &str = "answers";

/// Six times what an order may take: clocks of replicas may differ by minutes.
const GOOD_FOR: Duration = Duration::from_mins(30);

const LOOK_EVERY: Duration = Duration::from_millis(700);

/// A look, and the time that a network's file system takes to tell of it.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// As many as a certificate has names.
const ANSWERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use evenkeel_plan::tls::Challenges;
    use tempfile::TempDir;

    use super::super::state::tests::wanted;
    use super::*;
    use crate::task::Task;

    /// Lets others go on until `is_so`.
    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Two that share a directory; what one of them follows is found in the answers.
    fn replicas() -> (TempDir, State, Arc<Challenges>, Task) {
        let folder = tempfile::tempdir().unwrap();
        let mut config = wanted(&["a.example"]);
        config.state.path = folder.path().to_owned();
        let (ours, theirs) = (State::of(&config), State::of(&config));
        let challenges: Arc<Challenges> = Arc::default();
        let stage = Arc::new(Stage::new(Arc::clone(&challenges)));
        (folder, ours, challenges, Task::spawn(follow(theirs, stage)))
    }

    fn is_shown(challenges: &Challenges) -> bool {
        challenges.answer(b"/.well-known/acme-challenge/t").is_some()
    }

    fn answers() -> Vec<Answer> {
        let http = Answer::Http { token: "t".to_owned(), answer: "t.x".to_owned() };
        vec![http, Answer::Tls { name: "a.example".to_owned(), digest: vec![7; 32] }]
    }

    #[tokio::test]
    async fn what_one_replica_publishes_the_others_show_until_it_is_over() {
        let (_folder, ours, challenges, _following) = replicas();
        let lock = try_lock(&ours).unwrap().unwrap();
        let published = publish(answers(), &ours, &lock).await.unwrap();
        // It has waited for that.
        assert!(is_shown(&challenges));
        drop(lock);
        // Who shows something holds on to the lock.
        assert!(try_lock(&ours).unwrap().is_none());
        drop(published);
        until(|| !is_shown(&challenges)).await;
        until(|| try_lock(&ours).unwrap().is_some()).await;
    }

    #[tokio::test]
    async fn what_is_garbled_takes_away_what_was_shown_and_ends_nothing() {
        let (folder, ours, challenges, _following) = replicas();
        let lock = try_lock(&ours).unwrap().unwrap();
        let _published = publish(answers(), &ours, &lock).await.unwrap();
        let file = folder.path().join(FILE);
        let good = std::fs::read(&file).unwrap();
        assert!(is_shown(&challenges));
        // It is seen to have been looked at by what it changes, each way.
        std::fs::write(&file, "[{").unwrap();
        until(|| !is_shown(&challenges)).await;
        std::fs::write(&file, good).unwrap();
        until(|| is_shown(&challenges)).await;
    }

    #[tokio::test]
    async fn what_was_left_by_one_that_was_killed_is_shown_no_more_after_the_next_order() {
        let (folder, ours, challenges, _following) = replicas();
        let lock = try_lock(&ours).unwrap().unwrap();
        // Nothing takes it away.
        std::mem::forget(publish(answers(), &ours, &lock).await.unwrap());
        assert!(is_shown(&challenges));
        // Its lock has ended with it.
        let lost = folder.path().join("lock");
        std::fs::remove_file(lost).unwrap();
        let _lock = try_lock(&ours).unwrap().unwrap();
        until(|| !is_shown(&challenges)).await;
    }

    #[test]
    fn what_was_left_by_one_that_was_killed_has_an_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let at = |until| {
            let board = Board { until, answers: answers() };
            current(&serde_json::to_vec(&board).unwrap(), now).len()
        };
        let second = Duration::from_secs(1);
        for (until, count) in [
            (now + GOOD_FOR, 2),
            (now + second, 2),
            (now, 0),
            (now - second, 0),
            (SystemTime::UNIX_EPOCH, 0),
            (now + 3 * GOOD_FOR, 0),
        ] {
            assert_eq!(at(until), count, "{until:?}");
        }
        assert_eq!(current(b"[", now), []);
    }

    #[test]
    fn each_directory_is_followed_once() {
        let at = |folder: &str| {
            let mut config = wanted(&["a.example"]);
            config.state.path = folder.into();
            config
        };
        let configs = [at("/a"), at("/b"), at("/a")];
        let folders: Vec<_> = folders(configs.iter()).map(|(folder, _)| folder).collect();
        assert_eq!(folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }
}

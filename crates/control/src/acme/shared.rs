//! Answers to authorities that replicas with one state directory show together, for an authority asks whichever of them it reaches: whoever
//! orders writes them there, and each replica looks.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::tls::Pending;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::stage::{Shown, Stage, proof};
use super::state::State;
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

/// Answers that are in the directory for as long as this lives.
#[derive(Debug)]
pub(super) struct Published(State);

/// Writes `answers` for the others, and waits until they have had time to look.
///
/// # Errors
///
/// They cannot be written.
pub(super) async fn publish(answers: Vec<Answer>, state: &State) -> Result<Published, Trouble> {
    let published = Published(state.clone());
    let written = state.with(move |state| state.write(FILE, &serde_json::to_vec_pretty(&answers)?));
    let folder = state.folder().display();
    written
        .await?
        .map_err(|error| Trouble::new(format!("nothing can be kept in {folder}: {error}")))?;
    sleep(SEEN_WITHIN).await;
    Ok(published)
}

impl Drop for Published {
    fn drop(&mut self) {
        // What is left is of no use to anybody, and is replaced by the next.
        let _ = std::fs::remove_file(self.0.folder().join(FILE));
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
        let answers: Vec<Answer> =
            text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        if answers != known {
            let new = answers.iter().take(ANSWERS_MAX);
            shown = new.filter_map(|answer| answer.show(&stage).ok()).collect();
            known = answers;
        }
        tracing::trace!(answers = shown.len(), "answers of others are shown");
        sleep(LOOK_EVERY).await;
    }
}

/// Where they are.
const FILE: &str = "answers.json";

const LOOK_EVERY: Duration = Duration::from_millis(700);

/// A look, and the time that a network's file system takes to tell of it.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// As many as a certificate has names.
const ANSWERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use evenkeel_plan::tls::Challenges;

    use super::super::state::tests::wanted;
    use super::*;

    /// Lets others go on until `is_so`.
    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn what_one_replica_publishes_the_others_show_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = wanted(&["a.example"]);
        config.state.path = folder.path().to_owned();
        let (ours, theirs) = (State::of(&config), State::of(&config));
        let challenges: Arc<Challenges> = Arc::default();
        let stage = Arc::new(Stage::new(Arc::clone(&challenges)));
        let following = tokio::spawn(follow(theirs, stage));
        let is_shown = || challenges.answer(b"/.well-known/acme-challenge/t").is_some();
        let http = Answer::Http { token: "t".to_owned(), answer: "t.x".to_owned() };
        let tls = Answer::Tls { name: "a.example".to_owned(), digest: vec![7; 32] };
        let published = publish(vec![http, tls], &ours).await.unwrap();
        // It has waited for that.
        assert!(is_shown());
        drop(published);
        until(|| !is_shown()).await;
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        assert!(!is_shown());
        following.abort();
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

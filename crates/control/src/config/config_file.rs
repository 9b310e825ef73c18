//! A config file that is read again and again: where it is, and what the command line says over it. The binary makes one, the
//! conductor reads it at every reload, the watch asks whether it has changed.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::decode::MEDIA_TYPES;
use super::drafts::Drafts;
use super::files::Folder;
use super::model::{Config, WorkerCount};
use super::report::Report;
use super::seen::{Seen, Witness};
use super::{Loaded, environment};
use crate::certificates::Known;
use crate::persist::Rewrite;

/// A config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the command line says about the workers; it wins over the file.
    pub workers: Option<WorkerCount>,
}

impl ConfigFile {
    /// Reads and checks it as it is now. Also says what it has seen on the way, whatever came of it.
    pub fn read(&self) -> (Result<Loaded, Report>, Seen) {
        self.read_on(&Known::default())
    }

    /// The same where certificates are in use already: what is good of them may stay, whatever their files have become.
    pub(crate) fn read_on(&self, known: &Known) -> (Result<Loaded, Report>, Seen) {
        self.read_with(Some(known))
    }

    /// What would be seen on the way. No certificate is looked at.
    pub(crate) fn look(&self) -> Seen {
        self.read_with(None).1
    }

    fn read_with(&self, certificates: Option<&Known>) -> (Result<Loaded, Report>, Seen) {
        let witness = Witness::new(Folder::of(&self.path), certificates);
        // Before it is read: a change in between is then noticed later, and not missed.
        witness.note_disk(&self.path);
        let loaded = Config::load_with(&self.path, &witness, &environment);
        (loaded.map(|loaded| self.with_workers(loaded)), witness.into_seen())
    }

    /// What reading it again would give if these files were rewritten.
    pub(crate) fn rehearse(&self, texts: &[Rewrite]) -> (Result<Loaded, Report>, Seen) {
        let drafts = Drafts::new(Folder::of(&self.path), texts);
        let own = drafts.text(&self.path);
        // It was read a moment ago, with the certificates.
        let witness = Witness::new(drafts, None);
        let loaded = match own {
            Some(text) => {
                witness.note(self.path.clone(), Some(text.as_bytes()));
                let name = self.path.display().to_string();
                Config::read(&name, text, &witness, &environment)
            }
            None => {
                witness.note_disk(&self.path);
                Config::load_with(&self.path, &witness, &environment)
            }
        };
        (loaded.map(|loaded| self.with_workers(loaded)), witness.into_seen())
    }

    /// Every file of `seen` that the config's text is in: its own first, then those that it includes.
    pub(crate) fn parts(&self, seen: &Seen) -> Vec<PathBuf> {
        let is_page = |it: &OsStr| MEDIA_TYPES.iter().any(|(extension, _)| it == *extension);
        let is_text = |path: &&PathBuf| !path.extension().is_some_and(is_page);
        let others = seen.paths().filter(|path| **path != self.path);
        std::iter::once(&self.path).chain(others.filter(is_text)).cloned().collect()
    }

    fn with_workers(&self, mut loaded: Loaded) -> Loaded {
        loaded.config.workers = self.workers.unwrap_or(loaded.config.workers);
        loaded
    }
}

//! The way to some files through folders and links: which folders have to be watched, and what counts in them. For the watch.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, Event, EventKind};

use crate::config::Seen;

/// The way to the files of a config.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Where anything on the way can be replaced, from the root on.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Those of them that files are in: without these nothing would be noticed.
    pub(super) nearest: BTreeSet<PathBuf>,
    /// What things on the way are called: files, links to them, and their folders.
    names: HashSet<OsString>,
    /// Folders in which every name counts: they are looked through for files to include.
    whole: HashSet<PathBuf>,
}

impl Trail {
    /// The way to everything that was seen.
    pub(super) fn of(seen: &Seen) -> Self {
        let mut trail = Self::default();
        for file in seen.paths() {
            trail.walk(file);
        }
        for folder in seen.folders() {
            let real = trail.walk(folder);
            trail.folders.insert(real.clone());
            trail.nearest.insert(real.clone());
            trail.whole.insert(real);
        }
        trail
    }

    /// Whether something may have changed that matters.
    pub(super) fn counts(&self, event: &Event) -> bool {
        let changes = match event.kind {
            // We ourselves open and read these files.
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        let matters = |path: &PathBuf| {
            path.file_name().is_some_and(|name| self.names.contains(name))
                || path.parent().is_some_and(|folder| self.whole.contains(folder))
        };
        // Without a path it says that others have been lost.
        changes
            && (event.paths.is_empty() || event.need_rescan() || event.paths.iter().any(matters))
    }

    /// Notes every step on the way to `path`; returns where it leads without any link, so that each folder has one path: the kernel
    /// gives it one watch, whatever it is called.
    fn walk(&mut self, path: &Path) -> PathBuf {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut at = PathBuf::new();
        let mut left = reversed(&path);
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let link = fs::read_link(&next).ok().filter(|_| links < LINKS_MAX);
            self.note(&at, &name, left.is_empty() && link.is_none());
            match link {
                Some(target) => {
                    links += 1;
                    left.extend(reversed(&target));
                }
                None => at = next,
            }
        }
        at
    }

    fn note(&mut self, folder: &Path, name: &OsStr, is_last: bool) {
        if is_last {
            self.nearest.insert(folder.to_owned());
        }
        self.folders.insert(folder.to_owned());
        self.names.insert(name.to_owned());
    }
}

/// The parts of a path, the last first.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

/// Linux gives up then (path_resolution(7)).
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests;

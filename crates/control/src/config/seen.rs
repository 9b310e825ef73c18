//! What a config was made from: a note of everything on the disk that was looked at. Config files make it, the watch compares it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::BYTES_MAX;
use super::files::{self, Files};
use super::model::{CertificateSource, Trust};
use crate::certificates::{FileKind, Finding, Known};

/// What a config was made from. Equal if every file is.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every file that was looked at, with a hash of its bytes, or `None` where there was none.
    files: BTreeMap<PathBuf, Option<u64>>,
    /// Every folder that was looked through for files to include.
    folders: BTreeSet<PathBuf>,
    /// What was read of certificates, for whoever puts the config in force. No part of what it was made from: it stays the same when they
    /// are renewed.
    certificates: Arc<Known>,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Seen {
    /// Every file that was looked at, also those that are not there.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.keys()
    }

    /// How many certificates were read that can be used, and when the first of them ends; `None` if there are none.
    pub fn certificates(&self) -> Option<(usize, SystemTime)> {
        let ends = self.certificates.ends();
        Some((ends.clone().count(), ends.min()?))
    }

    /// What was read of certificates. Nobody else finds them here then: they have keys, and are renewed.
    pub(crate) fn take_certificates(&mut self) -> Arc<Known> {
        std::mem::take(&mut self.certificates)
    }

    /// Every folder that was looked through for files to include.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.folders.iter()
    }
}

/// Files as a config sees them, and a note of everything that was looked at.
pub(super) struct Witness<'a, F> {
    files: F,
    /// What is known of certificates; `None` if nothing is to be said about them. They are no part of what the config was made from: the
    /// config stays the same when they are renewed.
    certificates: Option<&'a Known>,
    /// What was read of them.
    read: RefCell<Known>,
    seen: RefCell<Seen>,
}

impl<'a, F: Files> Witness<'a, F> {
    pub(super) fn new(files: F, certificates: Option<&'a Known>) -> Self {
        Self { files, certificates, read: RefCell::default(), seen: RefCell::default() }
    }

    /// The file at `path` has these bytes, or is not there.
    pub(super) fn note(&self, path: PathBuf, bytes: Option<&[u8]>) {
        self.seen.borrow_mut().files.insert(path, bytes.map(hash));
    }

    /// The file at `path` is as it is on the disk now.
    pub(super) fn note_disk(&self, path: &Path) {
        let is_file = path.metadata().is_ok_and(|about| about.is_file());
        let file = is_file.then(|| std::fs::File::open(path)).and_then(Result::ok);
        let bytes = file.and_then(|file| files::read_at_most(file, BYTES_MAX).ok());
        self.note(path.to_owned(), bytes.as_deref());
    }

    pub(super) fn into_seen(self) -> Seen {
        Seen { certificates: Arc::new(self.read.into_inner()), ..self.seen.into_inner() }
    }
}

impl<F: Files> Files for Witness<'_, F> {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let read = self.files.read(path, bytes_max);
        self.note(self.files.locate(path), read.as_deref().ok());
        read
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let place = self.files.locate(folder);
        let place = if place.as_os_str().is_empty() { PathBuf::from(".") } else { place };
        self.seen.borrow_mut().folders.insert(place);
        self.files.list(folder)
    }

    fn locate(&self, path: &Path) -> PathBuf {
        self.files.locate(path)
    }

    fn is_directory(&self, path: &Path) -> Option<bool> {
        self.files.is_directory(path)
    }

    fn obstacle(&self, path: &Path) -> Option<&'static str> {
        self.files.obstacle(path)
    }

    fn findings(&self, source: &CertificateSource) -> Vec<Finding> {
        let look = |it: &Known| it.look(source, &mut self.read.borrow_mut(), SystemTime::now());
        self.certificates.map_or_else(Vec::new, look)
    }

    fn file_findings(
        &self,
        file: (FileKind, &Path),
        beside: &[(FileKind, PathBuf)],
    ) -> Vec<Finding> {
        let look = |it: &Known| it.file_findings(file, beside, SystemTime::now());
        self.certificates.map_or_else(Vec::new, look)
    }

    fn findings_of_trust(&self, trust: &Trust) -> Vec<Finding> {
        self.certificates.map_or_else(Vec::new, |it| it.findings_of_trust(trust, SystemTime::now()))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

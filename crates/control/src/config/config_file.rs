//! A config file that is read again and again: where it is, what the command line says over it, and what was seen of the disk.
//! The binary makes one, the conductor reads it at every reload, the watch asks whether it has changed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, Files, Folder};
use super::model::{Config, WorkerCount};
use super::report::Report;
use super::{BYTES_MAX, Loaded, environment};

/// A config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the command line says about the workers; it wins over the file.
    pub workers: Option<WorkerCount>,
}

/// What a config was made from. Equal if every file is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Every file that was looked at, with a hash of its bytes, or `None` where there was none.
    files: BTreeMap<PathBuf, Option<u64>>,
    /// Every folder that was looked through for files to include.
    folders: BTreeSet<PathBuf>,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl ConfigFile {
    /// Reads and checks it as it is now.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, Report> {
        self.read().0
    }

    /// Every file that the config's text is in: its own first, then those that it includes.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let is_text =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        let others = self.read().1.files.into_keys().filter(|path| *path != self.path);
        std::iter::once(self.path.clone()).chain(others.filter(is_text)).collect()
    }

    /// Reads and checks what it would be if these files had these texts.
    pub(crate) fn rehearse(&self, texts: &[(PathBuf, String)]) -> Result<Loaded, Report> {
        let drafts = Drafts { folder: Folder::of(&self.path), texts };
        let name = self.path.display().to_string();
        let loaded = match drafts.text(&self.path) {
            Some(text) => Config::read(&name, text, &drafts, &environment),
            None => Config::load_with(&self.path, &drafts, &environment),
        };
        loaded.map(|loaded| self.with_workers(loaded))
    }

    fn with_workers(&self, mut loaded: Loaded) -> Loaded {
        loaded.config.workers = self.workers.unwrap_or(loaded.config.workers);
        loaded
    }

    /// The same, and what was seen on the way, whatever came of it.
    pub(crate) fn read(&self) -> (Result<Loaded, Report>, Seen) {
        let witness = Witness::new(Folder::of(&self.path));
        // Before it is read: a change in between is then noticed later, and not missed.
        witness.note(self.path.clone(), hash_of(&self.path));
        let loaded = Config::load_with(&self.path, &witness, &environment);
        let loaded = loaded.map(|loaded| self.with_workers(loaded));
        (loaded, witness.seen.into_inner())
    }
}

impl Seen {
    /// Where changes may happen: the folders of all files, through links too.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let real = |path: &PathBuf| path.canonicalize().ok();
        let paths = self.files.keys().flat_map(|path| [Some(path.clone()), real(path)]).flatten();
        let folder = |path: PathBuf| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut folders: Vec<PathBuf> =
            paths.map(folder).chain(self.folders.iter().cloned()).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// The disk as it would be if these files were written.
#[derive(Debug)]
struct Drafts<'a> {
    folder: Folder,
    texts: &'a [(PathBuf, String)],
}

impl Drafts<'_> {
    fn text(&self, path: &Path) -> Option<&str> {
        self.texts.iter().find(|(each, _)| each == path).map(|(_, text)| text.as_str())
    }
}

impl Files for Drafts<'_> {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        match self.text(&self.folder.locate(path)) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => self.folder.read(path, bytes_max),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.folder.list(folder)
    }

    fn locate(&self, path: &Path) -> PathBuf {
        self.folder.locate(path)
    }

    fn is_directory(&self, path: &Path) -> Option<bool> {
        self.folder.is_directory(path)
    }
}

/// The disk as a config sees it, and a note of everything that was looked at.
#[derive(Debug)]
struct Witness {
    folder: Folder,
    seen: RefCell<Seen>,
}

impl Witness {
    fn new(folder: Folder) -> Self {
        Self { folder, seen: RefCell::default() }
    }

    fn note(&self, path: PathBuf, hash: Option<u64>) {
        self.seen.borrow_mut().files.insert(path, hash);
    }
}

impl Files for Witness {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let read = self.folder.read(path, bytes_max);
        self.note(self.folder.locate(path), read.as_ref().ok().map(|bytes| hash(bytes)));
        read
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let place = self.folder.locate(folder);
        let place = if place.as_os_str().is_empty() { PathBuf::from(".") } else { place };
        self.seen.borrow_mut().folders.insert(place);
        self.folder.list(folder)
    }

    fn locate(&self, path: &Path) -> PathBuf {
        self.folder.locate(path)
    }

    fn is_directory(&self, path: &Path) -> Option<bool> {
        self.folder.is_directory(path)
    }
}

fn hash_of(path: &Path) -> Option<u64> {
    let is_file = path.metadata().is_ok_and(|about| about.is_file());
    let bytes = is_file.then(|| std::fs::File::open(path)).and_then(Result::ok);
    bytes.and_then(|file| files::read_at_most(file, BYTES_MAX).ok()).map(|bytes| hash(&bytes))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

//! The disk as it would be if some files were written. Config files rehearse with it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{Files, Folder};
use crate::persist::Rewrite;

/// The disk with `texts` in place of what some files say.
#[derive(Debug)]
pub(super) struct Drafts<'a> {
    folder: Folder,
    texts: &'a [Rewrite],
}

impl<'a> Drafts<'a> {
    pub(super) fn new(folder: Folder, texts: &'a [Rewrite]) -> Self {
        Self { folder, texts }
    }

    /// What the file at `path` would say, if it would be written.
    pub(super) fn text(&self, path: &Path) -> Option<&'a str> {
        self.texts.iter().find(|each| each.file == path).map(|each| each.new.as_str())
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

    fn obstacle(&self, path: &Path) -> Option<&'static str> {
        self.folder.obstacle(path)
    }
}

//! New texts of several files, written beside them and then put in their place together: all or none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// A file, what it says, and what it is to say.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pub(crate) file: PathBuf,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Texts that wait beside the files whose place they take. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Drafted<'a>(Vec<Draft<'a>>);

#[derive(Debug)]
struct Draft<'a> {
    rewrite: &'a Rewrite,
    /// The file that is replaced: a link stays one, what it leads to is replaced.
    file: PathBuf,
    /// Where the new text is.
    new: PathBuf,
    /// Where the old one is, to go back to until all are in place.
    old: PathBuf,
}

impl<'a> Drafted<'a> {
    /// Writes the drafts; nothing is replaced yet.
    ///
    /// # Errors
    ///
    /// Which file cannot be written, and why. Then no draft is left.
    pub(crate) fn write(rewrites: &'a [Rewrite]) -> Result<Self, String> {
        let mut drafted = Self(Vec::new());
        for rewrite in rewrites {
            let cannot = |error| cannot_write(&rewrite.file, &error);
            let draft = Draft::beside(rewrite).map_err(cannot)?;
            let written = draft.write();
            // Also one that is written in part is to go.
            drafted.0.push(draft);
            written.map_err(cannot)?;
        }
        Ok(drafted)
    }

    /// Puts all of them in place.
    ///
    /// # Errors
    ///
    /// Which file cannot be replaced, or was changed by somebody else meanwhile. Then every file is as it was.
    pub(crate) fn put_in_place(self) -> Result<(), String> {
        for (position, draft) in self.0.iter().enumerate() {
            if let Err(error) = draft.put_in_place() {
                for done in &self.0[..position] {
                    // There is nobody to turn to if this fails, too: the file system has let us do the same just now.
                    let _ = fs::rename(&done.old, &done.file);
                }
                return Err(cannot_write(&draft.rewrite.file, &error));
            }
        }
        for folder in self.0.iter().filter_map(|draft| draft.file.parent()) {
            // The texts are safe, and their names will be; if the disk says no, there is nothing to go back to.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Drafted<'_> {
    fn drop(&mut self) {
        for draft in &self.0 {
            // What is in place is there no more.
            let _ = fs::remove_file(&draft.new);
            let _ = fs::remove_file(&draft.old);
        }
    }
}

impl<'a> Draft<'a> {
    fn beside(rewrite: &'a Rewrite) -> io::Result<Self> {
        let file = rewrite.file.canonicalize()?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = |what: &str| file.with_file_name(format!(".{name}.evenkeel-{what}"));
        Ok(Self { rewrite, new: beside("new"), old: beside("old"), file })
    }

    fn write(&self) -> io::Result<()> {
        self.write_as(&self.old, &self.rewrite.old)?;
        self.write_as(&self.new, &self.rewrite.new)
    }

    /// A new file of the same owner and rights, which nobody else can read before it has them.
    fn write_as(&self, path: &Path, text: &str) -> io::Result<()> {
        let original = fs::metadata(&self.file)?;
        // A process that was killed may have left one.
        let _ = fs::remove_file(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (original.uid(), original.gid()) {
            fchown(&file, Some(original.uid()), Some(original.gid()))?;
        }
        file.set_permissions(original.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn put_in_place(&self) -> io::Result<()> {
        if fs::read(&self.file)? != self.rewrite.old.as_bytes() {
            return Err(io::Error::other("somebody else has changed it just now; try again"));
        }
        fs::rename(&self.new, &self.file)
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", file.display())
}

#[cfg(test)]
mod tests;

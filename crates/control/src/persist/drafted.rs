//! New texts of several files, written beside them and then put in their place together: all or none.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Texts that wait beside the files whose place they take. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Drafted(Vec<Draft>);

#[derive(Debug)]
struct Draft {
    /// The file that is replaced: a link stays one, what it leads to is replaced.
    file: PathBuf,
    /// Where the new text is.
    new: PathBuf,
    /// Where the old one is kept until all are in place.
    old: PathBuf,
}

impl Drafted {
    /// Writes the drafts; nothing is replaced yet.
    ///
    /// # Errors
    ///
    /// Which file cannot be written, and why. Then no draft is left.
    pub(crate) fn write(texts: &[(PathBuf, String)]) -> Result<Self, String> {
        let mut drafted = Self(Vec::new());
        for (path, text) in texts {
            let cannot = |error| format!("cannot write {}: {error}", path.display());
            let draft = Draft::beside(path).map_err(cannot)?;
            drafted.0.push(draft);
            let draft = drafted.0.last().map_or(Ok(()), |draft| draft.write(text));
            draft.map_err(cannot)?;
        }
        Ok(drafted)
    }

    /// Puts all of them in place.
    ///
    /// # Errors
    ///
    /// Which file cannot be replaced, and why. Then every file is as it was.
    pub(crate) fn put_in_place(self) -> Result<(), String> {
        for (position, draft) in self.0.iter().enumerate() {
            if let Err(error) = fs::rename(&draft.new, &draft.file) {
                for done in &self.0[..position] {
                    // There is nobody to turn to if this fails, too: the file system has let us do the opposite just now.
                    let _ = fs::rename(&done.old, &done.file);
                }
                return Err(format!("cannot write {}: {error}", draft.file.display()));
            }
        }
        Ok(())
    }
}

impl Drop for Drafted {
    fn drop(&mut self) {
        for draft in &self.0 {
            // What is in place is there no more.
            let _ = fs::remove_file(&draft.new);
            let _ = fs::remove_file(&draft.old);
        }
    }
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        let file = path.canonicalize()?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside =
            |what: &str| file.with_file_name(format!(".{name}.{}.{what}", std::process::id()));
        Ok(Self { new: beside("new"), old: beside("old"), file })
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let rights = fs::metadata(&self.file)?.permissions();
        fs::hard_link(&self.file, &self.old)
            .or_else(|_| fs::copy(&self.file, &self.old).map(drop))?;
        let mut file = File::create(&self.new)?;
        file.set_permissions(rights)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests;

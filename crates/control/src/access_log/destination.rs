//! Where lines are written to, and how it is opened. Used by the writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::OpenError;
use crate::config::AccessPath;

/// What can be written to and opened again. The tests have others.
pub(super) trait Destination: Write {
    /// Opens it anew. If that fails, what was open before stays so.
    fn reopen(&mut self) -> io::Result<()>;

    /// Is `place` from now on.
    fn redirect(&mut self, place: Place);

    /// Whether it ends in the middle of a line, which somebody left there.
    fn is_torn(&self) -> bool;

    /// What it is called, for people.
    fn name(&self) -> String;
}

/// A path in the system.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` for nowhere: what is written there is gone.
    open: Option<(AccessPath, File)>,
}

impl Place {
    /// Where nothing is kept.
    pub(super) fn nowhere() -> Self {
        Self { open: None }
    }

    /// Opens `path`, or nowhere.
    pub(crate) fn open(path: Option<AccessPath>) -> Result<Self, OpenError> {
        let open = path.map(|path| match open(&path) {
            Ok(file) => Ok((path, file)),
            Err(source) => Err(OpenError { path, source }),
        });
        Ok(Self { open: open.transpose()? })
    }
}

impl Destination for Place {
    fn reopen(&mut self) -> io::Result<()> {
        if let Some((path, file)) = &mut self.open {
            *file = open(path)?;
        }
        Ok(())
    }

    fn redirect(&mut self, place: Place) {
        *self = place;
    }

    fn is_torn(&self) -> bool {
        match &self.open {
            Some((AccessPath::File(path), _)) => ends_within_a_line(path).unwrap_or(false),
            Some((AccessPath::Stdout, _)) | None => false,
        }
    }

    fn name(&self) -> String {
        self.open.as_ref().map_or_else(|| "nowhere".to_owned(), |(path, _)| path.to_string())
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.open {
            Some((_, file)) => file.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(path: &AccessPath) -> io::Result<File> {
    match path {
        // A handle of its own: whoever blocks in std's would hold a lock that others wait for.
        AccessPath::Stdout => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
        AccessPath::File(path) => open_file(path),
    }
}

/// Whether the last byte of a file is no line feed: a disk was full, or a process killed, in the middle of a line.
fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let about = path.metadata()?;
    if !about.is_file() || about.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    File::open(path)?.read_exact_at(&mut last, about.len() - 1)?;
    Ok(last != *b"\n")
}

fn open_file(path: &Path) -> io::Result<File> {
    let is_pipe = path.metadata().is_ok_and(|about| about.file_type().is_fifo());
    // A pipe whose reader stands still must not hold the thread, which could then neither say so nor open another one.
    let no_waiting = if is_pipe { OFlags::NONBLOCK } else { OFlags::empty() };
    OpenOptions::new()
        .custom_flags(no_waiting.bits().cast_signed())
        .append(true)
        .create(true)
        // To open a named pipe for writing alone waits until somebody reads it, which may be never. Linux lets us be a reader
        // too (fifo(7)); then the pipe also keeps its content while its reader is started again.
        .read(is_pipe)
        // Whoever may read the log may see what people looked at: the owner, and a group for the collectors.
        .mode(0o640)
        .open(path)
}

//! The record of what an origin began to work on. Written by `serving` so that it survives `kill -9`, read by whoever judges.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::moment::Moment;

/// One request that an origin began to work on: its head had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began {
    /// When.
    pub at: Moment,
    /// Which.
    pub id: u64,
}

/// The journal of one origin, whichever process it is at the time.
pub(super) struct Journal(File);

impl Journal {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// One `write`, so that what is written is whole, and is there when the process dies.
    pub(super) fn began(&self, id: u64) -> io::Result<()> {
        (&self.0).write_all(format!("{} {id}\n", Moment::now().0).as_bytes())
    }
}

/// Reads the journal at `path`; one that does not exist is empty.
///
/// # Errors
/// What reading says; also a line that no journal has.
pub(super) fn read(path: &Path) -> io::Result<Vec<Began>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let parse = |line: &str| {
        let (at, id) = line.split_once(' ')?;
        Some(Began { at: Moment(at.parse().ok()?), id: id.parse().ok()? })
    };
    let wrong = |line: &str| crate::message::malformed("not a line of a journal", line);
    text.lines().map(|line| parse(line).ok_or_else(|| wrong(line))).collect()
}

//! The access log's writer: a thread that takes the workers' lines and writes them. Started by [`crate::start`].
//!
//! A thread, because writing to a file blocks; of its own, because a stalled pipe may block it for ever.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use evenkeel_plan::lines::LineReceiver;

use crate::config::AccessPath;

mod destination;
mod trouble;
mod writer;

pub(crate) use destination::Place;
use writer::Writer;

/// The writer while it runs. Dropping it writes what is left, for at most [`LAST_WORDS`].
#[derive(Debug)]
pub(crate) struct AccessLog {
    remote: Remote,
    ended: mpsc::Receiver<()>,
}

/// Tells the writer what to do, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    wishes: Arc<Wishes>,
    thread: Thread,
}

/// What the writer is to do besides writing.
#[derive(Debug, Default)]
struct Wishes {
    reopen: AtomicBool,
    stop: AtomicBool,
    /// Where to write from now on.
    place: Mutex<Option<Place>>,
}

/// Why the access log cannot be where it is wanted.
#[derive(Debug)]
pub struct OpenError {
    path: AccessPath,
    source: io::Error,
}

// === impl AccessLog ===

impl AccessLog {
    /// Starts the thread that writes what comes by `lines`: nowhere, until it is told where.
    ///
    /// # Errors
    ///
    /// When there is no thread to be had.
    pub(crate) fn start(lines: LineReceiver) -> io::Result<Self> {
        let wishes = Arc::new(Wishes::default());
        let (over, ended) = mpsc::channel();
        let writer = Writer::new(lines, Place::nowhere(), Arc::clone(&wishes));
        let body = move || {
            writer.run();
            // Nobody waits for it if the time for the last words is over.
            drop(over);
        };
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(body)?;
        Ok(Self { remote: Remote { wishes, thread: thread.thread().clone() }, ended })
    }

    /// What may be kept by those who ask for a new file.
    pub(crate) fn remote(&self) -> Remote {
        self.remote.clone()
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.remote.wish(|wishes| &wishes.stop);
        if self.ended.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the access log's last lines are lost: nobody takes them");
        }
    }
}

// === impl Remote ===

impl Remote {
    /// The path is opened anew before the next line is written. Returns at once.
    pub(crate) fn reopen(&self) {
        self.wish(|wishes| &wishes.reopen);
    }

    /// From now on lines are written to `place`. Returns at once.
    pub(crate) fn redirect(&self, place: Place) {
        *self.wishes.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        self.thread.unpark();
    }

    fn wish(&self, which: impl Fn(&Wishes) -> &AtomicBool) {
        which(&self.wishes).store(true, Ordering::Release);
        self.thread.unpark();
    }
}

// === impl OpenError ===

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, source } = self;
        write!(f, "the access log cannot be opened: {path}: {source}; ")?;
        f.write_str(match source.kind() {
            io::ErrorKind::NotFound => "make the directory, or change `path` in [log] access",
            io::ErrorKind::PermissionDenied => {
                "let the user we run as write there, or change `path` in [log] access"
            }
            _ => "change `path` in [log] access, or leave the access log out",
        })
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// How long the last lines may hold up the exit: a disk takes them in far less, and a stalled pipe never.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

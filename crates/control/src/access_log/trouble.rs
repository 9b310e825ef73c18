//! Says in the log what is wrong with the access log, and not too often. Used by the writer.

use std::io;
use std::time::{Duration, Instant};

/// What has been said.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// When the last complaint was made.
    said: Option<Instant>,
    /// Whether it was said that a write failed, and none has succeeded since.
    failing: bool,
    /// How many lines were known to be lost to full rings.
    lost_before: u64,
}

impl Trouble {
    /// A write failed. `lost` counts all lines that writing has ever lost.
    pub(super) fn failed(&mut self, name: &str, error: &io::Error, lost: u64) {
        if self.may_say() {
            self.failing = true;
            let help = help(error);
            tracing::warn!(lost, "cannot write the access log to {name}: {error}; {help}");
        }
    }

    /// A write succeeded.
    pub(super) fn succeeded(&mut self, name: &str) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("the access log is written to {name} again");
        }
    }

    /// So many lines have found no room.
    pub(super) fn overrun(&mut self, name: &str, lost: u64) {
        if lost > self.lost_before && self.may_say() {
            tracing::warn!(
                lost,
                "{name} takes the access log too slowly, so lines are lost; a faster disk or reader helps, or `keep = \"errors\"`"
            );
            self.lost_before = lost;
        }
    }

    /// The path could not be opened again.
    pub(super) fn not_reopened(&self, name: &str, error: &io::Error) {
        // As often as somebody asks for it.
        tracing::warn!("cannot open {name} again: {error}; the access log goes on where it was");
    }

    fn may_say(&mut self) -> bool {
        let now = Instant::now();
        let may = self.said.is_none_or(|said| now.duration_since(said) >= BETWEEN_COMPLAINTS);
        if may {
            self.said = Some(now);
        }
        may
    }
}

/// What a person can do about it.
fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
        io::ErrorKind::BrokenPipe => {
            "nobody reads it any more; a file or a named pipe can be opened again"
        }
        io::ErrorKind::WouldBlock => "its reader is too slow, or stands still",
        _ => "mend it, then send USR1 to open it again",
    }
}

/// A disk that is full stays so for a while, and a complaint per batch would fill the next one.
const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(10);

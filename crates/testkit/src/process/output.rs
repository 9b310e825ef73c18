//! The lines that a program has printed, collected by one thread per stream. Called by `Process`.

use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::gate::lock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, Default)]
pub(super) struct Captured {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    all: Vec<(Stream, String)>,
    open_streams: usize,
}

impl Captured {
    /// Collects `source` on a thread of its own, until its end.
    pub(super) fn follow(self: &Arc<Self>, stream: Stream, source: impl Read + Send + 'static) {
        lock(&self.lines).open_streams += 1;
        let captured = Arc::clone(self);
        thread::spawn(move || {
            captured.collect(stream, source);
            lock(&captured.lines).open_streams -= 1;
            captured.changed.notify_all();
        });
    }

    fn collect(&self, stream: Stream, source: impl Read) {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while matches!(source.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            lock(&self.lines).all.push((stream, text));
            self.changed.notify_all();
            line.clear();
        }
    }

    /// The `count`th line that contains `needle`.
    pub(super) fn wait_for(
        &self,
        needle: &str,
        count: usize,
        within: Duration,
    ) -> io::Result<String> {
        let matching = |lines: &Lines| {
            let mut matching = lines.all.iter().filter(|(_, line)| line.contains(needle));
            matching.nth(count.saturating_sub(1)).map(|(_, line)| line.clone())
        };
        let lines = lock(&self.lines);
        let waited = self.changed.wait_timeout_while(lines, within, |lines| {
            lines.open_streams > 0 && matching(lines).is_none()
        });
        let lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        matching(&lines).ok_or_else(|| lines.missing(needle, within))
    }

    /// Waits until both streams have ended, or for `within`.
    pub(super) fn wait_for_end(&self, within: Duration) {
        let lines = lock(&self.lines);
        drop(self.changed.wait_timeout_while(lines, within, |lines| lines.open_streams > 0));
    }

    pub(super) fn text(&self, stream: Stream) -> String {
        let lines = lock(&self.lines);
        let of_stream = lines.all.iter().filter(|(of, _)| *of == stream);
        of_stream.flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
    }
}

impl Lines {
    fn missing(&self, needle: &str, within: Duration) -> io::Error {
        let (kind, why) = if self.open_streams == 0 {
            (io::ErrorKind::UnexpectedEof, "the program ended".to_owned())
        } else {
            (io::ErrorKind::TimedOut, format!("{within:?} passed"))
        };
        let printed: String = self.all.iter().flat_map(|(_, line)| [line, "\n"]).collect();
        io::Error::new(kind, format!("{why} without a line with {needle:?}; it said:\n{printed}"))
    }
}

//! What the access log's thread does: takes what has come, writes it at once, rests, and sleeps when nothing comes.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use evenkeel_plan::lines::{BATCH_BYTES, LineReceiver};

use super::Wishes;
use super::destination::Destination;
use super::trouble::Trouble;

#[derive(Debug)]
pub(super) struct Writer<D> {
    lines: LineReceiver,
    destination: D,
    wishes: Arc<Wishes>,
    trouble: Trouble,
    /// Whether the last byte that was written is in the middle of a line.
    torn: bool,
    batch: Vec<u8>,
}

impl<D: Destination> Writer<D> {
    pub(super) fn new(lines: LineReceiver, destination: D, wishes: Arc<Wishes>) -> Self {
        let (trouble, batch) = (Trouble::default(), Vec::new());
        let torn = destination.is_torn();
        Self { lines, destination, wishes, trouble, torn, batch }
    }

    /// Writes until told to stop, and then what is left.
    pub(super) fn run(mut self) {
        // A wish is looked at after each time the thread was parked, so that none is slept over.
        loop {
            let stop = self.wishes.stop.load(Ordering::Acquire);
            self.redirect();
            if self.wishes.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            let taken = self.write_batch();
            match taken {
                0 if stop => return,
                0 => self.lines.wait(SLEEP_MAX),
                // The more there is, the sooner must the rings be emptied again.
                few if few < BATCH_BYTES / 4 && !stop => thread::park_timeout(REST),
                _ => {}
            }
        }
    }

    /// Takes a batch of lines and writes or loses them; returns how many bytes it took.
    pub(super) fn write_batch(&mut self) -> usize {
        self.batch.clear();
        if self.torn {
            // What is left of the torn line gets a line of its own.
            self.batch.push(b'\n');
        }
        let before = self.batch.len();
        self.lines.take(&mut self.batch);
        let taken = self.batch.len() - before;
        if taken > 0 {
            self.write_out(before);
            let lost = self.lines.counters().lost_to_full_rings();
            self.trouble.overrun(&self.destination.name(), lost);
        }
        taken
    }

    /// Writes the batch, whose lines begin at `start`.
    fn write_out(&mut self, start: usize) {
        let (done, outcome) = write_all(&mut self.destination, &self.batch);
        if let Some(last) = self.batch[..done].last() {
            self.torn = *last != b'\n';
        }
        let counters = self.lines.counters();
        let count = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        // A torn line has its line feed among what was not written, and so counts as lost.
        counters.written.add(count(&self.batch[start..done.max(start)]));
        counters.write_failed.add(count(&self.batch[done.max(start)..]));
        let name = self.destination.name();
        match outcome {
            Ok(()) => self.trouble.succeeded(&name),
            Err(error) => self.trouble.failed(&name, &error, counters.write_failed.count()),
        }
    }

    /// What became of the lines, for the tests.
    #[cfg(test)]
    pub(super) fn counters(&self) -> &evenkeel_plan::lines::LineCounters {
        self.lines.counters()
    }

    fn redirect(&mut self) {
        let place = self.wishes.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(place) = place {
            self.destination.redirect(place);
            self.torn = self.destination.is_torn();
            self.trouble = Trouble::default();
        }
    }

    fn reopen(&mut self) {
        match self.destination.reopen() {
            Ok(()) => self.torn = self.destination.is_torn(),
            Err(error) => self.trouble.not_reopened(&self.destination.name(), &error),
        }
    }
}

/// Writes as much as can be written; returns how much that is, and what came after it.
fn write_all(destination: &mut impl Destination, mut bytes: &[u8]) -> (usize, io::Result<()>) {
    let (all, mut stalls) = (bytes.len(), 0);
    while !bytes.is_empty() {
        match destination.write(bytes) {
            Ok(0) => return (all - bytes.len(), Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => (bytes, stalls) = (&bytes[written..], 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody who shares the pipe with us has made it so; wait for its reader, as a write that blocks would.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && stalls < STALLS_MAX => {
                stalls += 1;
                thread::park_timeout(REST);
            }
            Err(error) => return (all - bytes.len(), Err(error)),
        }
    }
    (all, Ok(()))
}

/// How long the thread rests between small batches. Meanwhile nobody has to wake it, so that of many lines only the first costs
/// its worker a system call; and a write carries hundreds of lines where there are so many.
const REST: Duration = Duration::from_millis(4);

/// A line or a wish wakes the thread; this only bounds what a mistake in that could cost.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// So often a pipe that does not block may be full in a row: about a second.
const STALLS_MAX: u32 = 250;

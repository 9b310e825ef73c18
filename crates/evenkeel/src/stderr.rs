//! What a running balancer says on stderr: through a thread, so that a reader who stands still costs sentences, and never a check,
//! a reload or a stop. The log and the service write with it; commands that end at once need not.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// What waits to be said, once somebody has begun.
static QUEUE: OnceLock<SyncSender<Said>> = OnceLock::new();

/// One thing to say, and whom to tell when it was said.
struct Said {
    bytes: Vec<u8>,
    told: Option<SyncSender<()>>,
}

/// Each write is said as a whole, or not at all.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // If the queue is full, its reader has not read for long.
        let _ = queue().try_send(Said { bytes: bytes.to_vec(), told: None });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says a sentence on a line of its own.
pub(crate) fn say(sentence: &str) {
    // It cannot fail.
    let _ = Stderr.write(format!("{sentence}\n").as_bytes());
}

/// Waits until all was said, but not for ever.
pub(crate) fn finish() {
    let (told, all_said) = sync_channel(1);
    if queue().try_send(Said { bytes: Vec::new(), told: Some(told) }).is_ok() {
        // Who does not read in this time does not want to know.
        let _ = all_said.recv_timeout(LAST_WORDS);
    }
}

fn queue() -> &'static SyncSender<Said> {
    QUEUE.get_or_init(|| {
        let (queue, waiting) = sync_channel(SENTENCES_MAX);
        // Without a thread nothing is said, which is how it would be with a closed stderr.
        let _ = thread::Builder::new().name("stderr".to_owned()).spawn(move || speak(&waiting));
        queue
    })
}

fn speak(waiting: &Receiver<Said>) {
    for said in waiting {
        // A closed stderr is no reason to stop.
        let _ = io::stderr().write_all(&said.bytes);
        if let Some(told) = said.told {
            let _ = told.send(());
        }
    }
}

/// More than is said in a bad minute.
const SENTENCES_MAX: usize = 1024;

const LAST_WORDS: Duration = Duration::from_secs(1);

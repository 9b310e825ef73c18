use std::collections::VecDeque;
use std::fs;
use std::io::{Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use evenkeel_plan::lines::{LineSender, lines};
use evenkeel_testkit::wait_until;
use tempfile::TempDir;

use super::destination::Destination;
use super::*;

const LONG: Duration = Duration::from_secs(30);

/// A destination that does as it is told, and takes everything when it is told nothing more.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    text: Vec<u8>,
    /// What comes of the next writes: so many bytes at most, or an error.
    answers: VecDeque<Result<usize, io::ErrorKind>>,
    reopened: usize,
}

impl Paper {
    fn answer(&self, answers: &[Result<usize, io::ErrorKind>]) {
        self.sheet().answers.extend(answers);
    }

    fn text(&self) -> String {
        String::from_utf8(self.sheet().text.clone()).unwrap()
    }

    fn sheet(&self) -> std::sync::MutexGuard<'_, Sheet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sheet = self.sheet();
        let length = bytes.len().min(sheet.answers.pop_front().unwrap_or(Ok(usize::MAX))?);
        sheet.text.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Destination for Paper {
    fn redirect(&mut self, _place: Place) {}

    fn reopen(&mut self) -> io::Result<()> {
        self.sheet().reopened += 1;
        Ok(())
    }

    fn is_torn(&self) -> bool {
        false
    }

    fn name(&self) -> String {
        "paper".to_owned()
    }
}

fn writer() -> (LineSender, Writer<Paper>, Paper, Arc<Wishes>) {
    let (mut senders, receiver) = lines(1);
    let (paper, wishes) = (Paper::default(), Arc::new(Wishes::default()));
    let writer = Writer::new(receiver, paper.clone(), Arc::clone(&wishes));
    (senders.remove(0), writer, paper, wishes)
}

/// (written, lost)
fn counted(writer: &Writer<Paper>) -> (u64, u64) {
    let counters = writer.counters();
    (counters.written.count(), counters.write_failed.count())
}

#[test]
fn lines_are_written_in_as_many_pieces_as_it_takes() {
    let (mut sender, mut writer, paper, _) = writer();
    paper.answer(&[Ok(1), Err(io::ErrorKind::Interrupted), Ok(3)]);
    sender.send(b"one\n");
    sender.send(b"two\n");
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("one\ntwo\n", (2, 0)));
}

#[test]
fn what_a_full_disk_does_not_take_is_lost_and_counted() {
    let (mut sender, mut writer, paper, _) = writer();
    for error in [io::ErrorKind::StorageFull, io::ErrorKind::BrokenPipe, io::ErrorKind::Other] {
        paper.answer(&[Err(error)]);
        sender.send(b"lost\n");
        writer.write_batch();
    }
    sender.send(b"kept\n");
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("kept\n", (1, 3)));
}

#[test]
fn a_torn_line_is_lost_and_the_next_one_begins_a_line() {
    let (mut sender, mut writer, paper, _) = writer();
    paper.answer(&[Ok(6), Err(io::ErrorKind::StorageFull)]);
    ["one\n", "two\n", "three\n"].iter().for_each(|line| sender.send(line.as_bytes()));
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("one\ntw", (1, 2)));
    // It is still full: nothing changes.
    paper.answer(&[Err(io::ErrorKind::StorageFull)]);
    sender.send(b"four\n");
    writer.write_batch();
    sender.send(b"five\n");
    writer.write_batch();
    sender.send(b"six\n");
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("one\ntw\nfive\nsix\n", (3, 3)));
}

#[test]
fn a_write_that_ends_between_two_lines_tears_none() {
    let (mut sender, mut writer, paper, _) = writer();
    paper.answer(&[Ok(4), Err(io::ErrorKind::StorageFull)]);
    sender.send(b"one\n");
    sender.send(b"two\n");
    writer.write_batch();
    sender.send(b"three\n");
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("one\nthree\n", (2, 1)));
}

#[test]
fn a_pipe_that_is_full_for_a_moment_costs_nothing() {
    let (mut sender, mut writer, paper, _) = writer();
    paper.answer(&[Ok(2), Err(io::ErrorKind::WouldBlock), Err(io::ErrorKind::WouldBlock)]);
    sender.send(b"patience\n");
    writer.write_batch();
    assert_eq!((paper.text().as_str(), counted(&writer)), ("patience\n", (1, 0)));
}

#[test]
fn a_stop_writes_what_is_left_and_a_wish_to_reopen_is_granted() {
    let (mut sender, writer, paper, wishes) = writer();
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    (0..900).for_each(|_| sender.send(&line));
    wishes.reopen.store(true, Ordering::Release);
    wishes.stop.store(true, Ordering::Release);
    writer.run();
    assert_eq!((paper.text().len(), paper.sheet().reopened), (900_000, 1));
}

#[test]
fn a_moved_file_is_followed_until_a_new_one_is_asked_for() {
    let (mut senders, receiver) = lines(1);
    let counters = Arc::clone(receiver.counters());
    let directory = TempDir::new().unwrap();
    let (path, moved) = (directory.path().join("access.log"), directory.path().join("old"));
    let log = started(receiver, &path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o027, 0);
    let mut send = |line: &str, count| {
        senders[0].send(line.as_bytes());
        wait_until(LONG, || counters.written.count() == count).unwrap();
    };
    send("first\n", 1);
    fs::rename(&path, &moved).unwrap();
    send("second\n", 2);
    log.remote().reopen();
    wait_until(LONG, || path.exists()).unwrap();
    send("third\n", 3);
    drop(log);
    assert_eq!(fs::read_to_string(moved).unwrap(), "first\nsecond\n");
    assert_eq!(fs::read_to_string(path).unwrap(), "third\n");
}

#[test]
fn what_was_in_a_file_stays_there() {
    let (mut senders, receiver) = lines(1);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("access.log");
    fs::write(&path, "before\n").unwrap();
    let log = started(receiver, &path);
    senders[0].send(b"after\n");
    drop(log);
    assert_eq!(fs::read_to_string(path).unwrap(), "before\nafter\n");
}

#[test]
fn a_line_that_was_torn_by_a_full_disk_or_a_kill_is_not_glued_to_the_next() {
    let (mut senders, receiver) = lines(1);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("access.log");
    fs::write(&path, "whole\nto").unwrap();
    let log = started(receiver, &path);
    senders[0].send(b"after\n");
    drop(log);
    assert_eq!(fs::read_to_string(path).unwrap(), "whole\nto\nafter\n");
}

#[test]
fn a_pipe_that_stands_still_can_be_left_for_a_file() {
    let (mut senders, receiver) = lines(1);
    let counters = Arc::clone(receiver.counters());
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("log");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let log = started(receiver, &path);
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    wait_until(LONG, || {
        (0..1000).for_each(|_| senders[0].send(&line));
        counters.write_failed.count() > 0
    })
    .unwrap();
    fs::rename(&path, directory.path().join("pipe")).unwrap();
    log.remote().reopen();
    wait_until(LONG, || {
        senders[0].send(b"at last\n");
        fs::read_to_string(&path).is_ok_and(|text| text.ends_with("at last\n"))
    })
    .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.starts_with('\n'), "a new file begins with a line");
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_neither_the_start_nor_the_end() {
    let (mut senders, receiver) = lines(1);
    let counters = Arc::clone(receiver.counters());
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let log = started(receiver, &path);
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    wait_until(LONG, || {
        (0..1000).for_each(|_| senders[0].send(&line));
        counters.lost_to_full_rings() + counters.write_failed.count() > 0
    })
    .unwrap();
    drop(log);
    // Who reads after all gets what is in the pipe, and releases the writer, which goes with the end of the process or here.
    let mut pipe = fs::File::open(path).unwrap();
    let mut first = [0; 1000];
    pipe.read_exact(&mut first).unwrap();
    assert_eq!(first, *line);
}

#[test]
fn a_full_device_costs_lines_which_are_counted() {
    let (mut senders, receiver) = lines(1);
    let counters = Arc::clone(receiver.counters());
    let log = started(receiver, Path::new("/dev/full"));
    for count in 1..=3 {
        senders[0].send(b"lost\n");
        wait_until(LONG, || counters.write_failed.count() == count).unwrap();
    }
    assert_eq!(counters.written.count(), 0);
    drop(log);
}

/// A log that writes to `path`.
fn started(lines: LineReceiver, path: &Path) -> AccessLog {
    let log = AccessLog::start(lines).unwrap();
    log.remote().redirect(Place::open(Some(AccessPath::File(path.to_owned()))).unwrap());
    log
}

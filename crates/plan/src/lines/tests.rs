use proptest::prelude::*;

use super::*;

fn one() -> (LineSender, LineReceiver) {
    let (mut senders, receiver) = lines(1);
    (senders.remove(0), receiver)
}

fn taken(receiver: &mut LineReceiver) -> Vec<u8> {
    let mut batch = Vec::new();
    receiver.take(&mut batch);
    batch
}

#[test]
fn what_is_sent_is_taken_in_order() {
    let (mut sender, mut receiver) = one();
    sender.send(b"a\n");
    sender.send(b"bc\n");
    assert!(!receiver.is_empty());
    assert_eq!(taken(&mut receiver), b"a\nbc\n");
    assert!(receiver.is_empty());
    assert_eq!(taken(&mut receiver), b"");
}

#[test]
fn a_line_that_does_not_fit_is_lost_whole_and_counted() {
    let (mut sender, mut receiver) = one();
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    let fitting = RING_BYTES / line.len();
    for _ in 0..fitting + 3 {
        sender.send(&line);
    }
    assert_eq!(receiver.counters().lost_to_full_rings(), 3);
    let mut all = Vec::new();
    while !receiver.is_empty() {
        receiver.take(&mut all);
    }
    assert_eq!(all, line.repeat(fitting));
    sender.send(b"there is room again\n");
    assert_eq!(taken(&mut receiver), b"there is room again\n");
}

#[test]
fn what_is_no_line_is_lost() {
    let (mut sender, mut receiver) = one();
    sender.send(b"");
    sender.send(b"unfinished");
    sender.send(&[vec![b'x'; LINE_BYTES_MAX], vec![b'\n']].concat());
    assert_eq!((taken(&mut receiver).len(), receiver.counters().lost_to_full_rings()), (0, 3));
    sender.send(&[vec![b'x'; LINE_BYTES_MAX - 1], vec![b'\n']].concat());
    assert_eq!(taken(&mut receiver).len(), LINE_BYTES_MAX);
}

#[test]
fn no_worker_starves_another() {
    let (mut senders, mut receiver) = lines(2);
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    let fill = |sender: &mut LineSender| (0..1000).for_each(|_| sender.send(&line));
    fill(&mut senders[0]);
    senders[1].send(b"y\n");
    let mut all = Vec::new();
    for _ in 0..20 {
        receiver.take(&mut all);
        fill(&mut senders[0]);
        if all.ends_with(b"y\n") {
            return;
        }
    }
    panic!("the second worker's line was never taken");
}

#[test]
fn a_sleeping_receiver_is_woken_by_a_line() {
    let (mut sender, mut receiver) = one();
    let asleep = Arc::clone(&receiver.bell);
    let writer = thread::spawn(move || {
        let mut batch = Vec::new();
        while batch.is_empty() {
            // If nobody woke it, the test would hang.
            receiver.wait(Duration::from_secs(3600));
            receiver.take(&mut batch);
        }
        batch
    });
    while !asleep.asleep.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    sender.send(b"wake up\n");
    assert_eq!(writer.join().unwrap(), b"wake up\n");
}

#[test]
fn across_threads_every_line_arrives_once_or_is_counted() {
    const SENT: u64 = 200_000;
    let (mut senders, mut receiver) = lines(2);
    let workers: Vec<_> =
        senders.drain(..).map(|sender| thread::spawn(|| chatter(sender))).collect();
    let mut seen = [0_u64; 2];
    let mut last = [None; 2];
    let mut batch = Vec::new();
    loop {
        let over = workers.iter().all(thread::JoinHandle::is_finished);
        batch.clear();
        receiver.take(&mut batch);
        for line in batch.split_inclusive(|&byte| byte == b'\n') {
            let text = std::str::from_utf8(line).unwrap().strip_suffix('\n').unwrap();
            let (worker, number) = text.split_once(' ').unwrap();
            let (worker, number): (usize, u64) = (worker.parse().unwrap(), number.parse().unwrap());
            assert!(last[worker].is_none_or(|last| last < number), "{last:?} {line:?}");
            last[worker] = Some(number);
            seen[worker] += 1;
        }
        if over && receiver.is_empty() {
            break;
        }
        receiver.wait(Duration::from_millis(1));
    }
    let lost = receiver.counters().lost_to_full_rings();
    assert_eq!(seen.iter().sum::<u64>() + lost, 2 * SENT);

    fn chatter(mut sender: LineSender) {
        for number in 0..SENT {
            sender.send(format!("{} {number}\n", sender.worker).as_bytes());
        }
    }
}

proptest! {
    #[test]
    fn batches_are_whole_lines_wherever_the_ring_begins(
        skip in 0..RING_BYTES / 10_000,
        lengths in prop::collection::vec(0_usize..12_000, 1..60),
    ) {
        let (mut sender, mut receiver) = one();
        let filler = [vec![b'-'; 9_999], vec![b'\n']].concat();
        for _ in 0..skip {
            sender.send(&filler);
            taken(&mut receiver);
        }
        let mut expected = Vec::new();
        for length in lengths {
            let line = [vec![b'x'; length], vec![b'\n']].concat();
            sender.send(&line);
            expected.extend_from_slice(&line);
        }
        let mut all = Vec::new();
        while !receiver.is_empty() {
            let batch = taken(&mut receiver);
            prop_assert!(batch.ends_with(b"\n") && batch.len() <= BATCH_BYTES);
            all.extend(batch);
        }
        prop_assert_eq!(all, expected);
    }
}

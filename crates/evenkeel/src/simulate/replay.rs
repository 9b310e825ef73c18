//! Reads an access log for its arrivals: when requests came, and from whom. Asked by `setting`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::balance::hash::key::hash_address;
use evenkeel_plan::balance::hash::stable;
use evenkeel_plan::time::Time;
use evenkeel_sim::Replayed;

mod line;
mod moment;

use line::Entry;

/// The requests of a log.
#[derive(Debug)]
pub(super) struct Log {
    /// In the order of time, from the first on.
    pub(super) requests: Arc<[Replayed]>,
}

impl Log {
    /// Reads a log in our JSON or the combined form; what is wrong with it is said with the line's number.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let unread = |error| format!("cannot read {}: {error}", file.display());
        let mut reader = BufReader::new(File::open(file).map_err(unread)?);
        let mut entries = Vec::new();
        let mut bytes = Vec::new();
        for number in 1_usize.. {
            bytes.clear();
            reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes).map_err(unread)?;
            if bytes.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            if text.trim().is_empty() {
                continue;
            }
            if entries.len() == LINES_MAX {
                return Err(format!("{} has more than {LINES_MAX} lines", file.display()));
            }
            let entry = Entry::read(text.trim());
            entries
                .push(entry.map_err(|problem| format!("{}:{number}: {problem}", file.display()))?);
        }
        if entries.is_empty() {
            return Err(format!("{} has no request in it", file.display()));
        }
        Ok(Self { requests: arrivals(entries).into() })
    }

    /// From the first request until just after the last one.
    pub(super) fn duration(&self) -> Duration {
        let last = self.requests.last().map_or(Time::START, |request| request.at);
        last.since(Time::START) + Duration::from_millis(1)
    }
}

/// In order, and counted from the first. A log has its lines in the order in which requests ended.
fn arrivals(mut entries: Vec<Entry>) -> Vec<Replayed> {
    entries.sort_by_key(|entry| entry.millis);
    let first = entries.first().map_or(0, |entry| entry.millis);
    let mut requests = Vec::with_capacity(entries.len());
    for group in entries.chunk_by(|one, other| one.millis == other.millis) {
        for (number, entry) in (0_u32..).zip(group) {
            // Within what the clock of the log could not tell apart they come evenly.
            let later = entry.resolution.mul_f64(f64::from(number) / group.len() as f64);
            let since = Duration::from_millis(entry.millis.abs_diff(first)) + later;
            requests
                .push(Replayed { at: Time::START.after(since), key: hash_client(&entry.client) });
        }
    }
    requests.sort_by_key(|request| request.at);
    requests
}

/// What a balancer would make of the client, so that it goes where it would go.
fn hash_client(client: &str) -> u64 {
    let address = client.parse().map(hash_address);
    address.unwrap_or_else(|_| stable::hash(client.as_bytes()))
}

/// Longer than any line of ours, and a bound on what a file without line breaks costs.
const LINE_MAX: u64 = 64 * 1024;

/// A bound on memory: each takes some 60 bytes.
const LINES_MAX: usize = 20_000_000;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<Log, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.log");
        fs::write(&file, text).unwrap();
        Log::read(&file).map_err(|problem| problem.replace(&*file.to_string_lossy(), "FILE"))
    }

    fn millis(log: &Log) -> Vec<u64> {
        log.requests.iter().map(|request| request.at.as_nanos() / 1_000_000).collect()
    }

    #[test]
    fn requests_come_in_the_order_of_their_beginnings_with_their_clients() {
        let line = |at: &str, client: &str| {
            format!(
                "{{\"timestamp\":\"2026-11-21T09:40:{at}Z\",\"client.address\":\"{client}\"}}\n"
            )
        };
        let lines =
            [line("02.500", "a"), line("00.250", "b"), "\n".to_owned(), line("01.000", "a")];
        let log = read(&lines.concat()).unwrap();
        assert_eq!(millis(&log), [0, 750, 2250]);
        let keys: Vec<u64> = log.requests.iter().map(|request| request.key).collect();
        assert!(keys[1] == keys[2] && keys[0] != keys[1], "{keys:?}");
        assert_eq!(log.duration(), Duration::from_millis(2251));
    }

    #[test]
    fn requests_of_one_second_are_spread_over_it_where_the_log_knows_no_more() {
        let line = |at: &str| {
            format!(
                "10.0.0.1 - - [21/Nov/2026:09:40:{at} +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n"
            )
        };
        let log =
            read(&[line("00"), line("00"), line("00"), line("00"), line("01")].concat()).unwrap();
        assert_eq!(millis(&log), [0, 250, 500, 750, 1000]);
    }

    #[test]
    fn a_client_has_the_key_that_a_balancer_gives_it() {
        let key = |client| hash_client(client);
        assert_eq!(key("10.0.0.1"), hash_address([10, 0, 0, 1].into()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::2"));
        assert_ne!(key("2001:db8::1"), key("2001:db9::1"));
        assert_ne!(key("-"), key("somebody"));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let good = "{\"timestamp\":\"2026-11-21T09:40:00Z\"}\n";
        let problem = read(&format!("{good}\n{good}{{\"timest")).unwrap_err();
        assert!(problem.starts_with("FILE:4: "), "{problem}");
        assert_eq!(read("\n").unwrap_err(), "FILE has no request in it");
        assert!(
            Log::read(Path::new("/nowhere/at.all"))
                .unwrap_err()
                .starts_with("cannot read /nowhere")
        );
    }
}

//! Counts the system calls of a contender under load, with `strace`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::Process;
use evenkeel_testkit::process::Signal;

use super::config::DIRECTORY;
use super::contender::Contender;
use super::protocol::Protocol;
use super::running::{Origins, Running};
use crate::Outcome;
use crate::tools;

/// System calls per answer, by name.
pub(super) type PerAnswer = BTreeMap<String, f64>;

pub(super) fn count(contender: Contender, protocol: &Protocol) -> Outcome<PerAnswer> {
    eprintln!("system calls of {contender}");
    let origins = Origins::start(protocol.small())?;
    let running = Running::start(contender, protocol, origins.ports)?;
    running.load(protocol.small().load(), 1)?;

    let summary = Path::new(DIRECTORY).join("strace.txt");
    let mut strace = Command::new(tools::require("strace")?);
    strace.args(["-f", "-c", "-o"]).arg(&summary);
    for pid in running.pids()? {
        strace.args(["-p", &pid.to_string()]);
    }
    let mut strace = Process::spawn(&mut strace)?;
    strace.wait_for_line("attached", STRACE_WITHIN)?;
    let counted = running.load(protocol.small().load(), SECONDS)?;
    strace.signal(Signal::INT)?;
    strace.exit_status(STRACE_WITHIN)?;
    if let Some(fault) = counted.fault {
        return Err(format!("{contender} failed under strace: {fault}").into());
    }
    running.end()?;
    let calls = parse(&fs::read_to_string(summary)?);
    let per_answer = |(name, calls)| (name, calls as f64 / counted.answers as f64);
    Ok(calls.into_iter().map(per_answer).collect())
}

/// The calls by name in the table of `strace -c`. Its columns: share of the time, seconds,
/// microseconds per call, calls, errors (or nothing), name.
fn parse(summary: &str) -> BTreeMap<String, u64> {
    let mut by_name = BTreeMap::new();
    for line in summary.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (Some(calls), Some(&name)) = (columns.get(3), columns.last()) else { continue };
        if let (Ok(calls), 5 | 6) = (calls.parse::<u64>(), columns.len())
            && name != "total"
        {
            // There is one table per personality of the traced programs.
            *by_name.entry(name.to_owned()).or_default() += calls;
        }
    }
    by_name
}

/// Under strace everything takes ten times as long.
const SECONDS: u32 = 2;

const STRACE_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read_with_and_without_errors() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 52.52    0.412345           5     80000           writev
 47.48    0.372345           4     90001        12 recvfrom
  0.00    0.000000           0         1           restart_syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.784690           4    170002        12 total
";
        let expected = [("recvfrom", 90_001), ("restart_syscall", 1), ("writev", 80_000)];
        let calls = parse(summary);
        assert_eq!(calls.iter().map(|(n, &c)| (n.as_str(), c)).collect::<Vec<_>>(), expected);
    }
}

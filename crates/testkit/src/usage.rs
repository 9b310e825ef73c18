//! What a process uses, read from `/proc`: CPU time, memory, descriptors, children.
//! Called by [`crate::Process`] and by the benchmark.

use std::fs;
use std::io;
use std::ops::{Add, Sub};
use std::time::Duration;

/// CPU time since a process began, all its threads together. The kernel counts in ticks of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In the program itself.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

impl CpuTime {
    /// User and system together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.user + self.system
    }
}

impl Add for CpuTime {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    /// Saturates at zero: the kernel may move a tick from user to system between two reads.
    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// The anonymous memory of `pid` in bytes: unlike the whole it does not change when a neighbour that runs the same program ends.
///
/// # Errors
/// When the process is gone.
pub fn anonymous_bytes(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    parse(&rollup, "Pss_Anon:").ok_or_else(|| malformed(pid))
}

/// What `pid` has in memory, in bytes (`VmRSS`).
///
/// # Errors
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse(&status, "VmRSS:").ok_or_else(|| malformed(pid))
}

/// The CPU time of `pid`, without its children.
///
/// # Errors
/// When the process is gone.
pub fn cpu_time(pid: u32) -> io::Result<CpuTime> {
    let stat = read_stat(pid)?;
    let tick = Duration::from_secs(1)
        / u32::try_from(rustix::param::clock_ticks_per_second()).map_err(io::Error::other)?;
    let ticks = |field: usize| -> io::Result<u32> {
        let text = stat.get(field).ok_or_else(|| malformed(pid))?;
        text.parse().map_err(|_| malformed(pid))
    };
    Ok(CpuTime { user: tick * ticks(STAT_UTIME)?, system: tick * ticks(STAT_STIME)? })
}

/// The CPU time of those threads of `pid` whose names begin with `name`, to the nanosecond (`/proc/PID/task/TID/schedstat`).
///
/// # Errors
/// When the process is gone.
pub fn threads_time(pid: u32, name: &str) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.starts_with(name) {
            let spent = fs::read_to_string(thread.join("schedstat"))?;
            let nanoseconds = spent.split_whitespace().next().and_then(|first| first.parse().ok());
            sum += Duration::from_nanos(nanoseconds.ok_or_else(|| malformed(pid))?);
        }
    }
    Ok(sum)
}

/// The proportional set size of `pid` in bytes: its own pages, and its share of the common ones.
///
/// # Errors
/// When the process is gone or belongs to someone else.
pub fn pss_bytes(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    parse(&rollup, "Pss:").ok_or_else(|| malformed(pid))
}

/// How many descriptors `pid` has open.
///
/// # Errors
/// When the process is gone or belongs to someone else.
pub fn open_descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// How many of them are an end of a pipe.
///
/// # Errors
/// As [`open_descriptors`].
pub fn open_pipes(pid: u32) -> io::Result<usize> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    // One that is closed meanwhile is none.
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    Ok(targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count())
}

/// `pid` and all its descendants that live now.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn tree(pid: u32) -> io::Result<Vec<u32>> {
    let parents = parents()?;
    let mut members = vec![pid];
    let mut next = 0;
    while let Some(&parent) = members.get(next) {
        members.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| child));
        next += 1;
    }
    Ok(members)
}

/// Every process with its parent. One that ends meanwhile is left out.
fn parents() -> io::Result<Vec<(u32, u32)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = read_stat(pid) else { continue };
        if let Some(parent) = stat.get(STAT_PPID).and_then(|text| text.parse().ok()) {
            parents.push((pid, parent));
        }
    }
    Ok(parents)
}

/// The fields of `/proc/PID/stat` after the program's name, which may itself hold spaces and ')'.
fn read_stat(pid: u32) -> io::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or_else(|| malformed(pid))?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn parse(rollup: &str, name: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn malformed(pid: u32) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc says nothing usable about {pid}"))
}

// Counted from the field after the name, which proc_pid_stat(5) numbers 3.
const STAT_PPID: usize = 1;
const STAT_UTIME: usize = 11;
const STAT_STIME: usize = 12;

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;
    use crate::wait_until;

    #[test]
    fn burning_cpu_shows_in_the_cpu_time() {
        let before = cpu_time(process::id()).unwrap();
        let mut burned = 0_u64;
        wait_until(Duration::from_secs(10), || {
            (0..4_000_000_u64).for_each(|n| burned = std::hint::black_box(burned ^ n));
            let spent = cpu_time(process::id()).unwrap() - before;
            spent.total() >= Duration::from_millis(20)
        })
        .unwrap();
    }

    #[test]
    fn memory_that_is_touched_shows_in_the_pss() {
        let before = pss_bytes(process::id()).unwrap();
        let block = std::hint::black_box(vec![1_u8; 32 << 20]);
        let after = pss_bytes(process::id()).unwrap();
        assert!(after > before + (24 << 20), "{before} then {after} with {}", block.len());
    }

    #[test]
    fn pipes_are_told_from_other_descriptors() {
        let before = open_pipes(process::id()).unwrap();
        let held: Vec<_> = (0..20).map(|_| rustix::pipe::pipe().unwrap()).collect();
        let [pipes, all] =
            [open_pipes, open_descriptors].map(|count| count(process::id()).unwrap());
        assert!(pipes >= before + 20 && pipes < all, "{before}, {pipes} of {all}");
        assert_eq!(held.len(), 20);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(cpu_time(u32::MAX).is_err());
        assert!(pss_bytes(u32::MAX).is_err());
    }

    #[test]
    fn pss_is_read_from_its_own_line() {
        let rollup = "55 [rollup]\nRss:   900 kB\nPss:   123 kB\nPss_Dirty:  7 kB\n";
        assert_eq!(parse(rollup, "Pss:"), Some(123 * 1024));
        assert_eq!(parse("Rss: 900 kB\n", "Pss:"), None);
    }
}

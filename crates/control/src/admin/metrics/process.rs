//! What the system knows about this process, under the names that every Prometheus client uses. Absent where it cannot be read.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType::{Counter, Gauge};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::Families;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(&mut encoder);
        let help = "CPU time used, in user space and in the kernel.";
        families.family(Counter, "process_cpu_seconds", help, |family| {
            family.0.encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(
                &cpu_seconds(),
                None,
            )
        })?;
        let mut gauge = |name, help, level: Option<f64>| match level {
            Some(level) => {
                families.family(Gauge, name, help, |family| family.0.encode_gauge(&level))
            }
            None => Ok(()),
        };
        gauge("process_resident_memory_bytes", "Memory in use.", resident_bytes())?;
        gauge("process_open_fds", "Descriptors in use.", open_descriptors())?;
        gauge("process_max_fds", "Descriptors allowed.", descriptors_max())?;
        gauge("process_start_time_seconds", "When it started, in Unix time.", start_unix_seconds())
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_descriptors() -> Option<f64> {
    // The listing itself holds one.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn descriptors_max() -> Option<f64> {
    getrlimit(Resource::Nofile).current.map(|limit| limit as f64)
}

fn start_unix_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may hold blanks; field 22 is the 20th after it.
    let ticks: f64 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 =
        boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks / clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn this_very_process_is_described_plausibly() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = start_unix_seconds().unwrap();
        // `btime` is whole seconds, and moves when the clock is set.
        assert!((now - 3600.0..now + 2.0).contains(&started), "{started} {now}");
        assert!(resident_bytes().unwrap() > 100_000.0);
        assert!((3.0..1e6).contains(&open_descriptors().unwrap()));
        assert!(descriptors_max().is_none_or(|limit| limit >= open_descriptors().unwrap()));
        let before = cpu_seconds();
        let spent =
            (0..2_000_000_u64).fold(0, |sum: u64, number| std::hint::black_box(sum ^ number));
        assert!(cpu_seconds() > before, "{spent}");
    }
}

//! Load over HTTP/2 by `h2load`: runs it and reads what it counted.

use std::fs;
use std::path::Path;

use super::{Counted, Load, Target};
use crate::Outcome;
use crate::bench::calls;
use crate::bench::config::DIRECTORY;

pub(super) fn run(target: &Target, load: Load, streams: u32, seconds: u32) -> Outcome<Counted> {
    // A folder of its own: it is written to for each answer, and a config's folder is watched for changes.
    let folder = Path::new(DIRECTORY).join("load");
    fs::create_dir_all(&folder)?;
    let log = folder.join("h2load.log");
    // It would write behind what is there.
    drop(fs::remove_file(&log));
    let mut h2load = target.command(load)?;
    h2load.args(["--threads", "1", "--max-concurrent-streams", &streams.to_string()]);
    h2load.args(["--duration", &seconds.to_string()]).arg("--log-file").arg(&log);
    let mut url = target.url.clone();
    if load.call {
        let message = Path::new(DIRECTORY).join("message");
        fs::write(&message, calls::MESSAGE)?;
        h2load.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "--data"]);
        h2load.arg(message);
        url.push_str(calls::METHOD);
    }
    let output = h2load.arg(url).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let p99_ms = p99_ms(&fs::read_to_string(&log).unwrap_or_default()).unwrap_or_default();
    let bytes_min = if load.call { calls::MESSAGE.len() as u64 } else { 0 };
    Ok(parse(&said, p99_ms, bytes_min).ok_or_else(|| {
        format!("h2load said {said:?} and {:?}", String::from_utf8_lossy(&output.stderr))
    })?)
}

/// Reads what `h2load` says at its end. All answers are to have so many bytes at least: a call that has failed has status 200, too.
fn parse(report: &str, p99_ms: f64, bytes_min: u64) -> Option<Counted> {
    let after = |label: &str| report.lines().find_map(|line| line.strip_prefix(label));
    let requests = after("requests: ")?;
    let count = |what: &str| -> Option<u64> {
        let mut counts = requests.split(", ").filter_map(|it| it.split_once(' '));
        counts.find(|(_, of)| *of == what)?.0.parse().ok()
    };
    let rate = after("finished in ")?.split(", ").nth(1)?.strip_suffix(" req/s")?;
    let answers = count("succeeded")?;
    let (_, bytes) = after("traffic: ")?.strip_suffix(") data")?.rsplit_once('(')?;
    let bytes: u64 = bytes.parse().ok()?;
    let failed = count("failed")? + count("errored")? + count("timeout")?;
    let fault = match (answers, failed) {
        (0, _) => Some("no answer at all".to_owned()),
        (_, 0) if bytes < answers * bytes_min => {
            Some(format!("{bytes} bytes in {answers} answers"))
        }
        (_, 0) => None,
        _ => Some(requests.to_owned()),
    };
    Some(Counted { answers, answers_per_second: rate.parse().ok()?, p99_ms, fault })
}

/// The slowest one in a hundred of a log whose lines end in microseconds.
fn p99_ms(log: &str) -> Option<f64> {
    let times = log.lines().filter_map(|line| line.split('\t').next_back()?.parse().ok());
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    Some(*times.get(times.len() * 99 / 100)? as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
starting benchmark...
Warm-up started for thread #0.
finished in 4.00s, 51234.50 req/s, 7.01MB/s
requests: 204938 total, 204970 started, 204938 done, 204938 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 204938 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 28.04MB (29402112) total, 12.70MB (13316970) headers (space savings 57.00%), 1.95MB (2049380) data
";

    #[test]
    fn a_clean_report_is_read() {
        let counted = parse(REPORT, 1.5, 10).unwrap();
        assert_eq!((counted.answers, counted.fault), (204_938, None));
        assert!((counted.answers_per_second - 51_234.5).abs() < 1e-6);
    }

    #[test]
    fn failures_make_a_run_worthless() {
        let failed = parse(&REPORT.replace(" 0 failed", " 3 failed"), 1.5, 0).unwrap();
        assert!(failed.fault.unwrap().contains("3 failed"));
        let none = parse(&REPORT.replace("204938 succeeded", "0 succeeded"), 1.5, 0).unwrap();
        assert!(none.fault.is_some());
        let short = parse(REPORT, 1.5, 11).unwrap();
        assert_eq!(short.fault.as_deref(), Some("2049380 bytes in 204938 answers"));
    }

    #[test]
    fn other_output_is_not_a_report() {
        assert_eq!(parse("could not connect to host", 1.5, 0), None);
        assert_eq!(p99_ms(""), None);
    }

    #[test]
    fn the_slowest_in_a_hundred_is_found_in_the_log() {
        let log: String = (1..=200).map(|n| format!("1\t200\t{}\n", n * 1000)).collect();
        assert_eq!(p99_ms(&log), Some(199.0));
    }
}

//! Load by `ab`, which makes each connection as if it were its first. It speaks HTTP/1.0.

use super::{Counted, Load, Target};
use crate::Outcome;

/// With a new connection for each request, whatever `load` says.
pub(super) fn run(target: &Target, load: Load, seconds: u32) -> Outcome<Counted> {
    let mut ab = target.command(load)?;
    ab.args(["-q", "-t", &seconds.to_string()]);
    let output = ab.arg(&target.url).output()?;
    let [said, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let mut counted = parse(&said).ok_or_else(|| format!("ab said {said:?} and {errors:?}"))?;
    // A handshake that failed is told nowhere else.
    if let Some(line) = errors.lines().find(|line| !line.trim().is_empty()) {
        counted.fault.get_or_insert_with(|| line.to_owned());
    }
    Ok(counted)
}

/// Reads the report.
fn parse(report: &str) -> Option<Counted> {
    let after = |label: &str| {
        let said = report.lines().find_map(|line| line.trim().strip_prefix(label))?;
        said.split_whitespace().next()
    };
    let failed = ["Failed requests:", "Non-2xx responses:", "Write errors:"].into_iter();
    let failed = failed.filter_map(|label| Some((label, after(label)?)));
    let mut failed: Vec<String> = failed
        .filter(|&(_, number)| number != "0")
        .map(|(label, number)| format!("{label} {number}"))
        .collect();
    // Without two answers it tells no percentiles.
    let p99_ms = after("99%").and_then(|ms| ms.parse().ok());
    if p99_ms.is_none() {
        failed.push("hardly an answer".to_owned());
    }
    Some(Counted {
        answers: after("Complete requests:")?.parse().ok()?,
        answers_per_second: after("Requests per second:")?.parse().ok()?,
        p99_ms: p99_ms.unwrap_or(f64::NAN),
        fault: (!failed.is_empty()).then(|| failed.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Concurrency Level:      8
Time taken for tests:   2.003 seconds
Complete requests:      417
Failed requests:        0
Total transferred:      65364 bytes
Requests per second:    208.23 [#/sec] (mean)
Time per request:       38.419 [ms] (mean)

Percentage of the requests served within a certain time (ms)
  50%     35
  99%     86
 100%     94 (longest request)
";

    #[test]
    fn a_clean_report_is_read() {
        let counted = parse(REPORT).unwrap();
        assert_eq!((counted.answers, counted.fault), (417, None));
        assert!((counted.answers_per_second - 208.23).abs() < 1e-6);
        assert!((counted.p99_ms - 86.0).abs() < 1e-9);
    }

    #[test]
    fn failures_make_a_run_worthless() {
        let failures =
            "Failed requests:        3\n   (Connect: 0, Receive: 0)\nNon-2xx responses:      7";
        let report = REPORT.replace("Failed requests:        0", failures);
        let fault = parse(&report).unwrap().fault;
        assert_eq!(fault.as_deref(), Some("Failed requests: 3, Non-2xx responses: 7"));
        let few = REPORT.split_once("Percentage").unwrap().0;
        assert_eq!(parse(few).unwrap().fault.as_deref(), Some("hardly an answer"));
    }

    #[test]
    fn other_output_is_not_a_report() {
        assert_eq!(parse("Total of 1 requests completed\n"), None);
    }
}

//! Load by `wrk`: runs it and reads what it counted.

use super::{Counted, Load, Target};
use crate::Outcome;

pub(super) fn run(target: &Target, load: Load, seconds: u32) -> Outcome<Counted> {
    let mut wrk = target.command(load)?;
    wrk.args(["--threads", "1", "--latency"]);
    wrk.args(["--duration", &format!("{seconds}s")]);
    if load.close {
        wrk.args(["--header", "Connection: close"]);
    }
    let output = wrk.arg(&target.url).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(parse(&said).ok_or_else(|| {
        format!("wrk said {said:?} and {:?}", String::from_utf8_lossy(&output.stderr))
    })?)
}

/// Reads the report of `wrk --latency`.
fn parse(report: &str) -> Option<Counted> {
    let lines = || report.lines().map(str::trim);
    let after = |label: &str| lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
    let answers = lines().find_map(|line| line.split_once(" requests in "))?.0.parse().ok()?;
    // wrk takes 3xx as well; no contender has a reason for one.
    let faults = ["Socket errors:", "Non-2xx or 3xx responses:"];
    let faults: Vec<String> = faults
        .iter()
        .filter_map(|label| after(label).map(|said| format!("{label} {said}")))
        .collect();
    let fault = if answers == 0 { Some("no answer at all".to_owned()) } else { None };
    Some(Counted {
        answers,
        answers_per_second: after("Requests/sec:")?.parse().ok()?,
        p99_ms: parse_ms(after("99%")?)?,
        fault: fault.or_else(|| (!faults.is_empty()).then(|| faults.join(", "))),
    })
}

/// A latency like `612.00us`, `1.25ms` or `1.02s`.
fn parse_ms(text: &str) -> Option<f64> {
    for (unit, ms) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok())
        {
            return Some(number * ms);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 1s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.13ms  400.10us   9.61ms   90.12%
    Req/Sec    57.41k     2.10k   60.50k    80.00%
  Latency Distribution
     50%    1.06ms
     75%    1.20ms
     90%    1.49ms
     99%  612.00us
  57117 requests in 1.00s, 7.74MB read
Requests/sec:  57090.40
Transfer/sec:      7.73MB
";

    #[test]
    fn a_clean_report_is_read() {
        let counted = parse(REPORT).unwrap();
        assert_eq!(counted.answers, 57_117);
        assert_eq!(counted.fault, None);
        assert!((counted.answers_per_second - 57_090.40).abs() < 1e-6);
        assert!((counted.p99_ms - 0.612).abs() < 1e-9);
    }

    #[test]
    fn errors_make_a_run_worthless() {
        let errors = "  Socket errors: connect 0, read 3, write 0, timeout 0\n  \
                      Non-2xx or 3xx responses: 7\nRequests/sec:";
        let counted = parse(&REPORT.replace("Requests/sec:", errors)).unwrap();
        let fault = counted.fault.unwrap();
        assert!(fault.contains("read 3") && fault.contains("responses: 7"), "{fault}");
        let none = REPORT.replace("57117 requests", "0 requests");
        assert!(parse(&none).unwrap().fault.is_some());
    }

    #[test]
    fn other_output_is_not_a_report() {
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
        assert_eq!(parse_ms("12"), None);
        assert_eq!(parse_ms("1.50s"), Some(1500.0));
    }
}

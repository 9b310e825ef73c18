//! The whole table, as a person sees it.

use std::collections::BTreeMap;

use super::super::summary::Latency;
use super::*;

fn summary() -> Summary {
    Summary {
        url: "http://127.0.0.1:8080/".to_owned(),
        mode: "open",
        target_rate: Some(500.0),
        arrivals: Some("poisson"),
        connections: 256,
        connections_opened: 300,
        elapsed_seconds: 10.0,
        requests: 5000,
        answered: 4990,
        welcome: 4950,
        failed: 10,
        rate: 499.0,
        latency_seconds: Latency {
            min: 0.0002,
            mean: 0.002,
            p50: 0.001_234,
            p90: 0.0023,
            p99: 0.0345,
            p99_9: 0.5,
            max: 1.5,
        },
        statuses: BTreeMap::from([(200, 4950), (503, 40)]),
        errors: BTreeMap::from([("broken_body", 4), ("refused", 6), ("reset", 0)]),
        error_details: BTreeMap::new(),
        origins: BTreeMap::from([("127.0.0.1:9001".to_owned(), 3742), ("api".to_owned(), 1248)]),
        delayed: 25,
        longest_delay_seconds: 0.34,
        crowded: 3,
        unsent: 0,
        body_bytes: 65_000,
        step: 1.0,
        series: Vec::new(),
    }
}

#[test]
fn everything_stands_in_its_column() {
    let expected = "\
http://127.0.0.1:8080/ · open loop, 500/s poisson, up to 256 connections · 10.0 s

requests                       5,000    499.0/s answered, 495.0/s of them with 2xx or 3xx
delayed                           25    0.50 %  up to 340 ms late: all 256 connections were busy

latency            p50         p90         p99       p99.9         max
               1.23 ms     2.30 ms     34.5 ms      500 ms      1.50 s

status    200                  4,950   99.00 %
          503                     40    0.80 %

errors    broken body              4    0.08 %
          refused                  6    0.12 %

origins   127.0.0.1:9001       3,742   74.99 %  ██████████████████████
          api                  1,248   25.01 %  ████████
";
    assert_eq!(summary().to_string(), expected);
}

#[test]
fn what_did_not_happen_has_no_row() {
    let nothing = Summary {
        mode: "closed",
        target_rate: None,
        arrivals: None,
        requests: 1000,
        answered: 0,
        welcome: 0,
        rate: 0.0,
        latency_seconds: Latency {
            min: 0.0,
            mean: 0.0,
            p50: 0.0,
            p90: 0.0,
            p99: 0.0,
            p99_9: 0.0,
            max: 0.0,
        },
        statuses: BTreeMap::new(),
        errors: BTreeMap::from([("refused", 1000)]),
        origins: BTreeMap::new(),
        delayed: 0,
        unsent: 7,
        ..summary()
    };
    let expected = "\
http://127.0.0.1:8080/ · closed loop, 256 connections · 10.0 s

requests                     1,000    0.0/s answered
unsent                           7    given up, and not part of the latency

errors    refused            1,000  100.00 %

";
    assert_eq!(nothing.to_string(), expected);
}

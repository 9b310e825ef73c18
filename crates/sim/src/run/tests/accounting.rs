//! Every request is accounted for exactly once, whatever happens.

use proptest::prelude::*;

use super::*;
use crate::resilience::Resilience;

/// Any event on up to seven endpoints, of which five are there at first.
fn event() -> impl Strategy<Value = String> {
    let what = prop::sample::select(vec![
        ("slow", "=x8"),
        ("slow", "=x0.1"),
        ("kill", ""),
        ("freeze", ""),
        ("errors", "=30%"),
        ("flap", "=400ms"),
        ("fast-fail", ""),
        ("remove", ""),
        ("cold", "=x5,1s"),
        ("add", ""),
        ("rps", ""),
        ("surge", ""),
    ]);
    let whom = prop::sample::select(vec!["s1", "s2", "s3", "s1,s4", "s5", "all"]);
    let times = (0_u32..5_000, 1_u32..3_000, any::<bool>());
    (what, whom, times).prop_map(|((what, value), whom, (from, length, ends))| {
        let ends = ends && what != "cold";
        let until = if ends { format!("..{}ms", from + length) } else { String::new() };
        let whom = match what {
            "rps" => "900",
            "surge" => "x3",
            "add" if whom != "all" => "s6,s7",
            _ => whom,
        };
        format!("{what} {whom}@{from}ms{until}{value}")
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let events = prop::collection::vec(event(), 0..6);
    let endpoints = (prop::option::of(1_u32..4), prop::option::of(0_u32..5));
    let rules = (any::<bool>(), any::<bool>(), any::<bool>(), 50_u64..2_000);
    let rest = (any::<u64>(), 1_u32..4, any::<bool>(), any::<bool>());
    let limits = (prop::option::of(1_u32..20), 0_u32..40, 1_u32..2_000, any::<bool>());
    let limits = limits.prop_map(|(requests, pending, wait, adapts)| Limits {
        requests,
        pending,
        pending_wait: MS * wait,
        adaptive: if adapts { Adapts::InNeed } else { Adapts::Never },
        ..Limits::default()
    });
    let limits = prop_oneof![Just(Limits::default()), limits];
    (events, endpoints, rules, rest, limits).prop_map(
        |(events, (slots, queue), rules, rest, limits)| {
            let model =
                |number| EndpointModel { queue, ..EndpointModel::new(format!("s{number}"), slots) };
            let (ejects, breaks, retries, patience) = rules;
            let full = Resilience::full();
            let resilience = Resilience {
                outlier: full.outlier.filter(|_| ejects),
                breaker: full.breaker.filter(|_| breaks),
                retry: full.retry.filter(|_| retries),
            };
            let (seed, balancers, gossips, checks) = rest;
            Scenario {
                endpoints: (1..=5).map(model).collect(),
                load: poisson(400.0, 5),
                events: events.iter().map(|text| text.parse().unwrap()).collect(),
                resilience,
                limits,
                timeout: MS * u32::try_from(patience).unwrap(),
                cache: gossips.then_some(Cache { keys: 100, miss: 3.0 }),
                health: checks.then(crate::scenario::default_check),
                gossip: gossips.then_some(MS * 100),
                balancers,
                points: 1 + u32::try_from(seed % 600).unwrap(),
                seed,
                ..Scenario::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_accounted_for_once(scenario in scenario()) {
        for algorithm in Algorithm::ALL {
            let report = report(&scenario, algorithm);
            prop_assert_eq!(report.answered + report.errors.total(), report.requests);
            let points = &report.series.points;
            prop_assert_eq!(points.len(), scenario.points as usize);
            prop_assert_eq!(points.iter().map(|point| point.requests).sum::<u64>(), report.requests);
            prop_assert_eq!(points.iter().map(|point| point.errors).sum::<u64>(), report.errors.total());
            // Each attempt ends once, well or not; each request but those that found nobody, or no room, had a first.
            let sum = |part: fn(&crate::report::EndpointReport) -> u64| report.endpoints.iter().map(part).sum::<u64>();
            let attempts = sum(|endpoint| endpoint.attempts);
            prop_assert_eq!(attempts, sum(|endpoint| endpoint.answered + endpoint.failures));
            let never_tried = report.requests - (attempts - report.retries);
            let found_nobody = report.errors.no_endpoint + report.errors.shed();
            // Its client may have left while it waited for room.
            let range = found_nobody..=found_nobody + report.errors.timed_out;
            prop_assert!(range.contains(&never_tried), "{never_tried} {:?}", report.errors);
            let counted = report.latency.map_or(Duration::ZERO, |latency| latency.max);
            prop_assert!(counted <= scenario.timeout);
            prop_assert!(report.utilisation.is_none_or(|share| (0.0..=1.000_001).contains(&share)));
        }
    }
}

use super::*;

fn stream(load: Load) -> LoadStream {
    let scenario = Scenario { load, ..Scenario::default() };
    let rates = RateCurve::new(scenario.load.rps, &[]);
    LoadStream::new(&scenario, rates)
}

fn times(load: Load) -> Vec<f64> {
    let mut stream = stream(load);
    std::iter::from_fn(|| stream.next()).map(|arrival| arrival.at.as_nanos() as f64 / 1e9).collect()
}

fn load(arrivals: Arrivals) -> Load {
    Load { arrivals, rps: 1000.0, duration: Duration::from_secs(100), ..Load::default() }
}

#[test]
fn constant_arrivals_are_all_the_same_distance_apart() {
    let times = times(load(Arrivals::Constant));
    assert!((times.len() as f64 - 100_000.0).abs() <= 1.0, "{}", times.len());
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 0.001).abs() < 1e-6));
}

#[test]
fn poisson_gaps_vary_as_much_as_their_mean_and_bursts_far_more() {
    // Of counts in windows of 100 ms: variance over mean is 1 for Poisson; for geometric groups of mean m it is 2m - 1.
    let dispersion = |arrivals| {
        let mut counts = vec![0.0; 1000];
        for time in times(load(arrivals)) {
            counts[(time * 10.0) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 1000.0;
        let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>();
        (mean, variance / 1000.0 / mean)
    };
    let (mean, poisson) = dispersion(Arrivals::Poisson);
    assert!((98.0..102.0).contains(&mean) && (0.9..1.1).contains(&poisson), "{mean} {poisson}");
    let (mean, bursty) = dispersion(Arrivals::Bursty(10.0));
    assert!((95.0..105.0).contains(&mean) && (16.0..22.0).contains(&bursty), "{mean} {bursty}");
}

#[test]
fn replayed_requests_come_as_they_came_with_a_number_for_each_key() {
    let replayed = |millis: u64, key| Replayed { at: Time::from_nanos(millis * 1_000_000), key };
    let requests = [replayed(1, 70), replayed(1, 80), replayed(5, 70), replayed(2_000, 70)];
    let load = Load {
        arrivals: Arrivals::Replay(requests.into()),
        duration: Duration::from_secs(1),
        ..Load::default()
    };
    assert!((load.mean_rate() - 3.0).abs() < 1e-9);
    let mut stream = stream(load);
    let seen: Vec<_> =
        std::iter::from_fn(|| stream.next()).map(|a| (a.at.as_nanos(), a.client, a.key)).collect();
    assert_eq!(seen, [(1_000_000, 0, 70), (1_000_000, 1, 80), (5_000_000, 0, 70)]);
}

#[test]
fn arrivals_end_with_the_time_or_the_number_whichever_comes_first() {
    assert_eq!(times(Load { requests: 10, ..load(Arrivals::Poisson) }).len(), 10);
    assert!(times(load(Arrivals::Poisson)).iter().all(|time| *time < 100.0));
    assert!(times(Load { rps: 0.0, ..load(Arrivals::Poisson) }).is_empty());
}

#[test]
fn what_is_written_is_read_back_and_mistakes_are_named() {
    for text in ["poisson", "constant", "bursty:10", "bursty:2.5"] {
        assert_eq!(text.parse::<Arrivals>().unwrap().to_string(), text);
    }
    for text in ["", "poison", "bursty", "bursty:0.5", "bursty:x", "poisson:3"] {
        let mistake = text.parse::<Arrivals>().unwrap_err().to_string();
        assert!(mistake.contains("such as `bursty:10`"), "{mistake}");
    }
}

#[test]
fn a_rate_below_nothing_is_refused_even_if_it_is_zero() {
    for rps in [-0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Load { rps, ..Load::default() }.check().is_err(), "{rps}");
    }
    assert_eq!(Load { rps: 0.0, ..Load::default() }.check(), Ok(()));
}

//! Which algorithm to use, judged by what came of a scenario. Asked by the command line after all runs.

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;

use crate::report::Report;

/// The algorithm to use, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// The one that is best, or the simplest of those that are about equally good.
    pub algorithm: Algorithm,
    /// A sentence that cites the figures that decided.
    pub because: String,
}

/// Judges `reports` of one scenario. One criterion after the other leaves only those that are about as good as the best of
/// those still left:
///
/// 1. the share of errors: equal up to 0.1 points or a twentieth of it, as the few that a death costs are chance;
/// 2. if clients should stay with one endpoint, the share of returned keys that moved: equal up to 5 points;
/// 3. the 99th percentile of latency: equal up to 5 %;
/// 4. simplicity, in a fixed order.
///
/// `None` if there are no reports.
pub fn recommend(reports: &[Report], wants_affinity: bool) -> Option<Recommendation> {
    let mut left: Vec<&Report> = reports.iter().collect();
    let criteria = CRITERIA.iter().filter(|criterion| wants_affinity || !criterion.is_of_affinity);
    // What decided something, each with the one that lost by the least.
    let sift = |criterion: &'static Criterion| {
        let lost = criterion.sift(&mut left);
        let least = |one: &&Report, other: &&Report| {
            (criterion.value)(one).total_cmp(&(criterion.value)(other))
        };
        lost.into_iter().min_by(least).map(|next| (criterion, next))
    };
    let decided: Vec<(&Criterion, &Report)> = criteria.filter_map(sift).collect();
    let equals = left.len();
    let winner = left.into_iter().min_by_key(|report| complexity(report.algorithm))?;
    let reason = |(criterion, next): (&Criterion, &Report)| {
        let (figure, other) = ((criterion.text)(winner), (criterion.text)(next));
        format!("{} {figure}, against {other} with {}", criterion.what, next.algorithm.name())
    };
    let mut reasons: Vec<String> = decided.into_iter().map(reason).collect();
    if equals > 1 {
        reasons.push(format!("it is the simplest of {equals} that are about equally good"));
    }
    if winner.algorithm == Algorithm::Prequal {
        reasons.push("it needs endpoints that say how much they have to do".to_owned());
    }
    if reasons.is_empty() {
        reasons.push("there is no other to compare it with".to_owned());
    }
    let figures = figures(winner);
    let because = format!("{}: {} ({figures}).", winner.algorithm.name(), reasons.join("; "));
    Some(Recommendation { algorithm: winner.algorithm, because })
}

/// Something to judge by: the less the better.
struct Criterion {
    what: &'static str,
    is_of_affinity: bool,
    value: fn(&Report) -> f64,
    /// What counts as equal to a best value: so much more, or so much of it more.
    slack: (f64, f64),
    text: fn(&Report) -> String,
}

const CRITERIA: [Criterion; 3] = [
    Criterion {
        what: "errors are",
        is_of_affinity: false,
        value: Report::error_share,
        slack: (0.001, 0.05),
        text: |report| percent(report.error_share()),
    },
    Criterion {
        what: "keys that moved are",
        is_of_affinity: true,
        value: |report| report.keys.moved_share(),
        slack: (0.05, 0.0),
        text: |report| percent(report.keys.moved_share()),
    },
    Criterion {
        what: "p99 is",
        is_of_affinity: false,
        value: |report| report.latency.map_or(f64::MAX, |latency| latency.p99.as_secs_f64()),
        slack: (0.0, 0.05),
        text: |report| report.latency.map_or("none".to_owned(), |latency| time(latency.p99)),
    },
];

impl Criterion {
    /// Takes out and returns those that are worse than about as good as the best.
    fn sift<'a>(&self, left: &mut Vec<&'a Report>) -> Vec<&'a Report> {
        let best = left.iter().map(|report| (self.value)(report)).fold(f64::INFINITY, f64::min);
        let bound = best + self.slack.0.max(best * self.slack.1);
        let lost = left.iter().copied().filter(|report| (self.value)(report) > bound).collect();
        left.retain(|report| (self.value)(report) <= bound);
        lost
    }
}

/// Its place in the order of simplicity; what is not in it comes last.
fn complexity(algorithm: Algorithm) -> usize {
    SIMPLEST_FIRST.iter().position(|name| *name == algorithm.name()).unwrap_or(usize::MAX)
}

/// By name, so that it may speak of more than there are.
const SIMPLEST_FIRST: [&str; 10] = [
    "round-robin",
    "random",
    "least-request",
    "two-choices",
    "peak-ewma",
    "prequal",
    "client-ip",
    "rendezvous",
    "ring-hash",
    "maglev",
];

fn figures(report: &Report) -> String {
    let errors = percent(report.error_share());
    match report.latency {
        Some(latency) => {
            format!("errors {errors}, p50 {}, p99 {}", time(latency.p50), time(latency.p99))
        }
        None => format!("errors {errors}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Three digits.
fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        ..0.001 => (seconds * 1e6, "µs"),
        ..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run;
    use crate::scenario::Scenario;

    /// Reports with these algorithms, errors in 10 000, p99 in milliseconds, and moved keys in 100.
    fn reports<const N: usize>(figures: [(Algorithm, u64, u64, u64); N]) -> [Report; N] {
        let base = run(&Scenario::default(), Algorithm::Random, &mut |_| {}).unwrap();
        figures.map(|(algorithm, errors, p99, moved)| {
            let mut report = Report { algorithm, requests: 10_000, ..base.clone() };
            report.errors.lost = errors;
            (report.keys.returned, report.keys.moved) = (100, moved);
            report.latency.as_mut().unwrap().p99 = Duration::from_millis(p99);
            report
        })
    }

    use Algorithm::{LeastRequest, Prequal, Random, RoundRobin};

    #[test]
    fn criteria_decide_in_their_order() {
        let table = [
            // Errors come first.
            (
                [(RoundRobin, 100, 10, 0), (Random, 0, 900, 90), (LeastRequest, 90, 10, 0)],
                false,
                Random,
            ),
            // Equal errors: latency; a twentieth is nothing.
            (
                [(RoundRobin, 0, 100, 0), (Random, 9, 50, 0), (LeastRequest, 0, 49, 0)],
                false,
                Random,
            ),
            (
                [(RoundRobin, 0, 103, 0), (Random, 0, 100, 0), (LeastRequest, 0, 99, 0)],
                false,
                RoundRobin,
            ),
            // Moved keys matter where they shall stay, and there more than latency.
            (
                [(RoundRobin, 0, 10, 80), (Random, 0, 10, 80), (LeastRequest, 0, 20, 3)],
                true,
                LeastRequest,
            ),
            (
                [(RoundRobin, 0, 10, 80), (Random, 0, 10, 80), (LeastRequest, 0, 20, 3)],
                false,
                RoundRobin,
            ),
        ];
        for (figures, wants_affinity, winner) in table {
            let recommendation = recommend(&reports(figures), wants_affinity).unwrap();
            assert_eq!(recommendation.algorithm, winner, "{}", recommendation.because);
        }
        assert_eq!(recommend(&[], false), None);
    }

    #[test]
    fn the_sentence_cites_what_decided() {
        let figures = [(RoundRobin, 100, 10, 0), (Random, 0, 900, 90), (LeastRequest, 0, 1250, 0)];
        let because = recommend(&reports(figures), false).unwrap().because;
        let said = "random: errors are 0.00 %, against 1.00 % with round-robin; \
                    p99 is 900 ms, against 1.25 s with least-request (errors 0.00 %, p50 ";
        assert!(because.starts_with(said), "{because}");
        let asks =
            recommend(&reports([(RoundRobin, 0, 100, 0), (Prequal, 0, 10, 0)]), false).unwrap();
        assert!(asks.because.contains("; it needs endpoints that say how"), "{}", asks.because);
        let alone = recommend(&reports([(Random, 0, 10, 0)]), false).unwrap().because;
        assert!(alone.starts_with("random: there is no other to compare it with ("), "{alone}");
    }

    #[test]
    fn times_have_three_digits() {
        let micros = [7, 1_500, 20_040, 350_000, 12_345_678, 400_000_000];
        let written = micros.map(|micros| time(Duration::from_micros(micros)));
        assert_eq!(written, ["7.00 µs", "1.50 ms", "20.0 ms", "350 ms", "12.3 s", "400 s"]);
    }
}

//! Runs a scenario under one algorithm after the other, as many at a time as there are cores. Called by `command`.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use evenkeel_plan::balance::Algorithm;
use evenkeel_sim::{Mistake, Report, Scenario, run};

/// What a run has to say.
enum News {
    /// So much is done, up to 1.
    Part(f64),
    Over(Box<Result<Report, Mistake>>),
}

/// The reports, in the order of `algorithms`. Tells `progress` now and then how much of all is done, up to 1.
pub(super) fn run_all(
    scenario: &Scenario,
    algorithms: &[Algorithm],
    mut progress: impl FnMut(f64),
) -> Result<Vec<Report>, Mistake> {
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    let work = |tell: mpsc::Sender<(usize, News)>| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(&algorithm) = algorithms.get(number) else { return };
            // Whoever is to be told waits until all have ended.
            let say = |news| drop(tell.send((number, news)));
            let report = run(scenario, algorithm, &mut |part| say(News::Part(part)));
            say(News::Over(Box::new(report)));
        }
    };
    let mut parts = vec![0.0; algorithms.len()];
    let mut reports = vec![None; algorithms.len()];
    thread::scope(|scope| {
        for _ in 0..threads().min(algorithms.len()) {
            let tell = tell.clone();
            scope.spawn(|| work(tell));
        }
        drop(tell);
        for (number, news) in told {
            match news {
                News::Part(part) => parts[number] = part,
                News::Over(report) => reports[number] = Some(*report),
            }
            progress(parts.iter().sum::<f64>() / parts.len() as f64);
        }
    });
    // None is missing: a thread that panics takes the scope with it.
    reports.into_iter().flatten().collect()
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_come_in_the_order_of_the_algorithms_and_progress_to_its_end() {
        let scenario = Scenario::default();
        let mut parts = Vec::new();
        let reports = run_all(&scenario, &Algorithm::ALL, |part| parts.push(part)).unwrap();
        let algorithms: Vec<Algorithm> = reports.iter().map(|report| report.algorithm).collect();
        assert_eq!(algorithms, Algorithm::ALL);
        let alone = run(&scenario, Algorithm::ALL[1], &mut |_| {}).unwrap();
        assert_eq!(reports[1], alone);
        assert!(parts.is_sorted() && parts.last() == Some(&1.0), "{parts:?}");
    }

    #[test]
    fn a_mistake_is_the_answer_if_there_is_one() {
        let scenario = Scenario { balancers: 0, ..Scenario::default() };
        let mistake = run_all(&scenario, &[Algorithm::Random], |_| {}).unwrap_err();
        assert!(mistake.to_string().contains("balancers"), "{mistake}");
    }
}

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
    Over(Result<Report, Mistake>),
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
            say(News::Over(report));
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
                News::Over(report) => reports[number] = Some(report),
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

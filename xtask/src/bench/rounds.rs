//! Measures one case: all contenders run, one at a time is loaded, in turn, round after round, so
//! that a noisy minute of the machine falls on all of them.

use super::Timing;
use super::case::Case;
use super::contender::Contender;
use super::protocol::Protocol;
use super::running::{Origins, Running};
use super::stats::Summary;
use crate::Outcome;

/// One round of one contender.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) answers: u64,
    pub(super) user_us: f64,
    pub(super) system_us: f64,
    pub(super) answers_per_second: f64,
    pub(super) p99_ms: f64,
    pub(super) fault: Option<String>,
}

impl Round {
    /// CPU time per answer, in microseconds.
    pub(super) fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// All rounds of one contender in one case.
pub(super) struct Rounds {
    pub(super) contender: Contender,
    pub(super) all: Vec<Round>,
}

impl Rounds {
    /// The spread of `value` over the sound rounds.
    pub(super) fn summary(&self, value: impl Fn(&Round) -> f64) -> Option<Summary> {
        let sound = self.all.iter().filter(|round| round.fault.is_none());
        Summary::of(sound.map(value).collect())
    }

    pub(super) fn faulty(&self) -> usize {
        self.all.iter().filter(|round| round.fault.is_some()).count()
    }
}

pub(super) fn run(
    case: Case,
    protocol: &Protocol,
    contenders: &[Contender],
    timing: Timing,
) -> Outcome<Vec<Rounds>> {
    eprintln!("{}", case.title());
    let origins = Origins::start(case)?;
    let start = |&contender: &Contender| Running::start(contender, protocol, origins.ports);
    let running = contenders.iter().map(start).collect::<Outcome<Vec<_>>>()?;
    for one in &running {
        // Upstream connections are made, and code is paged in, before anything counts.
        one.load(case.load(), 1)?;
    }
    let mut results: Vec<_> =
        running.iter().map(|one| Rounds { contender: one.contender, all: Vec::new() }).collect();
    for number in 1..=timing.rounds {
        for (one, rounds) in running.iter().zip(&mut results) {
            let round = measure(one, case, timing.seconds)?;
            print_progress(number, one.contender, &round);
            rounds.all.push(round);
        }
    }
    running.into_iter().try_for_each(Running::end)?;
    Ok(results)
}

fn measure(one: &Running<'_>, case: Case, seconds: u32) -> Outcome<Round> {
    let before = one.cpu_time()?;
    let counted = one.load(case.load(), seconds)?;
    let used = one.cpu_time()? - before;
    let answers = counted.answers.max(1) as f64;
    Ok(Round {
        answers: counted.answers,
        user_us: used.user.as_secs_f64() * 1e6 / answers,
        system_us: used.system.as_secs_f64() * 1e6 / answers,
        answers_per_second: counted.answers_per_second,
        p99_ms: counted.p99_ms,
        fault: counted.fault,
    })
}

fn print_progress(number: u32, contender: Contender, round: &Round) {
    let fault = round.fault.as_deref().map(|fault| format!("  FAILED {fault}")).unwrap_or_default();
    eprintln!(
        "  round {number}  {contender:<9} {:>8.2} µs/answer ({:.2} user, {:.2} system) {:>8.0}/s{fault}",
        round.cpu_us(),
        round.user_us,
        round.system_us,
        round.answers_per_second,
    );
}

//! `cargo xtask faults`: breaks things on purpose around a balancer, and accounts for what becomes of every request.

use std::collections::VecDeque;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use clap::{Args, ValueEnum};

mod account;
mod balancer;
mod cable;
mod config;
mod report;
mod row;
mod scenario;
mod scenarios;
mod stage;

use crate::Outcome;
use crate::bench::contender::Contender;
use crate::tools::{self, cargo, succeed};
use report::Report;
use row::Row;
pub(crate) use row::Verdict;
use scenario::Scenario;
use stage::{Pace, Stage};

#[derive(Args)]
pub(crate) struct Options {
    /// All scenarios, for as long as the default health checks need, one after the other, with the release build
    #[arg(long)]
    long: bool,
    /// Only the scenarios with one of these in their name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Do the same to these, which are judged by nothing, for comparison
    #[arg(long, value_enum, value_delimiter = ',')]
    against: Vec<Peer>,
    /// Say what there is, and what each is to show
    #[arg(long)]
    list: bool,
    /// Scenarios at the same time [default: 3, or 1 with --long]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Also write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write the table to this file, as it is in docs/reliability.md
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// We are in a network of our own, to play this one's part
    #[arg(long, value_enum, hide = true)]
    inside: Option<Contender>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    Haproxy,
    Nginx,
}

impl Peer {
    fn contender(self) -> Contender {
        match self {
            Self::Haproxy => Contender::Haproxy,
            Self::Nginx => Contender::Nginx,
        }
    }
}

/// Whether no scenario failed; one that misses its goal as expected did not.
pub(crate) fn run(options: &Options) -> Outcome {
    let scenarios = options.scenarios();
    if options.list {
        scenarios.iter().for_each(|scenario| println!("{}", report::describe(scenario)));
        return Ok(true);
    }
    let peers: Vec<Contender> = options.against.iter().map(|peer| peer.contender()).collect();
    tools::install_missing(&peers.iter().map(|peer| peer.program_name()).collect::<Vec<_>>());
    let evenkeel = build(options.long)?;
    let contenders = match options.inside {
        Some(contender) => vec![contender],
        None => [&[Contender::Evenkeel], peers.as_slice()].concat(),
    };
    let jobs = options.jobs.map_or(if options.long { 1 } else { JOBS }, NonZeroUsize::get);
    let pace = if options.long { Pace::LONG } else { Pace::SHORT };
    let play = Play { evenkeel: &evenkeel, pace, inside: options.inside.is_some() };
    let rows = play_all(&scenarios, &contenders, &play, jobs);
    let report = Report::new(&scenarios, &contenders, &evenkeel, options.long, rows)?;
    println!("\n{}", report.table());
    if let Some(path) = &options.markdown {
        fs::write(path, report.markdown())?;
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    Ok(report.rows.iter().all(|row| !row.verdict.is_failure()))
}

/// The short form, as a step of `cargo xtask test`: how each scenario ended, in a line each.
pub(crate) fn step() -> Outcome<Vec<(String, Verdict)>> {
    let scenarios: Vec<Scenario> =
        scenarios::all().into_iter().filter(|scenario| !scenario.long_only).collect();
    // The tests have just been run with it; to build it alone would be to build it with other features, anew.
    let built = Path::new("target/debug/evenkeel");
    let evenkeel = if built.exists() { built.to_owned() } else { build(false)? };
    let play = Play { evenkeel: &evenkeel, pace: Pace::SHORT, inside: false };
    let mut rows = play_all(&scenarios, &[Contender::Evenkeel], &play, JOBS);
    for _ in 0..ENCORES {
        // Of a thousand requests, one in a thousand is one or none: a goal that is missed is played for once more, alone. What must never be
        // is not.
        let missed = |row: &&mut Row| row.verdict.is_failure() && row.violations.is_empty();
        for row in rows.iter_mut().filter(missed) {
            let Some(scenario) = scenarios.iter().find(|it| it.name == row.scenario) else {
                continue;
            };
            *row = play_one(scenario, Contender::Evenkeel, &play);
            println!("{}  (once more)", report::line(row, false));
        }
    }
    Ok(rows.into_iter().map(|row| (row.scenario.to_owned(), row.verdict)).collect())
}

impl Options {
    fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = scenarios::all();
        scenarios.retain(|scenario| match self.only.as_slice() {
            [] => self.long || !scenario.long_only,
            only => only.iter().any(|part| scenario.name.contains(part.as_str())),
        });
        scenarios
    }
}

/// The binary to break things around: what `EVENKEEL` names, or ours, built.
fn build(release: bool) -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os("EVENKEEL") {
        return Ok(path.into());
    }
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    let build = ["build", "--quiet", "--package", "evenkeel", "--bin", "evenkeel"];
    succeed(cargo().args(build).args(profile))?;
    let folder = if release { "release" } else { "debug" };
    Ok(Path::new("target").join(folder).join("evenkeel"))
}

/// Our own program, to be run again: whoever builds us anew while we run, as the tests do, takes away what we were started from.
fn own_program() -> Outcome<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || -> Outcome<PathBuf> {
        let program = std::env::current_exe()?;
        if program.exists() {
            return Ok(program);
        }
        let copy = Path::new("target/faults").join(format!("xtask-{}", std::process::id()));
        fs::create_dir_all("target/faults")?;
        fs::copy("/proc/self/exe", &copy)?;
        Ok(copy.canonicalize()?)
    };
    let found = PROGRAM.get_or_init(|| find().ok());
    found.as_deref().ok_or_else(|| "our own program is gone".into())
}

/// How scenarios are played.
#[derive(Clone, Copy)]
struct Play<'a> {
    evenkeel: &'a Path,
    pace: Pace,
    /// Whether we are in a network of our own.
    inside: bool,
}

/// Plays every scenario with every contender that it is for, so many at the same time; the rows are in the order of the scenarios.
fn play_all(
    scenarios: &[Scenario],
    contenders: &[Contender],
    play: &Play<'_>,
    jobs: usize,
) -> Vec<Row> {
    let pairs = scenarios.iter().enumerate().flat_map(|(position, scenario)| {
        let takes_part = |contender: &&Contender| scenario.balancers.contains(contender);
        contenders.iter().filter(takes_part).map(move |&contender| (position, scenario, contender))
    });
    let (alone, together): (VecDeque<_>, VecDeque<_>) =
        pairs.partition(|(_, scenario, _)| scenario.alone);
    let rows = Mutex::new(Vec::new());
    for (queue, jobs) in [(together, jobs), (alone, 1)] {
        let queue = Mutex::new(queue);
        let work = || {
            // Not within the loop's head, where the lock would be held for as long as a scenario takes.
            let next = || locked(&queue).pop_front();
            while let Some((position, scenario, contender)) = next() {
                let row = play_one(scenario, contender, play);
                println!("{}", report::line(&row, contenders.len() > 1));
                locked(&rows).push((position, contender, row));
            }
        };
        thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    }
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    let place = |contender: &Contender| contenders.iter().position(|other| other == contender);
    rows.sort_by_key(|(position, contender, _)| (*position, place(contender)));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// Plays it once more if the client did not keep up, since then a miss says nothing.
fn play_one(scenario: &Scenario, contender: Contender, play: &Play<'_>) -> Row {
    let row = play_once(scenario, contender, play);
    match row.verdict {
        // Who played inside has tried it twice already.
        Verdict::Unsure(_) if !(scenario.scenery)().far || play.inside => {
            play_once(scenario, contender, play)
        }
        _ => row,
    }
}

fn play_once(scenario: &Scenario, contender: Contender, play: &Play<'_>) -> Row {
    let began = Instant::now();
    let played = || -> Outcome<Row> {
        if (scenario.scenery)().far && !play.inside {
            return cable::play(scenario, contender, play);
        }
        let mut stage = Stage::open(scenario, contender, play.evenkeel, play.pace)?;
        let gates = (scenario.play)(&mut stage)
            .map_err(|error| format!("{error}; the balancer said:\n{}", stage.balancer.said()))?;
        let (invariants, figures) = account::draw_up(&mut stage)?;
        Ok(Row::judge(scenario, contender, &invariants, &gates, figures))
    };
    let row = played().unwrap_or_else(|error| Row::broken(scenario, contender, &error.to_string()));
    Row { took: began.elapsed(), ..row }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a missed goal is played for once more in the short form.
const ENCORES: usize = 2;

/// They wait far more than they work.
const JOBS: usize = 3;

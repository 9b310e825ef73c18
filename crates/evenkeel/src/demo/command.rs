//! The run of `evenkeel demo`: starts the performance, shows it until it ends, and sums it up.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::failure::{Failure, exit_code};
use crate::terminal::has_reader;

use super::Args;
use super::config::by_hand;
use super::performance::{Performance, choices};
use super::picture::Picture;
use super::plain::Plain;
use super::screen::DemoScreen;
use super::script::Wish;
use super::summary::Summary;

/// Plays until its time is over, `q` or a signal.
pub(crate) fn run(args: &Args) -> ExitCode {
    exit_code(if args.show_config { show_config(args) } else { perform(args) })
}

fn show_config(args: &Args) -> Result<(), Failure> {
    print(&by_hand(&choices(args))?)
}

fn perform(args: &Args) -> Result<(), Failure> {
    // This sender stays here, so that the channel never ends.
    let (wishes, wished) = mpsc::channel();
    let mut performance = Performance::start(args, &wishes)?;
    let stage = if wants_picture(args) {
        Stage::Screen(DemoScreen::open(&wishes)?)
    } else {
        Stage::Lines(Plain::new(&performance.scene, args.json))
    };
    // The screen is left before anything else is printed, also an error.
    play(&mut performance, stage, &wished)?;
    let summary = Summary::new(performance);
    print(&if args.json { summary.to_json()? } else { summary.to_string() })
}

/// Steps and shows until the end.
fn play(
    performance: &mut Performance,
    mut stage: Stage,
    wished: &Receiver<Wish>,
) -> Result<(), Failure> {
    let mut due = Instant::now();
    while !performance.is_over() {
        match wished.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Wish::Quit) => break,
            Ok(wish) => performance.grant(wish)?,
            Err(RecvTimeoutError::Timeout) => {
                performance.step()?;
                due = (due + STEP).max(Instant::now());
            }
            // Cannot be: `perform` holds a sender.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !has_reader(stage.show(performance))? {
            break;
        }
    }
    Ok(())
}

/// Where it is shown.
enum Stage {
    Screen(DemoScreen),
    Lines(Plain),
}

impl Stage {
    fn show(&mut self, performance: &Performance) -> io::Result<()> {
        let Performance { scene, sample, history, story, .. } = performance;
        match self {
            Stage::Screen(screen) => screen.draw(&Picture::new(scene, sample, history, story)),
            Stage::Lines(lines) => lines.follow(sample, story),
        }
    }
}

/// A picture needs a terminal that can draw, and keys.
fn wants_picture(args: &Args) -> bool {
    let can_draw = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    !args.plain && can_draw && io::stdout().is_terminal() && io::stdin().is_terminal()
}

fn print(text: &str) -> Result<(), Failure> {
    has_reader(writeln!(io::stdout(), "{}", text.trim_end()))?;
    Ok(())
}

/// Four pictures a second are lively; more would be hard to read.
const STEP: Duration = Duration::from_millis(250);

//! The run of `evenkeel simulate`: reads what is asked for, runs it, and shows what came of it.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use evenkeel_sim::NamedScenario;

use crate::failure::{Failure, exit_code};
use crate::terminal::{has_reader, wants_colour};
use crate::tone::{Palette, Tone};

use super::Args;
use super::json::Document;
use super::outcome::Outcome;
use super::page::page;
use super::progress::Progress;
use super::runs::run_all;
use super::setting::Setting;
use super::table;
use super::text::wrapped;

/// Simulates: 0, or 1 if something that was asserted is not so, or something could not be read or written.
pub(crate) fn run(args: &Args) -> ExitCode {
    exit_code(if args.list { list() } else { simulate(args) })
}

fn simulate(args: &Args) -> Result<(), Failure> {
    let setting = Setting::new(args)?;
    let mut progress = Progress::new();
    let reports = run_all(&setting.scenario, &setting.algorithms, |part| progress.show(part))?;
    drop(progress);
    let outcome = Outcome::new(&setting, reports);
    let document = Document::new(&outcome, &args.assertions);
    let writes_json = args.json.as_deref().is_some_and(|file| file == Path::new("-"));
    if !writes_json {
        let palette = Palette::new(wants_colour(&io::stdout()));
        print(&table::page(&outcome, width(), palette))?;
    }
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&document).map_err(io::Error::from)? + "\n";
        if writes_json { print(&json) } else { write(file, &json) }?;
    }
    if let Some(file) = &args.html {
        write(file, &page(&document.of_few_endpoints()).map_err(io::Error::from)?)?;
    }
    outcome.broken(&args.assertions).map_or(Ok(()), |sentence| Err(Failure::Running(sentence)))
}

/// The named scenarios, with their stories.
fn list() -> Result<(), Failure> {
    let palette = Palette::new(wants_colour(&io::stdout()));
    let names = NamedScenario::ALL.map(|scenario| scenario.name.len());
    let indent = names.into_iter().max().unwrap_or_default() + 2;
    let width = width().min(LIST_WIDTH);
    let line = |scenario: NamedScenario| {
        let gap = " ".repeat(indent - scenario.name.len());
        let name = palette.paint(Tone::Strong, scenario.name);
        // The name stands where the first line has blanks for it.
        let story =
            wrapped(&format!("{} {}", "_".repeat(indent - 1), scenario.story), width, indent);
        format!("{name}{gap}{}\n", &story[indent..])
    };
    print(&NamedScenario::ALL.map(line).concat())
}

fn print(text: &str) -> Result<(), Failure> {
    has_reader(io::stdout().write_all(text.as_bytes()))?;
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let unwritten = |error| Failure::Running(format!("cannot write {}: {error}", file.display()));
    fs::write(file, text).map_err(unwritten)
}

/// How many characters a line may have: `COLUMNS` if it says so, or else what the terminal has. A file and a pipe have room.
fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = || {
        let size = io::stdout().is_terminal().then(crossterm::terminal::size)?;
        size.ok().map(|(columns, _)| usize::from(columns)).filter(|columns| *columns > 0)
    };
    said.or_else(terminal).unwrap_or(PIPE_WIDTH)
}

/// Enough for every column.
const PIPE_WIDTH: usize = 160;

/// So many characters of a line are still read with ease.
const LIST_WIDTH: usize = 100;

//! `evenkeel check`: everything that a start does with a config, but for the sockets. The command line calls [`check`].

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use evenkeel_control::conductor::rehearse;
use evenkeel_control::config::{Config, ConfigFile, Loaded, Report, Seen};

use crate::failure::{Failure, exit_code, print_report, wrong_config};
use crate::terminal::has_reader;
use crate::units::counted;

/// Say whether a config file can be used, and everything that is wrong with it
///
/// Every mistake is shown with its line, a caret and a way out. Files that it includes and pages are read, too. Nothing is
/// bound, looked up or connected to.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file to check
    #[arg(short, long, value_name = "FILE", default_value = "evenkeel.toml")]
    config: PathBuf,

    /// Take warnings for errors
    #[arg(long)]
    strict: bool,

    /// Print the verdict as JSON, for editors and pipelines
    #[arg(long)]
    json: bool,
}

/// Prints the verdict: 0 if the file can be used, 78 if it cannot. Warnings do not change that, unless they are taken for errors.
pub(crate) fn check(args: &Args) -> ExitCode {
    let (loaded, seen) = ConfigFile { path: args.config.clone(), workers: None }.read();
    let loaded = loaded.and_then(|loaded| {
        let refused = args.strict && !loaded.warnings.is_empty();
        if refused { Err(loaded.warnings) } else { Ok(loaded) }
    });
    if let Some(error) = loaded.as_ref().ok().and_then(|it| rehearse(&it.config).err()) {
        return exit_code(Err(Failure::Running(error.to_string())));
    }
    if !args.json {
        return exit_code(verdict(args, loaded, &seen));
    }
    let usable = loaded.is_ok();
    match print_json(&loaded.map_or_else(|report| report, |loaded| loaded.warnings), usable) {
        Ok(()) if usable => ExitCode::SUCCESS,
        Ok(()) => wrong_config(),
        Err(error) => exit_code(Err(error.into())),
    }
}

fn verdict(args: &Args, loaded: Result<Loaded, Report>, seen: &Seen) -> Result<(), Failure> {
    let Loaded { config, warnings, .. } = loaded.map_err(Failure::Config)?;
    print_report(&warnings);
    let file = args.config.display();
    let (summary, certificates) = (summary(&config), certificates(seen, SystemTime::now()));
    let verdict = match warnings.is_empty() {
        true => "is fine",
        // A start would be without what is left out.
        false => "can be used as the warnings say, which --strict takes for errors",
    };
    has_reader(writeln!(io::stdout(), "{file} {verdict}: {summary}{certificates}"))?;
    Ok(())
}

fn print_json(report: &Report, usable: bool) -> io::Result<()> {
    let json = serde_json::to_string_pretty(&report.verdict(usable))?;
    has_reader(writeln!(io::stdout(), "{json}")).map(drop)
}

fn summary(config: &Config) -> String {
    let endpoints = config.clusters.iter().map(|cluster| cluster.endpoints.len()).sum();
    let listeners = counted(config.listeners.len(), "listener");
    let clusters = counted(config.clusters.len(), "cluster");
    // Most configs have none, and need not be told so.
    let routes = match config.routes.len() {
        0 => String::new(),
        routes => format!("{}, ", counted(routes, "route")),
    };
    format!("{listeners}, {routes}{clusters}, {}", counted(endpoints, "endpoint"))
}

/// How many certificates there are, and how long the first of them is still good; nothing if there are none.
fn certificates(seen: &Seen, now: SystemTime) -> String {
    let Some((count, first)) = seen.certificates() else { return String::new() };
    let left = first.duration_since(now).unwrap_or_default();
    let left = counted(usize::try_from(left.as_secs() / DAY_SECONDS).unwrap_or_default(), "day");
    let first = if count == 1 { "which" } else { "of which the first" };
    format!(", {}, {first} ends in {left}", counted(count, "certificate"))
}

const DAY_SECONDS: u64 = 24 * 3600;

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel check                            looks at ./evenkeel.toml
  evenkeel check -c /etc/evenkeel.toml      looks at another file
  evenkeel check --strict --json            for a pipeline that lets nothing odd pass

EXIT CODES:
  0   the file can be used, perhaps with warnings (not with --strict)
  1   the verdict could not be written
  2   wrong usage
  78  it cannot, or cannot be read";

//! `evenkeel check`: everything that a start does with a config, but for the sockets. The command line calls [`check`].

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel_control::config::{Config, Loaded};

use crate::failure::{Failure, exit_code, print_report};
use crate::terminal::has_reader;

/// Say whether a config file can be used, and everything that is wrong with it
///
/// Every mistake is shown with its line, a caret and a way out. Nothing is bound, looked up or connected to.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file to check
    #[arg(short, long, value_name = "FILE", default_value = "evenkeel.toml")]
    config: PathBuf,
}

/// Prints the verdict: 0 if the file can be used, 78 if it cannot. Warnings do not change that.
pub(crate) fn check(args: &Args) -> ExitCode {
    exit_code(verdict(args))
}

fn verdict(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings, .. } = Config::load(&args.config).map_err(Failure::Config)?;
    print_report(&warnings);
    let file = args.config.display();
    has_reader(writeln!(io::stdout(), "{file} is fine: {}", summary(&config)))?;
    Ok(())
}

fn summary(config: &Config) -> String {
    let endpoints = config.clusters.iter().map(|cluster| cluster.endpoints.len()).sum();
    let listeners = counted(config.listeners.len(), "listener");
    let clusters = counted(config.clusters.len(), "cluster");
    format!("{listeners}, {clusters}, {}", counted(endpoints, "endpoint"))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel check                            looks at ./evenkeel.toml
  evenkeel check -c /etc/evenkeel.toml      looks at another file

EXIT CODES:
  0   the file can be used, perhaps with warnings
  1   the verdict could not be written
  2   wrong usage
  78  it cannot, or cannot be read";

//! `evenkeel run`: the balancer, from a file. The command line calls [`run`].

use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel_control::config::{ConfigFile, Loaded};

use crate::failure::{Failure, exit_code};
use crate::service::{Kept, Service};
use crate::workers::WorkersArg;

/// Balance as a config file says
///
/// TERM, INT and QUIT drain: nothing new is accepted, running exchanges finish, for at most as long as the config's
/// `drain` says. A second one, a second later or more, stops at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = "evenkeel.toml")]
    config: PathBuf,

    #[command(flatten)]
    workers: WorkersArg,
}

/// Balances until a signal ends it.
pub(crate) fn run(args: &Args) -> ExitCode {
    exit_code(load(args).and_then(|service| service.run()))
}

fn load(args: &Args) -> Result<Service, Failure> {
    let file = ConfigFile { path: args.config.clone(), workers: args.workers.given() };
    let (loaded, seen) = file.read();
    let Loaded { config, warnings } = loaded.map_err(Failure::Config)?;
    Ok(Service { config, warnings, kept: Kept::Read(file, seen), development: None })
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel run                              from ./evenkeel.toml
  evenkeel run -c /etc/evenkeel.toml --workers 2
  evenkeel check -c FILE                    says what is wrong with a file
  evenkeel serve 8080 9001 --save FILE      writes one

EXIT CODES:
  0   after a drain, or when a second signal stopped it
  1   could not start, or not finish in time
  2   wrong usage
  78  the config cannot be used";

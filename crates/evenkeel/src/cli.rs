//! The command line: one subcommand per module; `main` parses it and runs what was asked for.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::operate::Operation;
use crate::{
    check, completions, demo, load, man, origin, run, schema, serve, simulate, status, top, why,
};

/// Makes a set of servers look like one that never fails.
#[derive(clap::Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Reads the command line of this process; ends it for `--help` and for wrong usage.
    pub(crate) fn read() -> Self {
        let mut command = with_whole_usage(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let matches = matches.unwrap_or_else(|error| with_tip(error).exit());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }

    /// Runs the command to its end: 0 done, 1 failed while running, 78 wrong config. clap exits with 2 for wrong usage.
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(args) => serve::serve(&args),
            Command::Run(args) => run::run(&args),
            Command::Check(args) => check::check(&args),
            Command::Status(args) => status::run(&args),
            Command::Top(args) => top::run(&args),
            Command::Why(args) => why::run(&args),
            Command::Operate(operation) => operation.run(),
            Command::Schema(args) => schema::print(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Origin(args) => origin::run(&args),
            Command::Load(args) => load::run(*args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Completions(args) => completions::print(&args, Self::command()),
            Command::Man(args) => man::run(&args, Self::command()),
        }
    }
}

/// Other servers take the path of a config as it is.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let stray =
        error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
    if let Some(file) = stray.map(ToString::to_string).filter(|stray| stray.ends_with(".toml")) {
        let tip = format!("a config is named by '-c {file}'").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Makes an error show the usage of its command, and not one that is made of what happened to be on the line: `--admin <ADDRESS>`
/// before all that is wanted.
fn with_whole_usage(mut command: clap::Command) -> clap::Command {
    command.build();
    command.mut_subcommands(|mut subcommand| {
        let usage = subcommand.render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
        subcommand.override_usage(usage)
    })
}

#[derive(clap::Subcommand)]
enum Command {
    Serve(serve::Args),
    Run(run::Args),
    Check(check::Args),
    Status(status::Args),
    Top(top::Args),
    Why(why::Args),
    #[command(flatten)]
    Operate(Operation),
    Schema(schema::Args),
    Demo(demo::Args),
    Origin(origin::Args),
    Load(Box<load::Args>),
    Simulate(Box<simulate::Args>),
    Completions(completions::Args),
    Man(man::Args),
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel demo                                watch one at work
  evenkeel serve 8080 9001 9002                balance port 8080 over two endpoints on this machine
  evenkeel serve 8080 9001 9002 --save evenkeel.toml
                                               and keep that as a config
  evenkeel check                               is ./evenkeel.toml right?
  evenkeel run                                 balance as it says
  evenkeel status                              how does it stand?
  evenkeel top                                 and live
  evenkeel why                                 which requests failed or were slow, and why?
  evenkeel drain 9001 --wait                   send the work of an endpoint elsewhere
  evenkeel reload                              read its config again
  evenkeel load http://127.0.0.1:8080          how fast is it?
  evenkeel simulate slow-node                  which algorithm, if an endpoint becomes slow?

`evenkeel COMMAND --help` shows more of them, and what each exit code means.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_usage_in_an_error_is_that_of_the_command_and_not_that_of_the_line() {
        for (line, usage) in [
            (&["evenkeel", "add", "--admin", "9901"][..], "add [OPTIONS] [CLUSTER] <ADDRESS>"),
            (&["evenkeel", "drain", "--admin", "9901"], "drain [OPTIONS] <ENDPOINT>"),
            (&["evenkeel", "mark", "-c", "x", "9001"], "mark [OPTIONS] <ENDPOINT> <STATE>"),
            (&["evenkeel", "serve", "--admin", "9901"], "serve [OPTIONS] <LISTEN> [ENDPOINT]..."),
        ] {
            let error = with_whole_usage(Cli::command()).try_get_matches_from(line).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(&format!("Usage: evenkeel {usage}\n")), "{error}");
        }
    }

    #[test]
    fn a_config_without_its_option_is_understood() {
        for command in ["check", "run"] {
            let error = Cli::command().try_get_matches_from(["evenkeel", command, "c.toml"]);
            let error = with_tip(error.unwrap_err()).to_string();
            assert!(error.contains("tip: a config is named by '-c c.toml'"), "{error}");
        }
    }

    #[test]
    fn every_help_has_examples() {
        let top = Cli::command().render_help().to_string();
        assert!(top.contains("EXAMPLES:"), "{top}");
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("EXAMPLES:"), "{help}");
        }
    }
}

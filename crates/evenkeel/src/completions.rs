//! `evenkeel completions`: what a shell has to know to complete our command line. The command line calls [`print()`].

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::failure::exit_code;
use crate::terminal::has_reader;

/// Print a script that lets a shell complete evenkeel's command line
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell that reads it
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script for `command`.
pub(crate) fn print(args: &Args, command: Command) -> ExitCode {
    let printed = has_reader(io::stdout().write_all(&script(args.shell, command)));
    exit_code(printed.map(drop).map_err(Into::into))
}

fn script(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel completions bash > /etc/bash_completion.d/evenkeel
  evenkeel completions zsh > ~/.zfunc/_evenkeel
  evenkeel completions fish > ~/.config/fish/completions/evenkeel.fish

EXIT CODES:
  0   printed
  1   the output could not be written
  2   wrong usage";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_shell_gets_a_script_that_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell, Cli::command())).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn bash_can_read_its_script() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evenkeel.bash");
        std::fs::write(&file, script(Shell::Bash, Cli::command())).unwrap();
        let read = std::process::Command::new("bash").arg("-n").arg(&file).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    }
}

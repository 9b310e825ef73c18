//! Commands that change what a running balancer does: `drain`, `mark`, `weight`, `add`, `remove` and `reload`. The command line
//! calls [`Operation::run`].

use std::process::ExitCode;

mod add;
mod drain;
mod emptying;
mod find;
mod mark;
mod print;
mod reload;
mod remove;
mod weight;

pub(crate) use self::find::find_cluster;
pub(crate) use self::print::print_text;

use crate::failure::{Failure, exit_code, exit_code_in_json};

/// One of the commands.
#[derive(clap::Subcommand)]
pub(crate) enum Operation {
    Drain(drain::Args),
    Mark(mark::Args),
    Weight(weight::Args),
    Add(add::Args),
    Remove(remove::Args),
    Reload(reload::Args),
}

impl Operation {
    /// Does it: 0 done, 1 not done, 78 if a config was refused.
    pub(crate) fn run(&self) -> ExitCode {
        let done = self.carry_out();
        if self.wants_json() { exit_code_in_json(done) } else { exit_code(done) }
    }

    fn wants_json(&self) -> bool {
        match self {
            Operation::Drain(args) => args.json,
            Operation::Mark(args) => args.json,
            Operation::Weight(args) => args.json,
            Operation::Add(args) => args.json,
            Operation::Remove(args) => args.json,
            Operation::Reload(args) => args.json,
        }
    }

    fn carry_out(&self) -> Result<(), Failure> {
        match self {
            Operation::Drain(args) => drain::drain(args),
            Operation::Mark(args) => mark::mark(args),
            Operation::Weight(args) => weight::weight(args),
            Operation::Add(args) => add::add(args),
            Operation::Remove(args) => remove::remove(args),
            Operation::Reload(args) => reload::reload(args),
        }
    }
}

/// The exit codes that all of them have.
macro_rules! exit_codes {
    () => {
        "EXIT CODES:
  0   done, or it was so already
  1   not done: no balancer was reached, it said no, or the time was up
  2   wrong usage"
    };
}
use exit_codes;

#[cfg(test)]
mod tests;

//! `evenkeel schema`: what a config may say, for editors. The command line calls [`print()`].

use std::io::{self, Write as _};
use std::process::ExitCode;

use evenkeel_control::config::schema;

use crate::failure::{Failure, exit_code};
use crate::terminal::has_reader;

/// Print the JSON Schema of a config
///
/// It is of draft-07, which editors know. Strings with variables in them pass; `evenkeel check` says what is really wrong.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print docs/configuration.md instead
    #[arg(long, hide = true)]
    markdown: bool,
}

/// Prints it.
pub(crate) fn print(args: &Args) -> ExitCode {
    exit_code(try_print(args))
}

fn try_print(args: &Args) -> Result<(), Failure> {
    let text = if args.markdown {
        schema::markdown()
    } else {
        let json = serde_json::to_string_pretty(&schema::json_schema()).map_err(io::Error::from)?;
        format!("{json}\n")
    };
    has_reader(io::stdout().write_all(text.as_bytes()))?;
    Ok(())
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel schema > evenkeel.schema.json
  # and in the first line of a config, for editors with Taplo:
  #:schema ./evenkeel.schema.json

EXIT CODES:
  0   printed
  1   the output could not be written
  2   wrong usage";

//! `evenkeel man`: the manual, made from the command line's own help. The command line calls [`run`].

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;

use crate::failure::{Failure, exit_code};
use crate::terminal::has_reader;

/// Print the manual page, or write all of them
///
/// Without --out the main page goes to the standard output. With it each command gets a page of its own.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write the pages into this directory, which is made if need be
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes pages about `command`.
pub(crate) fn run(args: &Args, mut command: Command) -> ExitCode {
    command = command.disable_help_subcommand(true);
    // Sets the names by which the pages of subcommands go.
    command.build();
    exit_code(match &args.out {
        Some(folder) => write_all(&command, folder),
        None => print(&command),
    })
}

fn print(command: &Command) -> Result<(), Failure> {
    has_reader(io::stdout().write_all(&page(command)?))?;
    Ok(())
}

fn write_all(command: &Command, folder: &Path) -> Result<(), Failure> {
    let unwritten = |path: &Path, error: io::Error| {
        Failure::Running(format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    let shown = command.get_subcommands().filter(|each| !each.is_hide_set());
    for command in std::iter::once(command).chain(shown) {
        let path = folder.join(format!("{}.1", name(command)));
        fs::write(&path, page(command)?).map_err(|error| unwritten(&path, error))?;
    }
    Ok(())
}

/// What a page is called: `evenkeel-check` for `evenkeel check`.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone()).title(name(command)).manual("Evenkeel");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_help() {
        // Not clap's rendering: it would fill the lines of examples up to paragraphs.
        write_blocks(&mut page, &help.to_string())?;
    }
    if command.has_subcommands() {
        write_blocks(&mut page, &environment(command))?;
        write_blocks(&mut page, EXIT_CODES)?;
    }
    Ok(page)
}

/// Writes text with headings in capitals; its lines stay as they are.
fn write_blocks(page: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let heading = |line: &str| {
        let name = line.strip_suffix(':')?;
        let is_heading = name.chars().all(|char| char.is_ascii_uppercase() || char == ' ');
        (is_heading && !name.is_empty()).then(|| name.to_owned())
    };
    writeln!(page, ".nf")?;
    for line in text.lines() {
        match heading(line) {
            Some(heading) => writeln!(page, ".fi\n.SH \"{heading}\"\n.nf")?,
            None => writeln!(page, "{}", literal(line))?,
        }
    }
    writeln!(page, ".fi")
}

/// A line that roff shows as it is.
fn literal(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

/// The variables that commands read, from their options.
fn environment(command: &Command) -> String {
    let mut text = "ENVIRONMENT:\n".to_owned();
    let mut told = Vec::new();
    for option in command.get_subcommands().flat_map(Command::get_arguments) {
        let variable = option.get_env().map(|name| name.to_string_lossy().into_owned());
        let Some(variable) = variable.filter(|variable| !told.contains(variable)) else { continue };
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {variable}\n      {help}\n"));
        told.push(variable);
    }
    text.push_str(VARIABLES);
    text
}

const VARIABLES: &str = "  NO_COLOR
      If it is not empty, nothing is coloured
  Any other
      A config may name it, as in \"${PORT:-8080}\"
";

const EXIT_CODES: &str = "EXIT CODES:
  0   done, or drained
  1   could not start, or failed while it ran
  2   wrong usage
  78  the config cannot be used
";

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel man | man -l -                   reads it
  evenkeel man --out /usr/local/share/man/man1

EXIT CODES:
  0   printed, or written
  1   the output could not be written
  2   wrong usage";

#[cfg(test)]
mod tests;

use std::process::{Command as Process, Stdio};

use clap::CommandFactory as _;

use super::*;
use crate::cli::Cli;

fn built() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

#[test]
fn the_main_page_names_every_command_variable_and_exit_code() {
    let page = String::from_utf8(page(&built()).unwrap()).unwrap();
    for command in built().get_subcommands() {
        assert!(page.contains(&name(command).replace('-', "\\-")), "{page}");
    }
    for part in ["EVENKEEL_WORKERS", "NO_COLOR", ".SH \"EXIT CODES\"", "  78  the config"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn every_command_has_a_page_with_its_examples_and_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    write_all(&built(), &out).unwrap();
    for command in built().get_subcommands() {
        let page = fs::read_to_string(out.join(format!("{}.1", name(command)))).unwrap();
        assert!(page.contains(".SH \"EXAMPLES\"") && page.contains(".SH \"EXIT CODES\""), "{page}");
    }
    assert!(out.join("evenkeel.1").is_file());
    assert!(out.join("evenkeel-check.1").is_file());
}

#[test]
fn lines_that_roff_would_take_for_commands_are_shown_as_they_are() {
    assert_eq!(literal(".SH"), "\\&.SH");
    assert_eq!(literal("'a"), "\\&'a");
    assert_eq!(literal("a\\b --c"), "a\\eb \\-\\-c");
}

#[test]
fn groff_has_nothing_to_say_against_a_page() {
    let groff = Process::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut groff) = groff else {
        return evenkeel_testkit::skipped("groff_has_nothing_to_say_against_a_page", "groff");
    };
    groff.stdin.take().unwrap().write_all(&page(&built()).unwrap()).unwrap();
    let said = groff.wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}

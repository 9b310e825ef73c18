//! The run of `evenkeel load`: starts it, shows its progress, and prints what it came to.

use std::io::{self, Write as _};
use std::process::ExitCode;

use tokio::runtime;

use crate::terminal::has_reader;

use super::{Args, Load, LoadError, Summary, progress};

/// Sends until the end or Ctrl-C: 0, or 1 if nothing was answered.
pub(crate) fn run(args: Args) -> ExitCode {
    let (json, quiet) = (args.json, args.quiet);
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime
        .map_err(RunError::System)
        .and_then(|runtime| runtime.block_on(load(args, quiet)))
        .and_then(|summary| print(&summary, json).map(|()| summary));
    match done {
        Ok(summary) if summary.answered > 0 => ExitCode::SUCCESS,
        Ok(summary) => complain(&nothing_answered(&summary)),
        Err(RunError::Start(error)) => complain(&error.to_string()),
        Err(RunError::Trust(error)) => complain(&error),
        Err(RunError::System(error)) => complain(&error.to_string()),
    }
}

async fn load(args: Args, quiet: bool) -> Result<Summary, RunError> {
    let settings = args.settings().map_err(RunError::Trust)?;
    let load = Load::start(settings).await.map_err(RunError::Start)?;
    if quiet {
        sent(&load).await;
    } else {
        tokio::select! {
            () = sent(&load) => {}
            () = progress::show(&load) => {}
        }
        progress::clear();
    }
    load.ended().await;
    Ok(load.summary())
}

/// Waits until all is sent and answered, or Ctrl-C stops it.
async fn sent(load: &Load) {
    tokio::select! {
        () = load.ended() => {}
        // If the signal cannot be waited for, Ctrl-C simply ends the process.
        Ok(()) = tokio::signal::ctrl_c() => load.stop(),
    }
}

fn print(summary: &Summary, json: bool) -> Result<(), RunError> {
    let text = if json {
        summary.to_json().map_err(|error| RunError::System(error.into()))?
    } else {
        summary.to_string().trim_end().to_owned()
    };
    has_reader(writeln!(io::stdout(), "{text}")).map(drop).map_err(RunError::System)
}

fn nothing_answered(summary: &Summary) -> String {
    let url = &summary.url;
    match summary.error_details.iter().next() {
        Some((_, detail)) => format!("{url} answered nothing: {detail}"),
        None => format!("{url} answered nothing"),
    }
}

fn complain(error: &str) -> ExitCode {
    // Nothing is left to do if even the complaint cannot be written.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::FAILURE
}

enum RunError {
    /// Why nobody can be trusted.
    Trust(String),
    Start(LoadError),
    System(io::Error),
}

//! `evenkeel reload`: makes a balancer read its config again.

use evenkeel_control::admin::{ReloadRequest, ReloadResult};
use evenkeel_control::conductor::{Applied, Kept};

use crate::admin_client::{AdminArgs, AdminClient, ClientError};
use crate::failure::Failure;

use super::print::{print_aside, print_changes, print_text};

/// Read the config again, and put what changed in force
///
/// Only what changed is touched: connections, counters and health of everything else live on. A config that cannot be used is
/// refused, and changes nothing. What `drain`, `mark`, `weight`, `add` and `remove` changed stays on top of the config; --persist
/// writes what `weight`, `add` and `remove` changed into it. What is drained or marked is no matter of a config, and stays on top.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Drop what the commands changed, so that the config counts alone
    #[arg(long)]
    clear: bool,

    /// Write what `add`, `remove` and `weight` changed into the config first
    #[arg(long, conflicts_with = "clear")]
    persist: bool,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Reloads, and shows what is different.
pub(super) fn reload(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    match client.reload(ReloadRequest { clear: args.clear, persist: args.persist }) {
        Ok(said) if args.json => print_text(&said.json),
        Ok(said) => show(&said.meaning),
        Err(ClientError::Refused(refusal)) if refusal.status == UNPROCESSABLE => {
            Err(Failure::Refused(refusal))
        }
        Err(error) => Err(error.into()),
    }
}

fn show(applied: &Applied) -> Result<(), Failure> {
    let Applied { result, changes, warnings, generation, kept, .. } = applied;
    for warning in warnings {
        print_aside(warning);
    }
    if let Some(kept) = kept {
        show_kept(kept)?;
    }
    if *result == ReloadResult::Unchanged || changes.is_empty() {
        return print_text("nothing changed in what runs");
    }
    print_changes(changes)?;
    print_text(&format!("in force, as generation {generation}"))
}

/// What the files say now, and what no file can say.
fn show_kept(kept: &Kept) -> Result<(), Failure> {
    if kept.files.is_empty() {
        print_text("there was nothing to write")?;
    }
    for file in &kept.files {
        print_text(&format!("written into {file}"))?;
    }
    for each in &kept.overrides {
        print_text(&format!("still on top of it: {each}"))?;
    }
    Ok(())
}

/// How the API answers when the config cannot be used.
const UNPROCESSABLE: u16 = 422;

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel reload                           and see what is different
  evenkeel reload --persist                 and keep what was added, removed and weighed
  evenkeel reload --clear                   or forget all that was changed

",
    super::exit_codes!(),
    "
  78  the config cannot be used; what was in force still is"
);

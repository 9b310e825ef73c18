//! `evenkeel drain`: sends an endpoint's work elsewhere, and brings it back.

use evenkeel_control::admin::WantedState;

use crate::admin_client::{AdminArgs, AdminClient, Change};
use crate::failure::Failure;
use crate::state_words::gets_work;

use super::emptying::{Emptying, WaitArgs};
use super::find::{EndpointArgs, Found};
use super::print::{print, print_aside};

/// Send an endpoint's work elsewhere; what runs there finishes
///
/// It stays so, across reloads of the config, until --undo brings it back. No config says it: `evenkeel reload --persist` leaves it
/// as it is.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    endpoint: EndpointArgs,

    #[command(flatten)]
    wait: WaitArgs,

    /// Bring it back: the checks decide again
    #[arg(long, conflicts_with = "wait")]
    undo: bool,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Drains, and waits if that was asked for.
pub(super) fn drain(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let status = client.status()?.meaning;
    let found = args.endpoint.find(&status).map_err(Failure::Running)?;
    let (cluster, endpoint) = (&found.cluster.name, &found.endpoint.name);
    let state = if args.undo { WantedState::Auto } else { WantedState::Drain };
    let change = Change::State { cluster: cluster.clone(), endpoint: endpoint.clone(), state };
    print(&client.change(&change)?, args.json)?;
    if !args.undo && !others_work(&found) {
        print_aside(&format!(
            "warning: no other endpoint of cluster `{cluster}` can take its work"
        ));
    }
    let otherwise = format!(
        "it stays drained; wait longer with --timeout, or bring it back with `evenkeel drain {endpoint} --undo`"
    );
    args.wait.wait(&client, &Emptying { cluster, endpoint, otherwise })
}

/// Whether another endpoint of its cluster gets work.
fn others_work(found: &Found<'_>) -> bool {
    let mut endpoints = found.cluster.endpoints.iter();
    endpoints.any(|each| gets_work(each) && each.name != found.endpoint.name)
}

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel drain 10.0.0.1:8080 --wait       until it can be stopped without anybody noticing
  evenkeel drain 9001 --wait --timeout 5m   the only endpoint with this port
  evenkeel drain 9001 --undo                and back

",
    super::exit_codes!()
);

//! `evenkeel remove`: takes an endpoint out of its cluster.

use crate::admin_client::{AdminArgs, AdminClient, Change};
use crate::failure::Failure;

use super::emptying::{Emptying, WaitArgs};
use super::find::EndpointArgs;
use super::print::print;

/// Take an endpoint out of its cluster; what runs there finishes
///
/// It stays away across reloads of the config, also if the config has it, until it is added again or `evenkeel reload --clear`
/// makes the config count alone; `evenkeel reload --persist` takes it out of the config, too.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    endpoint: EndpointArgs,

    #[command(flatten)]
    wait: WaitArgs,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Removes, and waits if that was asked for.
pub(super) fn remove(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let (cluster, endpoint) = args.endpoint.names(&client)?;
    let change = Change::Remove { cluster: cluster.clone(), endpoint: endpoint.clone() };
    print(&client.change(&change)?, args.json)?;
    let otherwise = "it is removed and gets no new work; what runs there goes on".to_owned();
    args.wait.wait(&client, &Emptying { cluster: &cluster, endpoint: &endpoint, otherwise })
}

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel remove 9004
  evenkeel remove 10.0.0.4:8080 --wait      until it can be stopped without anybody noticing

",
    super::exit_codes!()
);

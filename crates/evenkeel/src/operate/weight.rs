//! `evenkeel weight`: gives an endpoint more or less work than the others.

use crate::admin_client::{AdminArgs, AdminClient, Change};
use crate::failure::Failure;
use crate::units;

use super::find::EndpointArgs;
use super::print::print;

/// Change an endpoint's share of the work
///
/// An endpoint of weight 3 gets three times the work of one of weight 1, and one of weight 0 none. It stays so across reloads
/// of the config; `evenkeel reload --persist` writes it into the config.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    endpoint: EndpointArgs,

    /// Its share relative to the others
    #[arg(value_name = "N", required_unless_present = "undo", value_parser = units::weight)]
    weight: Option<u32>,

    /// Give it back the weight that the config says
    #[arg(long, conflicts_with = "weight")]
    undo: bool,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Changes the weight.
pub(super) fn weight(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let (cluster, endpoint) = args.endpoint.names(&client)?;
    print(&client.change(&Change::Weight { cluster, endpoint, weight: args.weight })?, args.json)
}

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel weight 9001 3                    three times the work of the others
  evenkeel weight 9001 0                    no new work
  evenkeel weight 9001 --undo               as the config says

",
    super::exit_codes!()
);

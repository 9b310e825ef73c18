//! `evenkeel mark`: overrules the checks of an endpoint.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use evenkeel_control::admin::WantedState;

use crate::admin_client::{AdminArgs, AdminClient, Change};
use crate::failure::Failure;

use super::find::EndpointArgs;
use super::print::print;

/// Say that an endpoint is up or down, whatever its checks say
///
/// It stays so, across reloads of the config, until it is marked `auto`. To let what runs there finish before it is stopped, use
/// `evenkeel drain`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    endpoint: EndpointArgs,

    /// What it is to be
    #[arg(value_parser = state_parser())]
    state: WantedState,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Marks.
pub(super) fn mark(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let (cluster, endpoint) = args.endpoint.names(&client)?;
    print(&client.change(&Change::State { cluster, endpoint, state: args.state })?, args.json)
}

fn state_parser() -> impl clap::builder::TypedValueParser<Value = WantedState> {
    let values = STATES.map(|(name, help, _)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(values).map(|name| {
        let state = STATES.iter().find(|(known, ..)| *known == name);
        state.map_or(WantedState::Auto, |(.., state)| *state)
    })
}

/// Draining has a command of its own.
const STATES: [(&str, &str, WantedState); 3] = [
    ("up", "it gets work, whatever the checks say", WantedState::Up),
    ("down", "it gets none, whatever the checks say", WantedState::Down),
    ("auto", "the checks decide again", WantedState::Auto),
];

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel mark 9001 down       no more work, at once
  evenkeel mark 9001 up         although its checks fail
  evenkeel mark 9001 auto       as its checks say

",
    super::exit_codes!()
);

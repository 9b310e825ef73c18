//! The arguments of `evenkeel demo`; read by the `command` module.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use evenkeel_plan::balance::Algorithm;

use crate::units::{self, Rate};
use crate::workers::WorkersArg;

/// Watch a balancer at work: four endpoints, load, and a failure
///
/// Origins, load and balancer run in this one process on free ports of 127.0.0.1. One endpoint is
/// slow, one is flaky, and every 20 s one is killed and comes back. The admin API is at
/// 127.0.0.1:9900, or at a free port if that is taken.
///
/// Without a terminal, or with --plain, it prints a line every second.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// End after so many seconds, at least 4, with one failure in the middle [default: go on until `q`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(SHORTEST..=86_400))]
    pub(super) seconds: Option<u32>,

    /// How many requests to send a second
    #[arg(long, default_value = "500", value_parser = units::rate)]
    pub(super) rate: Rate,

    /// How to choose among the endpoints
    #[arg(long, value_name = "NAME", default_value = Algorithm::default().name())]
    #[arg(value_parser = algorithm_parser())]
    pub(super) balance: Algorithm,

    #[command(flatten)]
    pub(super) workers: WorkersArg,

    /// Let clients come by https, with the certificate for development that `evenkeel serve https:…` has, too
    #[arg(long)]
    pub(super) https: bool,

    /// Print lines instead of the picture
    #[arg(long)]
    pub(super) plain: bool,

    /// Print what it came to as JSON; lines then go to stderr
    #[arg(long)]
    pub(super) json: bool,

    /// Print the config of such a balancer, and how to build the demo by hand, and end
    #[arg(long)]
    pub(super) show_config: bool,
}

impl Args {
    /// How long it goes on; no limit if there is none.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

fn algorithm_parser() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name))
        .map(|name| Algorithm::from_name(&name).unwrap_or_default())
}

/// A third of it is how long an endpoint is dead: the checks have to notice that, and then the return.
const SHORTEST: i64 = 4;

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel demo                                 until `q`; `k` kills an endpoint
  evenkeel demo --balance round-robin           what the slow endpoint does then
  evenkeel demo --https                         with TLS between load and balancer
  evenkeel demo --seconds 10 --json             in numbers
  evenkeel demo --show-config                   the same by hand

EXIT CODES:
  0   its time was over, or `q` or a signal ended it
  1   could not start, or not go on
  2   wrong usage";

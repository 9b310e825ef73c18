//! The arguments of `evenkeel top`; read by the `command` module.

use std::time::Duration;

use crate::admin_client::AdminArgs;
use crate::units;

/// Watch a running balancer, and drain, weigh and bring back its endpoints
///
/// `?` shows what each key does. Rates are of the last interval; errors, p50 and p99 of the last ten. Errors are attempts without
/// an answer, and answers of 500 and above.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How often to ask
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub(super) interval: Duration,

    /// Begin with this filter: a part of a name, or a state
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) filter: String,

    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        interval if interval < SHORTEST => Err("ask at most ten times a second: 100ms".to_owned()),
        interval if interval > LONGEST => Err("ask at least once a minute: 60s".to_owned()),
        interval => Ok(interval),
    }
}

/// More often nobody can read.
const SHORTEST: Duration = Duration::from_millis(100);

/// A picture that is older tells nothing about now.
const LONGEST: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel top                              the balancer on this machine
  evenkeel top --admin 10.0.0.9:9900        another
  evenkeel top --filter down                only the endpoints that are down
  evenkeel status                           the same once, also into a pipe

EXIT CODES:
  0   `q` or a signal ended it
  1   no balancer was reached, or there is no terminal
  2   wrong usage";

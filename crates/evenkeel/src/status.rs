//! `evenkeel status`: how a running balancer stands, once. The command line calls [`run`]; `top` shows the same again and again.

use std::io;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_control::admin::Status;

use crate::admin_client::{AdminArgs, AdminClient, Said};
use crate::failure::{Failure, exit_code, exit_code_in_json};
use crate::operate::{find_cluster, print_text};
use crate::terminal::wants_colour;
use crate::tone::Palette;

mod acme;
mod certificates;
mod page;

use page::Page;

/// Show how a running balancer stands: listeners, endpoints, and why they are as they are
///
/// Counts and latencies are of the time since the balancer was started, or the endpoint added; `evenkeel top` shows what happens
/// now. Errors are attempts without an answer, and answers of 500 and above.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Show this cluster alone
    cluster: Option<String>,

    /// Say nothing, and end with 0 if it is ready and with 1 if it is not: for the health check of a container
    #[arg(long, conflicts_with_all = ["cluster", "json"])]
    ready: bool,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Shows it: 0, or 1 if no balancer was reached or, with `--ready`, if it is not ready.
pub(crate) fn run(args: &Args) -> ExitCode {
    let done = if args.ready { ready(args) } else { show(args) };
    if args.json { exit_code_in_json(done) } else { exit_code(done) }
}

/// What is not ready says why on stderr, where supervisors and container engines keep it.
fn ready(args: &Args) -> Result<(), Failure> {
    AdminClient::new(&args.admin)?.readiness()?.map_err(Failure::Running)
}

fn show(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let Said { mut meaning, json } = client.status()?;
    if let Some(name) = &args.cluster {
        find_cluster(&meaning, name).map_err(Failure::Running)?;
        keep(&mut meaning, name);
    }
    match (args.json, &args.cluster) {
        (true, None) => print_text(&json),
        (true, Some(name)) => print_text(&keep_in_json(&json, name)?),
        (false, _) => {
            let (now, palette) = (unix_seconds(), Palette::new(wants_colour(&io::stdout())));
            print_text(&Page { status: &meaning, now, palette }.to_string())
        }
    }
}

/// Leaves only what belongs to the cluster `name`.
fn keep(status: &mut Status, name: &str) {
    status.clusters.retain(|cluster| cluster.name == name);
    status.overrides.retain(|each| each.cluster == name);
    status.leaving.retain(|each| each.cluster == name);
}

/// The same in what the API has sent, of which we may not know everything.
fn keep_in_json(json: &str, name: &str) -> Result<String, Failure> {
    let broken = |error: serde_json::Error| Failure::Running(error.to_string());
    let mut whole: serde_json::Value = serde_json::from_str(json).map_err(broken)?;
    for (list, key) in [("clusters", "name"), ("overrides", "cluster"), ("leaving", "cluster")] {
        if let Some(list) = whole.get_mut(list).and_then(serde_json::Value::as_array_mut) {
            list.retain(|each| each[key] == name);
        }
    }
    Ok(whole.to_string())
}

/// Now, as the status counts time.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel status                           of the balancer on this machine
  evenkeel status api                       one cluster of it
  evenkeel status --admin 10.0.0.9:9900     of another
  evenkeel status --ready                   as a health check: 0 or 1
  evenkeel status --json | jq '.clusters[].endpoints[] | select(.state != \"up\")'

EXIT CODES:
  0   shown; with --ready: it is ready
  1   no balancer was reached; with --ready: it is not ready
  2   wrong usage";

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

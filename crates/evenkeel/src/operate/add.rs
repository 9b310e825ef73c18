//! `evenkeel add`: a new endpoint for a cluster.

use crate::admin_client::{AdminArgs, AdminClient, Change};
use crate::failure::Failure;
use crate::units;
use evenkeel_control::admin::{NewEndpoint, Status};
use evenkeel_plan::limits::PRIORITY_MAX;

use super::find::list;
use super::print::print;

/// Add an endpoint to a cluster
///
/// It gets work as soon as a check finds it up, and stays across reloads of the config until it is removed. `evenkeel reload
/// --persist` writes it into the config.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, allow_missing_positional = true)]
pub(crate) struct Args {
    /// The cluster; may be left out if there is only one
    cluster: Option<String>,

    /// Where it is: PORT (on the balancer's machine) or HOST:PORT
    #[arg(required = true)]
    address: Option<String>,

    /// The cluster, as the other commands take it
    #[arg(long = "cluster", value_name = "CLUSTER", conflicts_with = "cluster")]
    named: Option<String>,

    /// Its share of the work relative to the others [default: 1]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = units::weight)]
    weight: Option<u32>,

    /// Use it only while no other endpoint can be
    #[arg(long)]
    backup: bool,

    /// Its level: it gets work only as far as those of lower numbers cannot do it [default: 0]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u8).range(..=i64::from(PRIORITY_MAX)))]
    priority: Option<u8>,

    /// Where it is
    #[arg(long)]
    zone: Option<String>,

    /// What routes may choose by; several times for several
    #[arg(long = "label", value_name = "NAME=VALUE")]
    #[arg(value_parser = label)]
    labels: Vec<(String, String)>,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Adds.
pub(super) fn add(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let given = args.address.clone().unwrap_or_default();
    let named = args.cluster.as_deref().or(args.named.as_deref());
    let (cluster, address) = match (named, given.split_once('/')) {
        (Some(cluster), _) => (cluster.to_owned(), given),
        // As the other commands name an endpoint.
        (None, Some((cluster, address))) => (cluster.to_owned(), address.to_owned()),
        (None, None) => {
            let status = client.status()?.meaning;
            (only_cluster(&status, &given).map_err(Failure::Running)?, given)
        }
    };
    let endpoint = NewEndpoint {
        address,
        weight: args.weight,
        backup: args.backup.then_some(true),
        priority: args.priority,
        zone: args.zone.clone(),
        labels: args.labels.iter().cloned().collect(),
    };
    print(&client.change(&Change::Add { cluster, endpoint })?, args.json)
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("wants a name and a value, as in `version=2`")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn only_cluster(status: &Status, address: &str) -> Result<String, String> {
    match status.clusters.as_slice() {
        [only] => Ok(only.name.clone()),
        [] => Err("this balancer has no cluster to add an endpoint to".to_owned()),
        several => {
            let names = list(several.iter().map(|cluster| cluster.name.as_str()));
            let first = &several[0].name;
            Err(format!(
                "this balancer has several clusters: {names}\n  say which, as in `evenkeel add {first} {address}`"
            ))
        }
    }
}

const EXAMPLES: &str = concat!(
    "\
EXAMPLES:
  evenkeel add 9004                         to the only cluster
  evenkeel add api 10.0.0.4:8080 --weight 2
  evenkeel add api 10.0.0.5:8080 --backup   only if the others are down
  evenkeel add api 10.0.0.6:8080 --zone eu-2 --label version=2

",
    super::exit_codes!()
);

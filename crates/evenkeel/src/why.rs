//! `evenkeel why`: what has become of a request that failed or was slow, or which requests did. The command line calls [`run`].

use std::io;
use std::process::ExitCode;

use evenkeel_plan::story::Kind;

use crate::admin_client::{AdminArgs, AdminClient};
use crate::failure::{Failure, exit_code, exit_code_in_json};
use crate::operate::print_text;
use crate::status::unix_seconds;
use crate::terminal::wants_colour;
use crate::tone::Palette;

mod list;
mod page;

use list::List;
use page::Page;

/// Tell why a request failed, was slow, or needed more than one attempt
///
/// The identity of a request stands in its answer's field X-Request-ID, on the balancer's own error pages, and in the access
/// log. Without one, the latest such requests are listed. Nothing is remembered of requests that went well at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The identity of the request, as X-Request-ID has it
    #[arg(value_name = "REQUEST-ID")]
    id: Option<String>,

    /// List those of this cluster alone
    #[arg(long, conflicts_with = "id")]
    cluster: Option<String>,

    /// List those alone that ended with this status
    #[arg(long, conflicts_with = "id", value_parser = clap::value_parser!(u16).range(100..=999))]
    status: Option<u16>,

    /// List those alone that failed, were rescued by another attempt, were slow, or are the client's own doing
    #[arg(long, conflicts_with = "id", value_parser = Kind::ALL.map(Kind::name))]
    kind: Option<String>,

    /// List at most so many
    #[arg(short = 'n', long, conflicts_with = "id", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=2000))]
    limit: u16,

    /// Print what the admin API answers; if it fails, an object with `error` and `help`
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    admin: AdminArgs,
}

/// Tells it: 0, or 1 if no balancer was reached, or it knows nothing of the request.
pub(crate) fn run(args: &Args) -> ExitCode {
    let done = match &args.id {
        Some(id) => tell(args, id.trim()),
        None => list(args),
    };
    if args.json { exit_code_in_json(done) } else { exit_code(done) }
}

fn tell(args: &Args, id: &str) -> Result<(), Failure> {
    let said = AdminClient::new(&args.admin)?.story(id)?;
    if args.json {
        return print_text(&said.json);
    }
    let (now, palette) = (unix_seconds(), Palette::new(wants_colour(&io::stdout())));
    print_text(&Page { story: &said.meaning, now, palette }.to_string())
}

fn list(args: &Args) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let said =
        client.stories((args.cluster.as_deref(), args.kind.as_deref()), args.status, args.limit)?;
    if args.json {
        return print_text(&said.json);
    }
    let (now, palette) = (unix_seconds(), Palette::new(wants_colour(&io::stdout())));
    print_text(&List { list: &said.meaning, now, palette }.to_string())
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel why                              the latest that failed or were slow
  evenkeel why 01978c3e-8a4b-7c51-9d02-5b1f0a7e6c33
                                            all about one of them
  evenkeel why --kind failed                without those that were slow or took two attempts
  evenkeel why --cluster api --status 502   only such ones
  evenkeel why --json | jq -r '.stories[].sentence'

EXIT CODES:
  0   told
  1   nothing is remembered about the request, or no balancer was reached
  2   wrong usage";

#[cfg(test)]
mod tests;

//! `evenkeel serve`: a balancer from nothing but a command line, which can be kept as a file. The command line calls [`serve`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use evenkeel_control::config::{ACCESS_FORMATS, Loaded, ServeOptions, serve_line};
use evenkeel_plan::access::AccessFormat;
use evenkeel_plan::balance::Algorithm;

use crate::development;
use crate::failure::{Failure, exit_code};
use crate::service::{Kept, Service};
use crate::workers::WorkersArg;

mod save;

pub(crate) use save::Save;

/// Balance HTTP, HTTPS, or streams of bytes, over endpoints, without a config file
///
/// Endpoints are checked every 2 s; what is down gets no work until it is back.
///
/// With `https:` before LISTEN clients come by TLS. What they are shown is a certificate for localhost and this machine, which is
/// made when it is first wanted and kept in $STATE_DIRECTORY, $XDG_DATA_HOME/evenkeel or ~/.local/share/evenkeel; once you have
/// told a browser to trust it, it asks no more. For anybody else write a file, with `certificates`: --save begins one.
///
/// TERM, INT and QUIT drain: nothing new is accepted, running exchanges finish, for at most 30 s. A second one, a
/// second later or more, stops at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen: PORT, ADDRESS:PORT, or either after `http:`, `https:`, `tcp:` (any bytes) or `tls:` (passed on undecrypted)
    #[arg(value_name = "LISTEN")]
    listen: String,

    /// Where to send to: PORT (on this machine) or HOST:PORT; `*3` after it gives it weight 3, `!` before it makes it a backup
    #[arg(value_name = "ENDPOINT")]
    endpoints: Vec<String>,

    /// How to choose among the endpoints
    #[arg(long, value_name = "NAME", default_value = Algorithm::default().name())]
    #[arg(value_parser = algorithm_parser())]
    balance: Algorithm,

    /// Check by asking for this path, which has to be answered with 200 to 399 [default: by connecting]
    #[arg(long, value_name = "PATH")]
    health: Option<String>,

    /// Where the admin API listens: PORT, ADDRESS:PORT or `off` [default: 127.0.0.1:9900, or a free port if that is taken]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,

    /// Write a line for each exchange to the standard output
    #[arg(long, value_name = "FORMAT", value_parser = access_parser())]
    access_log: Option<AccessFormat>,

    #[command(flatten)]
    workers: WorkersArg,

    /// Once it runs, write the config that this line stands for, and go on
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Let --save replace a file that exists
    #[arg(long, requires = "save")]
    force: bool,
}

/// Balances until a signal ends it.
pub(crate) fn serve(args: &Args) -> ExitCode {
    exit_code(prepare(args).and_then(|service| service.run()))
}

fn prepare(args: &Args) -> Result<Service, Failure> {
    let options = ServeOptions {
        balance: args.balance,
        health: args.health.clone(),
        admin: args.admin.clone(),
        workers: args.workers.given().unwrap_or_default(),
        access_log: args.access_log,
        certificate: development::certificate(),
    };
    let loaded = serve_line::parse(&args.listen, &args.endpoints, &options);
    let Loaded { config, warnings, .. } = loaded.map_err(Failure::Config)?;
    let kept = match &args.save {
        Some(file) => Kept::Written(Save::new(file, args.force)?),
        None => Kept::Nowhere,
    };
    let is_secure = config.listeners.iter().any(|listener| listener.tls.is_some());
    let development = is_secure.then_some(options.certificate);
    development.iter().try_for_each(development::ensure)?;
    Ok(Service { config, warnings, kept, development })
}

fn algorithm_parser() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name))
        .map(|name| Algorithm::from_name(&name).unwrap_or_default())
}

fn access_parser() -> impl clap::builder::TypedValueParser<Value = AccessFormat> {
    PossibleValuesParser::new(ACCESS_FORMATS.map(|(name, _)| name)).map(|name| {
        let format = ACCESS_FORMATS.iter().find(|(known, _)| *known == name);
        format.map(|(_, format)| *format).unwrap_or_default()
    })
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel serve 8080 9001 9002                two endpoints on this machine
  evenkeel serve 8080 '9001*3' 9002 '!9003'    9001 weighs 3; 9003 only if the others are down
  evenkeel serve 127.0.0.1:8080 app1:80 app2:80 --health /health --balance round-robin
  evenkeel serve https:8443 9001 9002          the same by https://localhost:8443/
  evenkeel serve tcp:5432 db1:5432 '!db2:5432'  whatever is spoken there
  evenkeel serve 8080 9001 9002 --save evenkeel.toml
                                               and from then on: evenkeel run

EXIT CODES:
  0   after a drain, or when a second signal stopped it
  1   could not start, or not finish in time
  2   wrong usage
  78  the endpoints or addresses cannot be used";

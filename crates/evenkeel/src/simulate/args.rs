//! The arguments of `evenkeel simulate`; read by the `setting` and `command` modules.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use evenkeel_plan::balance::Algorithm;
use evenkeel_sim::{Arrivals, Distribution, Event, Keys, NamedScenario, Resilience};

use crate::units::{self, Rate};

use super::assertion::Assertion;
use super::endpoints::{Bound, Endpoints, Speeds, percent};

/// See what each balancing algorithm would make of a load, and of what goes wrong
///
/// Simulates endpoints, load and failures on virtual time, with the very code that chooses endpoints in a running balancer, and
/// compares all algorithms. Every algorithm meets the same requests, and the same seed gives the same figures.
///
/// A named scenario sets everything; options change it. Without one there are five endpoints that do one request at a time, at
/// 60 % of what they can do, and nothing goes wrong unless --event says so.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct Args {
    /// A scenario that is known by a name
    #[arg(value_parser = scenario_parser(), hide_possible_values = true)]
    pub(super) scenario: Option<NamedScenario>,

    /// Tell what the named scenarios are about, and end
    #[arg(long)]
    pub(super) list: bool,

    /// How many endpoints, or their names: `5`, or `a,b*3,!c`, where b weighs 3 and c is a backup
    #[arg(long, value_name = "ENDPOINTS", conflicts_with = "config")]
    pub(super) endpoints: Option<Endpoints>,

    /// How long a request takes, at an endpoint that has nothing else to do: exp:10ms, fixed:10ms, lognormal:10ms,0.5,
    /// bimodal:5ms,500ms,1%, uniform:5s,300s, normal:167ms,5ms or pareto:5ms,1.5
    #[arg(long, value_name = "DISTRIBUTION")]
    pub(super) service: Option<Distribution>,

    /// How many requests an endpoint works on at once, or `any`
    #[arg(long, value_name = "N", value_parser = Bound::at_least_one)]
    pub(super) concurrency: Option<Bound>,

    /// How many requests may wait at an endpoint, or `any`; it turns away what comes then
    #[arg(long, value_name = "N", value_parser = Bound::any_count)]
    pub(super) queue: Option<Bound>,

    /// How fast each endpoint is: `1,1,0.5`, where the third takes twice as long
    #[arg(long, value_name = "SPEED,…")]
    pub(super) speeds: Option<Speeds>,

    /// How many requests arrive a second
    #[arg(long, value_parser = units::rate, conflicts_with = "load")]
    pub(super) rps: Option<Rate>,

    /// The same as a share of what all endpoints can do: `80%`
    #[arg(long, value_name = "SHARE", value_parser = percent)]
    pub(super) load: Option<f64>,

    /// How arrivals are spaced: poisson, constant, or bursty:10 for groups of 10 on average
    #[arg(long, value_name = "NAME")]
    pub(super) arrivals: Option<Arrivals>,

    /// Repeat the requests of an access log, in JSON or combined: when they came, and from which clients
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rps", "load", "arrivals", "keys"])]
    pub(super) replay: Option<PathBuf>,

    /// How long requests arrive, in virtual seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(super) seconds: Option<u64>,

    /// Which algorithms: `all`, or names with commas
    #[arg(long, value_name = "NAME,…", default_value = "all", value_parser = algorithms)]
    pub(super) algorithms: Algorithms,

    /// How many balancers share the load, each counting only what it sent itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) balancers: Option<u32>,

    /// How often they tell each other what they have in flight [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(super) gossip: Option<Duration>,

    /// Who asks: uniform:1000, or zipf:1000,1.1 where few clients ask most
    #[arg(long, value_name = "KEYS")]
    pub(super) keys: Option<Keys>,

    /// Something that happens, instead of what happens in the scenario; may be given several times
    ///
    ///   slow s2@10s..20s=x8      takes 8 times as long
    ///   kill s4@15s              refuses, and loses what it has
    ///   revive s4@25s            ends a kill
    ///   freeze s3@10s..20s       accepts, and says nothing
    ///   errors s1@10s..20s=20%   answers so many with errors
    ///   fast-fail s3@10s..20s    answers everything with errors, within 2 ms
    ///   flap s2@10s..40s=2s      is dead and alive in turns
    ///   add s6@20s               joins the cluster
    ///   remove s1@20s            leaves it
    ///   cold s6@20s=x5,10s       is slow until it is warm
    ///   rps 800@20s..30s         so many requests a second
    ///   surge x3@20s..30s        so many times as many requests
    ///
    /// Several endpoints are `s1,s2`, and everybody is `all`.
    #[arg(long = "event", value_name = "EVENT", verbatim_doc_comment)]
    pub(super) events: Vec<Event>,

    /// How long a client waits for its answer
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(super) timeout: Option<Duration>,

    /// What balancers do about failures: `full`, `off`, or some of outlier,breaker,retry as the config has them by default
    /// [default: retry]
    #[arg(long, value_name = "WHAT,…", value_parser = resilience)]
    pub(super) resilience: Option<Resilience>,

    /// How often a request is tried again that was lost, turned away or answered with an error [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub(super) retries: Option<u32>,

    /// Do not check endpoints
    #[arg(long)]
    pub(super) no_health: bool,

    /// Give endpoints as much as there is: no limits, and nobody waits at the balancer
    #[arg(long)]
    pub(super) no_limits: bool,

    /// Take endpoints, balancing and health checks from a cluster of this config
    #[arg(short, long, value_name = "FILE", conflicts_with = "scenario")]
    pub(super) config: Option<PathBuf>,

    /// Which cluster of it; needed if there are several
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(super) cluster: Option<String>,

    /// Where all chance comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    /// Show what was measured beside what is simulated: a file that `evenkeel load --json` wrote
    #[arg(long, value_name = "FILE")]
    pub(super) measured: Option<PathBuf>,

    /// Write everything as JSON into this file; `-` is the standard output, which then has nothing else
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write a page with charts into this file; it loads nothing from anywhere
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,

    /// What has to be: `p99<200ms`, `errors<1%`, `share(s2)<10%`; of one algorithm: `peak-ewma:p99<200ms`. May be given several
    /// times
    #[arg(long = "assert", value_name = "ASSERTION")]
    pub(super) assertions: Vec<Assertion>,
}

/// Which algorithms to run, in the order in which they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Algorithms(pub(super) Vec<Algorithm>);

fn algorithms(text: &str) -> Result<Algorithms, String> {
    if text == "all" {
        return Ok(Algorithms(Algorithm::ALL.to_vec()));
    }
    let mut chosen = Vec::new();
    for name in text.split(',').map(str::trim) {
        let algorithm = Algorithm::from_name(name).ok_or_else(|| {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("`{name}` is no algorithm; there are {names}, and `all`")
        })?;
        if !chosen.contains(&algorithm) {
            chosen.push(algorithm);
        }
    }
    Ok(Algorithms(chosen))
}

fn resilience(text: &str) -> Result<Resilience, String> {
    let full = Resilience::full();
    match text {
        "full" => return Ok(full),
        "off" => return Ok(Resilience::off()),
        _ => {}
    }
    let mut chosen = Resilience::off();
    for name in text.split(',').map(str::trim) {
        match name {
            "outlier" => chosen.outlier.clone_from(&full.outlier),
            "breaker" => chosen.breaker.clone_from(&full.breaker),
            "retry" => chosen.retry.clone_from(&full.retry),
            _ => {
                return Err(format!(
                    "`{name}` is none of outlier, breaker and retry, or all: `full`"
                ));
            }
        }
    }
    Ok(chosen)
}

fn scenario_parser() -> impl TypedValueParser<Value = NamedScenario> {
    let named = |scenario: NamedScenario| PossibleValue::new(scenario.name).help(scenario.story);
    PossibleValuesParser::new(NamedScenario::ALL.map(named))
        .try_map(|name| NamedScenario::from_name(&name).ok_or("no such scenario"))
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel simulate --list                      the scenarios that have names
  evenkeel simulate slow-node                   which algorithm copes with a slow endpoint?
  evenkeel simulate slow-node --html slow.html  the same with charts
  evenkeel simulate --endpoints 8 --load 90% --event 'kill s3@20s..40s'
  evenkeel simulate -c evenkeel.toml --service lognormal:20ms,0.5 --concurrency 16
  evenkeel simulate --endpoints 3 --rps 200 --measured real.json --html both.html
  evenkeel simulate dead-node --algorithms peak-ewma --assert 'p99<200ms' --assert 'errors<1%'

EXIT CODES:
  0   done, and all that was asserted is so
  1   an assertion does not hold, a log or a measurement could not be read, or a result not be written
  2   wrong usage
  78  the config cannot be used";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn algorithms_are_all_or_named_once_each() {
        assert_eq!(algorithms("all").unwrap().0, Algorithm::ALL);
        let some = algorithms("random, maglev,random").unwrap().0;
        assert_eq!(some, [Algorithm::Random, Algorithm::Maglev]);
        assert!(algorithms("random,,").unwrap_err().contains("least-request"));
    }

    #[test]
    fn resilience_is_all_nothing_or_some_of_it() {
        let full = Resilience::full();
        assert_eq!(resilience("full").as_ref(), Ok(&full));
        assert_eq!(resilience("off"), Ok(Resilience::off()));
        assert_eq!(resilience("retry, breaker,outlier").as_ref(), Ok(&full));
        let some = resilience("outlier").unwrap();
        assert_eq!(some, Resilience { outlier: full.outlier, ..Resilience::off() });
        assert!(resilience("full,off").is_err());
        assert!(resilience("outlier,hedge").unwrap_err().contains("`hedge`"));
        assert!(resilience("").is_err());
    }

    #[test]
    fn every_event_there_is_stands_in_the_help() {
        let help = Line::command().render_long_help().to_string();
        for example in Event::EXAMPLES {
            let word = example.split(' ').next().unwrap();
            assert!(help.contains(&format!("  {word} ")), "{word}\n{help}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            &["slow-node", "-c", "x.toml"][..],
            &["--endpoints", "3", "-c", "x.toml"],
            &["--rps", "3", "--load", "10%"],
            &["--replay", "x.log", "--rps", "3"],
            &["--seconds", "0"],
            &["--balancers", "0"],
        ] {
            assert!(Line::try_parse_from(["simulate"].iter().chain(line)).is_err(), "{line:?}");
        }
    }
}

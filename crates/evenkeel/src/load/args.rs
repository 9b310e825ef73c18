//! The arguments of `evenkeel load`, and what they mean; read by the `command` module.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};

use crate::units::{self, Rate};

use super::tls::SYSTEM_AUTHORITIES;
use super::{Arrivals, Pace, Settings, Shape, Target, trusting};

/// Send load to a URL and measure what comes back
///
/// With --rate requests start on a schedule, no matter how fast answers come (open loop), and
/// latency counts from the time a request should have started: a stalled server cannot hide by
/// slowing the client down. Without --rate each connection sends when its last request is answered
/// (closed loop), as fast as it goes.
///
/// Latency covers what was answered, with any status, and what timed out. Ctrl-C ends early and
/// still sums up. The exit code is 0 if anything was answered, 1 if nothing was.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to, such as http://127.0.0.1:8080/path or https://localhost:8443/
    #[arg(value_parser = Target::parse)]
    url: Target,

    /// Start this many requests a second, such as 500 or 500/s (open loop)
    #[arg(short, long, value_parser = units::rate)]
    rate: Option<Rate>,

    /// How the starts of an open loop are spaced
    #[arg(long, value_name = "NAME", default_value = "poisson", requires = "rate")]
    arrivals: Arrivals,

    /// How many connections at most [default: 16, or 256 with --rate]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: Option<u32>,

    /// How long to send [default: 10s, or no limit with --requests]
    #[arg(short, long, value_parser = units::duration)]
    duration: Option<Duration>,

    /// Stop after this many requests
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,

    /// How long one request may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = units::duration)]
    timeout: Duration,

    /// The method [default: GET, or POST with --body]
    #[arg(short = 'X', long)]
    method: Option<Method>,

    /// A header to send; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// The size of a request's body, such as 13 or 1MiB
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = units::size)]
    body: u64,

    /// Whom to trust by https: a file of certificates in PEM, of authorities or of the server itself
    #[arg(long, value_name = "FILE", default_value = SYSTEM_AUTHORITIES)]
    cacert: PathBuf,

    /// Print the summary as JSON, with a series over time
    ///
    /// Of each second it has what `evenkeel simulate --json` has of each step, so that `evenkeel simulate --measured` can show
    /// one beside the other. Errors are failures and answers with 5xx; a request counts in the second in which it should have
    /// started.
    #[arg(long)]
    pub(super) json: bool,

    /// Print no progress
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl Args {
    /// What they ask for, with the defaults that depend on each other.
    ///
    /// # Errors
    ///
    /// Nobody can be trusted by what `--cacert` names.
    pub(super) fn settings(self) -> Result<Settings, String> {
        let trust = self.url.is_secure().then(|| trusting(&self.cacert)).transpose()?;
        let pace = match self.rate {
            Some(rate) => Pace::Open { rate, arrivals: self.arrivals },
            None => Pace::Closed,
        };
        let default_connections =
            if self.rate.is_some() { OPEN_CONNECTIONS } else { CLOSED_CONNECTIONS };
        let default_method = if self.body > 0 { Method::POST } else { Method::GET };
        Ok(Settings {
            target: self.url,
            trust,
            shape: Shape {
                method: self.method.unwrap_or(default_method),
                headers: self.headers.into_iter().collect(),
                body_bytes: self.body,
            },
            pace,
            connections: self.connections.unwrap_or(default_connections),
            duration: self.duration.or(self.requests.is_none().then_some(DURATION)),
            requests: self.requests,
            timeout: self.timeout,
        })
    }
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| "write it as `Name: value`".to_owned())?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no name of a header"))?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` cannot stand in a header"))?;
    Ok((name, value))
}

/// Enough to keep a small server busy, few enough that latency is the server's and not the queue's.
const CLOSED_CONNECTIONS: u32 = 16;

/// Room for half a second of silence at 500 requests a second.
const OPEN_CONNECTIONS: u32 = 256;

const DURATION: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel load http://127.0.0.1:8080                       16 connections, as fast as they go, 10 s
  evenkeel load http://127.0.0.1:8080 --rate 500/s -d 1m    500 a second, as they come in real life
  evenkeel load http://127.0.0.1:8080 -r 500 --arrivals even --json
  evenkeel load https://localhost:8443 --cacert ~/.local/share/evenkeel/development/localhost.crt
  evenkeel load http://127.0.0.1:8080/upload --body 1MiB -H 'Host: example.com' -n 1000

EXIT CODES:
  0   some requests were answered, with whatever status
  1   none was, or it could not start
  2   wrong usage";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Result<Settings, String> {
        let words = ["load"].iter().chain(line);
        let parsed = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        parsed.args.settings()
    }

    #[test]
    fn defaults_follow_from_what_is_given() {
        let closed = parse(&["http://[::1]:80"]).unwrap();
        assert!(matches!(closed.pace, Pace::Closed));
        assert_eq!(closed.connections, 16);
        assert_eq!(closed.duration, Some(DURATION));
        assert_eq!(closed.shape.method, Method::GET);

        let open = parse(&["http://a", "-r", "30/m", "-n", "5", "--body", "1"]).unwrap();
        assert!(matches!(open.pace, Pace::Open { arrivals: Arrivals::Poisson, .. }));
        assert_eq!(open.connections, 256);
        assert_eq!(open.duration, None);
        assert_eq!(open.shape.method, Method::POST);
    }

    #[test]
    fn headers_repeat_and_keep_their_values() {
        let settings = parse(&["http://a", "-H", "A: b:c", "-H", "a:d"]).unwrap();
        let values: Vec<_> = settings.shape.headers.get_all("a").iter().collect();
        assert_eq!(values, ["b:c", "d"]);
    }

    #[test]
    fn wrong_words_are_refused_with_a_way_out() {
        for (line, part) in [
            (&["https://a", "--cacert", "nowhere.pem"][..], "nowhere.pem does not say whom"),
            (&["127.0.0.1:80"], "`http://127.0.0.1:80`"),
            (&["http://a", "-H", "nothing"], "`Name: value`"),
            (&["http://a", "-H", "a b: c"], "name of a header"),
            (&["http://a", "--arrivals", "even"], "--rate"),
            (&["http://a", "-c", "0"], "1..=100000"),
        ] {
            let refusal = parse(line).err().unwrap_or_default();
            assert!(refusal.contains(part), "{line:?}: {refusal}");
        }
    }
}

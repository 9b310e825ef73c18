//! The arguments of `evenkeel origin`, and what they mean; read by the `command` module.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use crate::units::{self, Share};

use super::{Behaviour, Capacity, Delay, Distribution, Setup};

/// Start test servers that can be slow, flaky, overloaded or dead
///
/// Each PORT becomes one HTTP/1.1 origin. /health answers 200 at once, whatever else is asked for;
/// /load says how much it has to do, for balancers that ask (prequal); /echo answers the request as
/// JSON; every other path answers the body. Every answer says in X-Origin who gave it.
///
/// TERM, INT and QUIT finish the running exchanges and stop; a second one stops at once. USR1 kills
/// all origins of the process (connections are reset, ports refuse), and the next USR1 revives them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen: PORT (on 127.0.0.1) or ADDRESS:PORT; port 0 picks a free one
    #[arg(required = true, value_name = "PORT", value_parser = bind_address)]
    ports: Vec<SocketAddr>,

    /// What X-Origin says; with several ports NAME-1, NAME-2, … [default: the address]
    #[arg(long, value_parser = name)]
    name: Option<String>,

    /// The body of an ordinary answer, such as 13 or 1MiB
    #[arg(long, value_name = "SIZE", default_value = "13", value_parser = units::size)]
    body: u64,

    /// How long an answer takes on average, such as 20ms (exact to about a millisecond)
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = units::duration)]
    delay: Duration,

    /// How delays spread around their average
    #[arg(long, value_name = "NAME", default_value = "constant")]
    delay_distribution: Distribution,

    /// The share of exchanges that fail, such as 1% or 0.01
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = units::share)]
    fail: Share,

    /// The status of a failed exchange
    #[arg(long, value_name = "STATUS", default_value = "503", value_parser = fail_status)]
    fail_status: StatusCode,

    /// Answer 503 on /health
    #[arg(long)]
    unhealthy: bool,

    /// How many exchanges are served at a time [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    concurrency: Option<u32>,

    /// How many more may wait their turn; the rest is answered 503 at once
    #[arg(long, value_name = "M", default_value_t = 0, requires = "concurrency")]
    queue: u32,
}

impl Args {
    /// One setup for each port.
    pub(super) fn setups(&self) -> Vec<Setup> {
        let capacity =
            self.concurrency.map(|service| Capacity { service, queue: self.queue as usize });
        let setup = |(index, bind): (usize, &SocketAddr)| {
            let name = self.name.as_ref().map(|name| match self.ports.len() {
                1 => name.clone(),
                _ => format!("{name}-{}", index + 1),
            });
            Setup { bind: *bind, name, capacity }
        };
        self.ports.iter().enumerate().map(setup).collect()
    }

    /// How every one of them behaves.
    pub(super) fn behaviour(&self) -> Behaviour {
        Behaviour {
            delay: Delay { mean: self.delay, distribution: self.delay_distribution },
            fail: self.fail,
            fail_status: self.fail_status,
            body_bytes: self.body,
            is_healthy: !self.unhealthy,
        }
    }
}

fn bind_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| match text.strip_prefix(':') {
        Some(port) => format!("write `{port}` for this machine only, or `0.0.0.0:{port}` for all"),
        None => "write a port such as `9001`, or an IP address and a port such as \
                 `127.0.0.1:9001` or `[::1]:9001`"
            .to_owned(),
    })
}

fn name(text: &str) -> Result<String, String> {
    match HeaderValue::from_str(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a name is sent in a header, so it needs printable characters".to_owned()),
    }
}

fn fail_status(text: &str) -> Result<StatusCode, String> {
    // 1xx would be no answer at all: the downstream would go on waiting for one.
    let is_final = |status: &StatusCode| (200..=599).contains(&status.as_u16());
    text.parse()
        .ok()
        .filter(is_final)
        .ok_or_else(|| "a status is a number from 200 to 599".to_owned())
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel origin 9001 9002 9003                three origins on 127.0.0.1
  evenkeel origin 0 --name api                  a free port, printed at the start
  evenkeel origin 9001 --delay 20ms --delay-distribution lognormal
  evenkeel origin 9001 --fail 1% --fail-status 500
  evenkeel origin 9001 --delay 10ms --concurrency 8 --queue 16
                                                 can be overloaded from 800 requests a second on

EXIT CODES:
  0   after a drain, or when a second signal stopped it
  1   could not listen, at the start or when it was revived
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

    fn parse(line: &[&str]) -> Result<Args, String> {
        let words = std::iter::once("origin").chain(line.iter().copied());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn several_ports_share_a_name_and_are_told_apart() {
        let args = parse(&["9001", "[::1]:9002", "--name", "api"]).unwrap();
        let setups = args.setups();
        assert_eq!(setups[0].bind, "127.0.0.1:9001".parse().unwrap());
        assert_eq!(setups[0].name.as_deref(), Some("api-1"));
        assert_eq!(setups[1].bind, "[::1]:9002".parse().unwrap());
        assert_eq!(setups[1].name.as_deref(), Some("api-2"));
        let alone = parse(&["9001", "--name", "api"]).unwrap();
        assert_eq!(alone.setups()[0].name.as_deref(), Some("api"));
    }

    #[test]
    fn wrong_words_are_refused_with_a_way_out() {
        for (line, part) in [
            (&["localhost:9001"][..], "`127.0.0.1:9001`"),
            (&[":9001"], "`0.0.0.0:9001`"),
            (&["9001", "--fail-status", "100"], "from 200 to 599"),
            (&["9001", "--queue", "3"], "--concurrency"),
            (&["9001", "--name", "a\nb"], "printable"),
            (&[], "<PORT>"),
        ] {
            let refusal = parse(line).err().unwrap_or_default();
            assert!(refusal.contains(part), "{line:?}: {refusal}");
        }
    }
}

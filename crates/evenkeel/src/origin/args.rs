//! The arguments of `evenkeel origin`, and what they mean; read by the `command` module.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::{Change, Condition, Effect, Event, Script, Target};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::units::{self, Share};

use super::{Behaviour, Capacity, Setup, Spread};

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

    /// How long an answer takes on average, such as 20ms (exact to about 0.1 ms, or 1 ms beyond 64 at a time)
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = units::duration)]
    delay: Duration,

    /// How delays spread around their average
    #[arg(long, value_name = "NAME", default_value = "constant")]
    delay_distribution: Spread,

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

    /// Something that happens, from when to when; may be given several times
    ///
    ///   slow s2@10s..20s=x8      takes 8 times as long
    ///   errors s1@10s..20s=20%   fails so many, as --fail does
    ///   fast-fail s3@10s..20s    fails everything, after 2 ms
    ///   freeze s3@10s..20s       accepts, and says nothing until it is over
    ///   kill s4@15s              resets what it has, and refuses
    ///   revive s4@25s            ends a kill
    ///   flap s2@10s..40s=2s      is dead and alive in turns
    ///
    /// The origins are s1, s2, … in the order of their ports, and also what --name makes of them. Several are `s1,s2`, and
    /// `all` are all. Times count from the first request that any of them gets; those of /health and /load are no such
    /// requests. The notation is that of `evenkeel simulate`, and so is the meaning.
    #[arg(long = "event", value_name = "EVENT", value_parser = event, verbatim_doc_comment)]
    events: Vec<Event>,
}

impl Args {
    /// One setup for each port; all of them tell `requested`.
    pub(super) fn setups(&self, requested: &Arc<Notify>) -> Vec<Setup> {
        let capacity =
            self.concurrency.map(|service| Capacity { service, queue: self.queue as usize });
        let setup = |(position, bind): (usize, &SocketAddr)| {
            let (name, requested) = (self.name_of(position), Arc::clone(requested));
            Setup { bind: *bind, name, capacity, requested }
        };
        self.ports.iter().enumerate().map(setup).collect()
    }

    /// What happens to them; a mistake if it is said of somebody else.
    pub(super) fn script(&self) -> Result<Script, Failure> {
        let events = self.events.iter().cloned().map(|mut event| {
            if let Change::Endpoints(Target::Named(names), _) = &mut event.change {
                names.iter_mut().for_each(|name| self.number(name));
            }
            event
        });
        Ok(Script::of_events(self.ports.len(), events.collect())?)
    }

    /// Makes `s2` of the name that --name gives the second.
    fn number(&self, name: &mut String) {
        let is_it = |position: &usize| self.name_of(*position).as_ref() == Some(name);
        if let Some(position) = (0..self.ports.len()).find(is_it) {
            *name = format!("s{}", position + 1);
        }
    }

    /// What --name makes of the origin at `position`.
    fn name_of(&self, position: usize) -> Option<String> {
        let name = self.name.as_ref()?;
        Some(if self.ports.len() == 1 { name.clone() } else { format!("{name}-{}", position + 1) })
    }

    /// How every one of them behaves.
    pub(super) fn behaviour(&self) -> Behaviour {
        Behaviour {
            delay: self.delay_distribution.around(self.delay),
            fail: self.fail,
            fail_status: self.fail_status,
            body_bytes: self.body,
            is_healthy: !self.unhealthy,
            condition: Condition::WELL,
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

/// One that an origin can bring about.
fn event(text: &str) -> Result<Event, String> {
    let event: Event =
        text.parse().map_err(|mistake: evenkeel_sim::Mistake| mistake.to_string())?;
    let who_can = match &event.change {
        Change::Rate(_) | Change::Surge(_) => "the load is up to `evenkeel load --rate`",
        Change::Endpoints(_, Effect::Add | Effect::Remove) => {
            "who belongs to a cluster is up to `evenkeel add` and `evenkeel remove`"
        }
        Change::Endpoints(_, Effect::Cold { .. }) => "use `slow` once or more than once",
        Change::Endpoints(..) => return Ok(event),
    };
    Err(format!("an origin cannot do that; {who_can}"))
}

const EXAMPLES: &str = "\
EXAMPLES:
  evenkeel origin 9001 9002 9003                three origins on 127.0.0.1
  evenkeel origin 0 --name api                  a free port, printed at the start
  evenkeel origin 9001 --delay 20ms --delay-distribution lognormal
  evenkeel origin 9001 --fail 1% --fail-status 500
  evenkeel origin 9001 --delay 10ms --concurrency 8 --queue 16
                                                 can be overloaded from 800 requests a second on
  evenkeel origin 9001 9002 --delay 10ms --event 'slow s2@10s..20s=x8'
                                                 the second is slow from the 10th second to the 20th

EXIT CODES:
  0   after a drain, or when a second signal stopped it
  1   could not listen, at the start or when it was revived
  2   wrong usage";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use evenkeel_plan::time::Time;

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

    fn setups(args: &Args) -> Vec<Setup> {
        args.setups(&Arc::default())
    }

    #[test]
    fn several_ports_share_a_name_and_are_told_apart() {
        let args = parse(&["9001", "[::1]:9002", "--name", "api"]).unwrap();
        let several = setups(&args);
        assert_eq!(several[0].bind, "127.0.0.1:9001".parse().unwrap());
        assert_eq!(several[0].name.as_deref(), Some("api-1"));
        assert_eq!(several[1].bind, "[::1]:9002".parse().unwrap());
        assert_eq!(several[1].name.as_deref(), Some("api-2"));
        let alone = parse(&["9001", "--name", "api"]).unwrap();
        assert_eq!(setups(&alone)[0].name.as_deref(), Some("api"));
    }

    #[test]
    fn wrong_words_are_refused_with_a_way_out() {
        for (line, part) in [
            (&["localhost:9001"][..], "`127.0.0.1:9001`"),
            (&[":9001"], "`0.0.0.0:9001`"),
            (&["9001", "--fail-status", "100"], "from 200 to 599"),
            (&["9001", "--queue", "3"], "--concurrency"),
            (&["9001", "--name", "a\nb"], "printable"),
            (&["9001", "--event", "slow s1"], "such as `slow s2@10s..20s=x8`"),
            (&["9001", "--event", "rps 800@1s"], "evenkeel load --rate"),
            (&["9001", "--event", "surge x2@1s"], "evenkeel load --rate"),
            (&["9001", "--event", "add s6@20s"], "evenkeel add"),
            (&["9001", "--event", "remove s1@20s"], "evenkeel remove"),
            (&["9001", "--event", "cold s1@2s=x5,1s"], "`slow`"),
            (&[], "<PORT>"),
        ] {
            let refusal = parse(line).err().unwrap_or_default();
            assert!(refusal.contains(part), "{line:?}: {refusal}");
        }
    }

    #[test]
    fn events_name_origins_by_number_or_by_their_own_names() {
        let slowness = |line: &[&str], position| {
            let now = Time::START.after(Duration::from_secs(2));
            parse(line).unwrap().script().unwrap().condition(position, now).slow
        };
        for name in ["s2", "api-2", "all", "s1,api-2"] {
            let event = format!("slow {name}@1s..3s=x8");
            assert_eq!(slowness(&["0", "0", "--name", "api", "--event", &event], 1), 8.0, "{name}");
        }
        assert_eq!(slowness(&["0", "0", "--event", "slow s2@1s..3s=x8"], 0), 1.0);
        // A name of its own comes first.
        assert_eq!(slowness(&["0", "--name", "s2", "--event", "slow s2@1s=x8"], 0), 8.0);
        let unknown = parse(&["0", "0", "--event", "kill s3@1s"]).unwrap().script().unwrap_err();
        assert!(
            matches!(&unknown, Failure::Usage(said) if said.contains("there are s1, s2")),
            "{unknown:?}"
        );
    }

    #[test]
    fn every_event_that_an_origin_can_do_stands_in_the_help() {
        let help = Line::command().render_long_help().to_string();
        for example in Event::EXAMPLES {
            let word = example.split(' ').next().unwrap();
            assert_eq!(
                help.contains(&format!("  {word} ")),
                event(example).is_ok(),
                "{word}\n{help}"
            );
        }
    }
}

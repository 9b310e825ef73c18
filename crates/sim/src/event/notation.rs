//! Events from text and back: `slow s2@10s..20s=x8`.
//!
//! The form is `WHAT WHOM@FROM..UNTIL=VALUE`; the value may also stand before the `@`, as in `errors s1=20%@10s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Change, Effect, Event, Target};
use crate::load::RATE_MAX;
use crate::mistake::Mistake;
use crate::units::{self, Factor, Share, Span};

impl FromStr for Event {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
        let example = Self::EXAMPLES.iter().find(|example| example.split(' ').next() == Some(word));
        let Some(example) = example else {
            let words: Vec<&str> =
                Self::EXAMPLES.iter().filter_map(|e| e.split(' ').next()).collect();
            let problem = format!("`{word}` is not an event; use one of {}", words.join(", "));
            return Err(Mistake::new(problem).within(text, "slow s2@10s..20s=x8"));
        };
        Parts::of(rest)
            .and_then(|parts| parts.event(word))
            .map_err(|problem| problem.within(text, example))
    }
}

/// What an event's text is made of.
struct Parts<'a> {
    whom: &'a str,
    from: Duration,
    until: Option<Duration>,
    value: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, Mistake> {
        let (whom, when) = text
            .rsplit_once('@')
            .ok_or_else(|| Mistake::new("it does not say when, after an `@`"))?;
        let (whom, before) = valued(whom);
        let (when, after) = valued(when);
        let value = match (before, after) {
            (Some(_), Some(_)) => return Err(Mistake::new("it has two values")),
            (before, after) => before.or(after),
        };
        let (from, until) = match when.split_once("..") {
            Some((from, until)) => (from, Some(units::duration(until.trim())?)),
            None => (when, None),
        };
        let from = units::duration(from.trim())?;
        if until.is_some_and(|until| until <= from) {
            return Err(Mistake::new("it ends before it begins"));
        }
        Ok(Self { whom: whom.trim(), from, until, value })
    }

    fn event(&self, word: &str) -> Result<Event, Mistake> {
        let change = match word {
            "rps" => Change::Rate(self.plain(units::number(self.whom)?)?),
            "surge" => Change::Surge(self.plain(units::factor(self.whom)?)?),
            _ => Change::Endpoints(target(self.whom)?, self.effect(word)?),
        };
        let event = Event { change, from: self.from, until: self.until };
        event.check().map(|()| event)
    }

    fn effect(&self, word: &str) -> Result<Effect, Mistake> {
        match word {
            "slow" => Ok(Effect::Slow(units::factor(self.value("a factor")?)?)),
            "errors" => Ok(Effect::Errors(units::share(self.value("a share")?)?)),
            "flap" => Ok(Effect::Flap(units::some_time(self.value("a period")?)?)),
            "cold" => {
                let value = self.value("a factor and a time")?;
                let (factor, warm_up) = value
                    .split_once(',')
                    .ok_or_else(|| Mistake::new("it wants a factor and a time"))?;
                let warm_up = units::some_time(warm_up.trim())?;
                Ok(Effect::Cold { factor: units::factor(factor.trim())?, warm_up })
            }
            "kill" => self.plain(Effect::Kill),
            "revive" => self.plain(Effect::Revive),
            "freeze" => self.plain(Effect::Freeze),
            "add" => self.plain(Effect::Add),
            "remove" => self.plain(Effect::Remove),
            _ => self.plain(Effect::FastFail),
        }
    }

    fn value(&self, what: &str) -> Result<&'a str, Mistake> {
        self.value.ok_or_else(|| Mistake::new(format!("it wants {what} after an `=`")))
    }

    /// For what has no value after an `=`.
    fn plain<T>(&self, change: T) -> Result<T, Mistake> {
        match self.value {
            Some(value) => Err(Mistake::new(format!("`={value}` has no meaning here"))),
            None => Ok(change),
        }
    }
}

/// Splits off the value behind an `=`.
fn valued(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(text, value)| (text, Some(value.trim())))
}

fn target(text: &str) -> Result<Target, Mistake> {
    if text == "all" {
        return Ok(Target::All);
    }
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(Mistake::new("it does not say to which endpoint"));
    }
    Ok(Target::Named(names))
}

impl Event {
    /// Says what is wrong with its numbers and times, whoever wrote them.
    pub(crate) fn check(&self) -> Result<(), Mistake> {
        if self.until.is_some_and(|until| until <= self.from) {
            return Err(Mistake::new("it ends before it begins"));
        }
        match &self.change {
            Change::Rate(rate) if !(0.0..=RATE_MAX).contains(rate) || rate.is_sign_negative() => {
                Err(Mistake::new(format!("a rate is from 0 to {RATE_MAX} a second")))
            }
            Change::Surge(factor) => check_factor(*factor),
            Change::Endpoints(_, effect) => effect.check(self.until.is_some()),
            Change::Rate(_) => Ok(()),
        }
    }
}

impl Effect {
    fn check(self, ends: bool) -> Result<(), Mistake> {
        match self {
            Self::Revive | Self::Cold { .. } if ends => {
                Err(Mistake::new("it has no end of its own; write only when it begins"))
            }
            Self::Slow(factor) | Self::Cold { factor, .. } => check_factor(factor),
            Self::Errors(share) if !(0.0..=1.0).contains(&share) => {
                Err(Mistake::new("a share is from 0% to 100%"))
            }
            Self::Flap(period) if period.is_zero() => Err(Mistake::new("a period takes some time")),
            _ => Ok(()),
        }
    }
}

fn check_factor(factor: f64) -> Result<(), Mistake> {
    if units::is_factor(factor) {
        return Ok(());
    }
    Err(Mistake::new("a factor is from 0.000001 to 1000000"))
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::Endpoints(target, effect) => write!(f, "{} {target}", effect.word())?,
            Change::Rate(rate) => write!(f, "rps {rate}")?,
            Change::Surge(factor) => write!(f, "surge {}", Factor(*factor))?,
        }
        write!(f, "@{}", Span(self.from))?;
        if let Some(until) = self.until {
            write!(f, "..{}", Span(until))?;
        }
        let Change::Endpoints(_, effect) = self.change else { return Ok(()) };
        match effect {
            Effect::Slow(factor) => write!(f, "={}", Factor(factor)),
            Effect::Errors(share) => write!(f, "={}", Share(share)),
            Effect::Flap(period) => write!(f, "={}", Span(period)),
            Effect::Cold { factor, warm_up } => write!(f, "={},{}", Factor(factor), Span(warm_up)),
            _ => Ok(()),
        }
    }
}

impl Effect {
    /// The first word of its notation.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Kill => "kill",
            Self::Revive => "revive",
            Self::Freeze => "freeze",
            Self::Errors(_) => "errors",
            Self::Flap(_) => "flap",
            Self::Add => "add",
            Self::Remove => "remove",
            Self::FastFail => "fast-fail",
            Self::Cold { .. } => "cold",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Named(names) => f.write_str(&names.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Event {
        text.parse().unwrap()
    }

    #[test]
    fn events_are_read_as_people_write_them() {
        let named = |names: &[&str]| Target::Named(names.iter().map(ToString::to_string).collect());
        let slow = read("slow s2@10s..20s=x8");
        assert_eq!(slow.change, Change::Endpoints(named(&["s2"]), Effect::Slow(8.0)));
        assert_eq!((slow.from.as_secs(), slow.until.unwrap().as_secs()), (10, 20));
        assert_eq!(read("errors s1=20%@10s..20s"), read("errors s1@10s..20s=20%"));
        let kill = read("kill s1, 10.0.0.1:80@1.5s").change;
        assert_eq!(kill, Change::Endpoints(named(&["s1", "10.0.0.1:80"]), Effect::Kill));
        assert_eq!(read("freeze all@0s").change, Change::Endpoints(Target::All, Effect::Freeze));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in Event::EXAMPLES {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named_with_a_correct_example() {
        let table = [
            ("explode s1@1s", "`explode` is not an event; use one of slow, kill"),
            ("", "is not an event"),
            ("kill s1", "does not say when"),
            ("kill @1s", "to which endpoint, such as `kill s4@15s`"),
            ("kill s1@1s=x2", "`=x2` has no meaning here"),
            ("slow s1@1s", "wants a factor after an `=`"),
            ("slow s1@1s=8", "`8` is not a factor"),
            ("slow s1=x2@1s=x2", "two values"),
            ("slow s1@20s..10s=x2", "ends before it begins"),
            ("slow s1@20..30s=x2", "without a unit"),
            ("errors s1@1s=200%", "`200%` is not a share"),
            ("flap s1@1s..2s=0s", "no time at all"),
            ("cold s1@1s=x5", "a factor and a time"),
            ("cold s1@1s..9s=x5,1s", "no end of its own"),
            ("revive s1@1s..2s", "no end of its own"),
            ("rps many@1s", "`many` is not a number"),
            ("rps 5000000000@1s", "from 0 to 1000000000 a second"),
            ("surge 3@1s", "with an `x`, such as `surge x3@20s..30s`"),
        ];
        for (text, said) in table {
            let mistake = text.parse::<Event>().unwrap_err().to_string();
            assert!(mistake.contains(said), "{text}: {mistake}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(slow|errors|cold|rps|kill|flap) ?[a-z0-9@.=x%,]{0,20}") {
            if let Ok(event) = text.parse::<Event>() {
                prop_assert_eq!(event.to_string().parse::<Event>(), Ok(event));
            }
        }
    }
}

//! A scenario and its events in words. Asked by `table` and `json`.

use std::time::Duration;

use evenkeel_plan::overload::Adapts;
use evenkeel_sim::{Arrivals, Change, Effect, EndpointModel, Event, Scenario, Target};

use crate::units::{counted, show_count};

use super::text::{percent, short, span};

/// What is simulated, in a few facts.
pub(super) fn facts(scenario: &Scenario) -> Vec<String> {
    let Scenario { endpoints, load, work, .. } = scenario;
    let mut facts = vec![counted(endpoints.len(), "endpoint")];
    facts.extend(capacities(endpoints));
    facts.push(format!("service {work}"));
    facts.push(match &load.arrivals {
        Arrivals::Replay(requests) => format!("{} replayed", counted(requests.len(), "request")),
        arrivals => format!("{}/s {arrivals}", rate(load.rps)),
    });
    facts.push(span(load.duration));
    facts.extend(scenario.offered().map(|share| format!("{:.0} % load", share * 100.0)));
    if scenario.balancers > 1 {
        facts.push(counted(scenario.balancers as usize, "balancer"));
    }
    facts.extend(scenario.gossip.map(|every| format!("gossip every {}", span(every))));
    let resilience = &scenario.resilience;
    if let Some(retry) = &resilience.retry {
        facts.push(format!("up to {} attempts", retry.attempts));
    }
    facts.extend(resilience.outlier.is_some().then(|| "outlier detection".to_owned()));
    facts.extend(resilience.breaker.is_some().then(|| "circuit breakers".to_owned()));
    if scenario.health.is_none() {
        facts.push("no health checks".to_owned());
    }
    match scenario.limits.requests {
        Some(most) => facts.push(format!("each gets {} at most", show_count(most.into()))),
        None if scenario.limits.adaptive == Adapts::Never => facts.push("no limits".to_owned()),
        None => {}
    }
    facts.push(format!("seed {}", scenario.seed));
    facts
}

/// With its thousands apart, where it is whole.
fn rate(per_second: f64) -> String {
    if per_second.fract() == 0.0 { show_count(per_second as u64) } else { short(per_second) }
}

/// How many requests endpoints work on at once, where that is the same for all.
fn capacities(endpoints: &[EndpointModel]) -> Option<String> {
    let slots = endpoints.first()?.slots;
    let is_same = endpoints.iter().all(|model| model.slots == slots);
    let slots = slots.map_or("any number".to_owned(), |slots| show_count(slots.into()));
    is_same.then(|| format!("{slots} at once"))
}

/// As they happen.
pub(super) fn in_order(events: &[Event]) -> Vec<&Event> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.from);
    events
}

/// When it happens, and what.
pub(super) fn event(event: &Event) -> (String, String) {
    let what = match &event.change {
        Change::Rate(rate) => format!("{} requests a second", short(*rate)),
        Change::Surge(factor) => format!("{} times as many requests", short(*factor)),
        Change::Endpoints(target, effect) => happening(target, *effect),
    };
    (when(event), what)
}

fn when(event: &Event) -> String {
    let Event { change, from, until } = event;
    match (change, until) {
        (_, Some(until)) => format!("{} to {}", span(*from), span(*until)),
        (Change::Endpoints(_, Effect::Revive | Effect::Add | Effect::Remove), None) => {
            format!("at {}", span(*from))
        }
        (Change::Endpoints(_, Effect::Cold { warm_up, .. }), None) => {
            format!("{} to {}", span(*from), span(from.saturating_add(*warm_up)))
        }
        (_, None) => format!("from {}", span(*from)),
    }
}

fn happening(target: &Target, effect: Effect) -> String {
    let (who, many) = who(target);
    let verb = |one: &str, several: &str| (if many { several } else { one }).to_owned();
    let does = match effect {
        Effect::Slow(factor) if factor < 1.0 => {
            format!("{} {} times as fast", verb("works", "work"), short(1.0 / factor))
        }
        Effect::Slow(factor) => {
            format!("{} {} times as long", verb("takes", "take"), short(factor))
        }
        Effect::Kill => format!("{} dead", verb("is", "are")),
        Effect::Revive => verb("comes back", "come back"),
        Effect::Freeze => {
            format!("{}, and {} nothing", verb("accepts", "accept"), verb("says", "say"))
        }
        Effect::Errors(share) => {
            format!("{} {} of requests with an error", verb("answers", "answer"), percent(share))
        }
        Effect::Flap(period) => {
            format!(
                "{} and {} every {}",
                verb("dies", "die"),
                verb("comes back", "come back"),
                span(period)
            )
        }
        Effect::Add => verb("joins", "join"),
        Effect::Remove => verb("leaves", "leave"),
        Effect::FastFail => {
            format!("{} everything with an error, at once", verb("answers", "answer"))
        }
        Effect::Cold { factor, .. } => {
            format!("{} cold: {} times as slow at first", verb("is", "are"), short(factor))
        }
    };
    format!("{who} {does}")
}

/// Names, and whether they are many.
fn who(target: &Target) -> (String, bool) {
    match target {
        Target::All => ("all endpoints".to_owned(), true),
        Target::Named(names) => match names.as_slice() {
            [one] => (one.clone(), false),
            [first @ .., last] => (format!("{} and {last}", first.join(", ")), true),
            [] => ("nobody".to_owned(), false),
        },
    }
}

/// From when to when it marks a chart, within a run that lasts so long.
pub(super) fn band(event: &Event, duration: Duration) -> (Duration, Duration) {
    let until = match (&event.change, event.until) {
        (_, Some(until)) => until,
        (Change::Endpoints(_, Effect::Revive | Effect::Add | Effect::Remove), None) => event.from,
        (Change::Endpoints(_, Effect::Cold { warm_up, .. }), None) => {
            event.from.saturating_add(*warm_up)
        }
        (_, None) => duration,
    };
    (event.from.min(duration), until.min(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_told_in_words() {
        let table = [
            ("slow s2@10s..20s=x8", "10 s to 20 s: s2 takes 8 times as long"),
            ("slow s1,s2,s3@0s=x0.5", "from 0 s: s1, s2 and s3 work 2 times as fast"),
            ("kill s4@15s", "from 15 s: s4 is dead"),
            ("kill all@15s..16s", "15 s to 16 s: all endpoints are dead"),
            ("revive s4@25s", "at 25 s: s4 comes back"),
            ("freeze s3@10s..20s", "10 s to 20 s: s3 accepts, and says nothing"),
            ("errors s1@10s..20s=20%", "10 s to 20 s: s1 answers 20.0 % of requests with an error"),
            ("flap s2@10s..40s=2s", "10 s to 40 s: s2 dies and comes back every 2 s"),
            ("add s6@20s", "at 20 s: s6 joins"),
            ("remove s1,s2@20s", "at 20 s: s1 and s2 leave"),
            ("fast-fail s3@10s..20s", "10 s to 20 s: s3 answers everything with an error, at once"),
            ("cold s6@20s=x5,10s", "20 s to 30 s: s6 is cold: 5 times as slow at first"),
            ("rps 800@20s..30s", "20 s to 30 s: 800 requests a second"),
            ("surge x3@20s", "from 20 s: 3 times as many requests"),
        ];
        for (text, told) in table {
            let (when, what) = event(&text.parse().unwrap());
            assert_eq!(format!("{when}: {what}"), told);
        }
        for example in Event::EXAMPLES {
            let word = |text: &str| text.split(' ').next().map(str::to_owned);
            assert!(table.iter().any(|(text, _)| word(text) == word(example)), "{example}");
        }
    }

    #[test]
    fn a_band_ends_with_the_event_or_with_the_run() {
        let band = |text: &str| {
            let (from, until) = super::band(&text.parse().unwrap(), Duration::from_secs(30));
            (from.as_secs(), until.as_secs())
        };
        assert_eq!(band("slow s2@10s..20s=x8"), (10, 20));
        assert_eq!(band("slow s2@10s..50s=x8"), (10, 30));
        assert_eq!((band("kill s4@15s"), band("add s4@15s")), ((15, 30), (15, 15)));
        assert_eq!((band("cold s6@20s=x5,3s"), band("kill s4@99s")), ((20, 23), (30, 30)));
    }
}

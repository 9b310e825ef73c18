//! What has to be true of a report: `peak-ewma:p99<200ms`. Parsed for `args`, judged by `outcome`.

use std::fmt;
use std::str::FromStr;

use evenkeel_plan::balance::Algorithm;
use evenkeel_sim::{Latency, Report};

use crate::units::{self, show_duration};

use super::text::percent;

/// Something that has to be true of one algorithm, or of all that ran.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assertion {
    algorithm: Option<Algorithm>,
    figure: Figure,
    relation: Relation,
    /// In seconds, or as a share.
    bound: f64,
    /// As it was written.
    text: String,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Figure {
    Time(Time),
    /// The share of requests that were not answered well.
    Errors,
    /// The share of all attempts that went to the endpoint of that name.
    Share(String),
}

/// A latency, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Mean,
    P50,
    P90,
    P99,
    P999,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Assertion {
    /// Why it can say nothing, if it speaks of an algorithm or an endpoint that does not take part.
    pub(super) fn misses(&self, algorithms: &[Algorithm], endpoints: &[&str]) -> Option<String> {
        if let Some(algorithm) = self.algorithm.filter(|it| !algorithms.contains(it)) {
            return Some(format!("`{self}`: {} does not run; see --algorithms", algorithm.name()));
        }
        match &self.figure {
            Figure::Share(name) if !endpoints.contains(&name.as_str()) => {
                let some = endpoints.iter().take(5).copied().collect::<Vec<_>>().join(", ");
                Some(format!("`{self}`: there is no endpoint `{name}`; there are {some}"))
            }
            _ => None,
        }
    }

    /// What breaks it, if something does: each algorithm with its figure.
    pub(super) fn broken_by<'a>(&self, reports: &'a [Report]) -> Vec<(&'a Report, String)> {
        let asked = |report: &&Report| self.algorithm.is_none_or(|it| it == report.algorithm);
        let broken = |report: &'a Report| {
            let value = self.figure.value(report);
            let holds = value.is_some_and(|value| self.relation.holds(value, self.bound));
            (!holds).then(|| (report, self.figure.show(report)))
        };
        reports.iter().filter(asked).filter_map(broken).collect()
    }
}

impl Figure {
    /// In seconds, or as a share; `None` if nothing was measured.
    fn value(&self, report: &Report) -> Option<f64> {
        match self {
            Self::Time(time) => report.latency.map(|latency| time.of(&latency).as_secs_f64()),
            Self::Errors => Some(report.error_share()),
            Self::Share(name) => {
                let named = report.endpoints.iter().find(|endpoint| endpoint.name == *name);
                named.map(|endpoint| endpoint.share)
            }
        }
    }

    fn show(&self, report: &Report) -> String {
        match (self, self.value(report)) {
            (_, None) => "nothing was answered".to_owned(),
            (Self::Time(time), _) => {
                report.latency.map_or(String::new(), |latency| show_duration(time.of(&latency)))
            }
            (_, Some(share)) => percent(share),
        }
    }
}

impl Time {
    const ALL: [(&'static str, Self); 7] = [
        ("mean", Self::Mean),
        ("p50", Self::P50),
        ("p90", Self::P90),
        ("p99", Self::P99),
        ("p999", Self::P999),
        ("p99.9", Self::P999),
        ("max", Self::Max),
    ];

    fn of(self, latency: &Latency) -> std::time::Duration {
        match self {
            Self::Mean => latency.mean,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P99 => latency.p99,
            Self::P999 => latency.p999,
            Self::Max => latency.max,
        }
    }
}

impl Relation {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl FromStr for Assertion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or_else(|| format!("it has no `<` or `>`, {LIKE}"))?;
        let (left, right) = (text[..at].trim(), &text[at..]);
        let (relation, bound) = relation(right);
        let (algorithm, name) = prefixed(left)?;
        let figure = figure(name)?;
        let bound = match figure {
            Figure::Time(_) => units::duration(bound.trim())?.as_secs_f64(),
            Figure::Errors | Figure::Share(_) => share(bound.trim())?,
        };
        Ok(Self { algorithm, figure, relation, bound, text: text.to_owned() })
    }
}

fn share(text: &str) -> Result<f64, String> {
    if text == "1" {
        return Err("`1` could mean one in a hundred, or all; write `1%`, or `100%`".to_owned());
    }
    Ok(units::share(text)?.of_whole())
}

/// The relation at the start of `text`, and what comes after it.
fn relation(text: &str) -> (Relation, &str) {
    let relations = [
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("<", Relation::Below),
        (">", Relation::Above),
    ];
    let found = relations.iter().find_map(|(sign, it)| Some((*it, text.strip_prefix(sign)?)));
    // It does start with one.
    found.unwrap_or((Relation::Below, text))
}

/// Splits off the algorithm. An endpoint's name may have colons, too.
fn prefixed(text: &str) -> Result<(Option<Algorithm>, &str), String> {
    match text.split_once(':') {
        Some((name, rest)) if !name.contains('(') => match Algorithm::from_name(name.trim()) {
            Some(algorithm) => Ok((Some(algorithm), rest.trim())),
            None => Err(format!("`{name}` is no algorithm, {LIKE}")),
        },
        _ => Ok((None, text)),
    }
}

fn figure(name: &str) -> Result<Figure, String> {
    if name == "errors" {
        return Ok(Figure::Errors);
    }
    if let Some(endpoint) = name.strip_prefix("share(").and_then(|rest| rest.strip_suffix(')')) {
        return Ok(Figure::Share(endpoint.trim().to_owned()));
    }
    let time = Time::ALL.iter().find(|(known, _)| *known == name);
    time.map(|(_, time)| Figure::Time(*time)).ok_or_else(|| {
        format!(
            "`{name}` is none of mean, p50, p90, p99, p999, max, errors and share(NAME), {LIKE}"
        )
    })
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const LIKE: &str = "as in `p99<200ms`, `share(s2)<10%` or `peak-ewma:errors<1%`";

#[cfg(test)]
mod tests {
    use evenkeel_sim::{Scenario, run};

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_an_example() {
        let wrong = [
            "p99",
            "p99=1s",
            "p98<1s",
            "p99<200",
            "p99<1%",
            "errors<1s",
            "share<1%",
            "share(s1<1%",
            "fastest:p99<1s",
            "<1s",
            "p99<",
            "errors<101%",
        ];
        for text in wrong {
            assert!(text.parse::<Assertion>().is_err(), "{text}");
        }
        let said = "p98<1s".parse::<Assertion>().unwrap_err();
        assert!(said.contains("p999") && said.contains("`p99<200ms`"), "{said}");
    }

    #[test]
    fn it_holds_or_names_who_breaks_it_and_by_how_much() {
        let scenario = Scenario::default();
        let algorithms = [Algorithm::RoundRobin, Algorithm::LeastRequest];
        let mut reports = algorithms.map(|it| run(&scenario, it, &mut |_| {}).unwrap());
        for (report, millis) in reports.iter_mut().zip([300, 100]) {
            report.latency.as_mut().unwrap().p99 = std::time::Duration::from_millis(millis);
        }
        let broken = |text: &str| {
            let assertion: Assertion = text.parse().unwrap();
            assert_eq!(assertion.to_string(), text);
            let broken = assertion.broken_by(&reports);
            broken
                .iter()
                .map(|(it, how)| format!("{} {how}", it.algorithm.name()))
                .collect::<Vec<_>>()
        };
        let nobody = Vec::<String>::new();
        assert_eq!(broken("p99<200ms"), ["round-robin 300 ms"]);
        assert_eq!(broken("round-robin: p99 < 200ms"), ["round-robin 300 ms"]);
        assert_eq!(broken("least-request:p99<200ms"), nobody);
        assert_eq!(broken("p99>=100ms"), nobody);
        assert_eq!(broken("p99>100ms"), ["least-request 100 ms"]);
        assert_eq!(broken("p99<=300ms"), nobody);
        assert_eq!(broken("errors<1%"), nobody);
        assert_eq!(broken("errors>0%").len(), 2);
        assert_eq!(broken("share(s2)<10%").len(), 2);
        assert_eq!(broken("share(s2)>0.1"), nobody);
        reports[0].latency = None;
        let assertion: Assertion = "max<1h".parse().unwrap();
        assert_eq!(assertion.broken_by(&reports)[0].1, "nothing was answered");
    }

    #[test]
    fn it_speaks_of_those_who_take_part() {
        let misses = |text: &str| {
            let assertion: Assertion = text.parse().unwrap();
            assertion.misses(&[Algorithm::Random], &["s1", "10.0.0.1:80"])
        };
        assert_eq!(misses("p99<1s"), None);
        assert_eq!(misses("random:share(10.0.0.1:80)<1%"), None);
        assert!(misses("maglev:p99<1s").unwrap().contains("maglev does not run"));
        assert!(misses("share(s2)<1%").unwrap().contains("there are s1, 10.0.0.1:80"));
    }
}

//! What real processes did, as `evenkeel load --json` wrote it, to be laid beside what is simulated. Read for `setting`, shown
//! by `table` and `json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use evenkeel_sim::{EndpointReport, Latency, POINTS_MAX};
use serde::Deserialize;

use crate::load::Moment;

/// A run of `evenkeel load`.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// Where the load went.
    pub(super) url: String,
    pub(super) requests: u64,
    /// Requests that failed or were answered with 5xx.
    pub(super) errors: u64,
    /// Of answers, with any status, and of timeouts; `None` if there were none.
    pub(super) latency: Option<Latency>,
    /// How long each point is, in seconds.
    pub(super) step: f64,
    /// One after the other.
    pub(super) series: Vec<Moment>,
    /// How many requests each `X-Origin` answered.
    origins: BTreeMap<String, u64>,
}

/// What we read of a summary.
#[derive(Deserialize)]
struct Summary {
    url: String,
    requests: u64,
    failed: u64,
    statuses: BTreeMap<u16, u64>,
    latency_seconds: Times,
    origins: BTreeMap<String, u64>,
    step: f64,
    series: Vec<Moment>,
}

#[derive(Deserialize)]
struct Times {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
    max: f64,
}

impl Measured {
    /// Reads what `evenkeel load --json` wrote; says what is wrong with it otherwise.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let unread = |error| format!("cannot read {}: {error}", file.display());
        let mut text = String::new();
        let opened = File::open(file).map_err(unread)?;
        opened.take(SIZE_MAX).read_to_string(&mut text).map_err(unread)?;
        let summary = serde_json::from_str(&text).map_err(|error| error.to_string());
        summary.and_then(Self::of).map_err(|problem| {
            format!("{} is not what `evenkeel load --json` writes: {problem}", file.display())
        })
    }

    fn of(summary: Summary) -> Result<Self, String> {
        let Summary { url, requests, failed, statuses, origins, step, series, .. } = summary;
        check(step, &series)?;
        let answered_badly = statuses.range(500..).map(|(_, count)| *count);
        let errors = answered_badly.fold(failed, u64::saturating_add).min(requests);
        let latency = summary.latency_seconds.latency().ok_or("a latency is no time")?;
        // A summary has 0 where there was nothing.
        let latency = Some(latency).filter(|latency| !latency.max.is_zero());
        Ok(Self { url, requests, errors, latency, step, series, origins })
    }

    /// The share of requests that were not answered well; 0 when there were none.
    pub(super) fn error_share(&self) -> f64 {
        self.errors as f64 / self.requests.max(1) as f64
    }

    /// How many steps make up `duration`, within what a simulation can tell apart. Only of equally long steps can percentiles
    /// be compared.
    pub(super) fn points_of(&self, duration: Duration) -> u32 {
        // A float is cut to the bounds of the integer.
        ((duration.as_secs_f64() / self.step).round() as u32).clamp(1, POINTS_MAX)
    }

    /// What each endpoint had of all answers: by name if every origin is called as an endpoint is, or else in the order of
    /// their names and numbers if there are as many. `None` if nobody knows who is who.
    pub(super) fn shares(&self, endpoints: &[EndpointReport]) -> Option<Vec<f64>> {
        let whole: f64 = self.origins.values().map(|count| *count as f64).sum();
        let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        let counts: Vec<u64> = if self.origins.keys().all(|origin| names.contains(&origin.as_str()))
        {
            names.iter().map(|name| self.origins.get(*name).copied().unwrap_or(0)).collect()
        } else {
            let mut origins: Vec<(&String, &u64)> = self.origins.iter().collect();
            origins.sort_by_key(|(name, _)| numbered(name));
            origins.into_iter().map(|(_, count)| *count).collect()
        };
        let is_known = whole > 0.0 && counts.len() == names.len();
        is_known.then(|| counts.iter().map(|count| *count as f64 / whole).collect())
    }
}

impl Times {
    fn latency(&self) -> Option<Latency> {
        let time = |seconds| Duration::try_from_secs_f64(seconds).ok();
        Some(Latency {
            mean: time(self.mean)?,
            p50: time(self.p50)?,
            p90: time(self.p90)?,
            p99: time(self.p99)?,
            p999: time(self.p999)?,
            max: time(self.max)?,
        })
    }
}

/// That a chart can show it.
fn check(step: f64, series: &[Moment]) -> Result<(), String> {
    let is_time = |seconds: f64| Duration::try_from_secs_f64(seconds).is_ok();
    if !is_time(step) || step <= 0.0 {
        return Err(format!("{step} s is no step"));
    }
    let times = |moment: &Moment| [Some(moment.at), moment.mean, moment.p50, moment.p99];
    if !series.iter().flat_map(times).flatten().all(is_time) {
        return Err("a time in the series is no time".to_owned());
    }
    if !series.is_sorted_by(|one, next| one.at < next.at) {
        return Err("the series is not in the order of time".to_owned());
    }
    Ok(())
}

/// Puts `api-10` and `:10` behind `api-9` and `:9`.
fn numbered(name: &str) -> (&str, usize, &str) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].trim_start_matches('0');
    (stem, number.len(), number)
}

/// A hundred times what a summary takes.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use evenkeel_plan::balance::Algorithm;
    use evenkeel_sim::{EndpointModel, Scenario, run};
    use serde_json::{Value, json};

    use super::*;

    fn summary() -> Value {
        json!({
            "url": "http://127.0.0.1:8080/", "mode": "open", "requests": 100, "failed": 4,
            "statuses": { "200": 90, "404": 1, "500": 3, "503": 2 },
            "latency_seconds":
                { "min": 0.001, "mean": 0.02, "p50": 0.01, "p90": 0.05, "p99": 0.1, "p99.9": 0.2, "max": 0.25 },
            "origins": { "127.0.0.1:9": 24, "127.0.0.1:10": 72 },
            "step": 1.0,
            "series": [
                { "at": 0.0, "requests": 60, "errors": 9, "mean": 0.02, "p50": 0.01, "p99": 0.1 },
                { "at": 1.0, "requests": 40, "errors": 0, "mean": null, "p50": null, "p99": null },
            ],
        })
    }

    fn read(text: &str) -> Result<Measured, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("real.json");
        fs::write(&file, text).unwrap();
        Measured::read(&file).map_err(|problem| problem.replace(&*file.to_string_lossy(), "FILE"))
    }

    /// Who takes part in a run with endpoints of these names.
    fn endpoints(names: &[&str]) -> Vec<EndpointReport> {
        let endpoints = names.iter().map(|name| EndpointModel::new(*name, None)).collect();
        let scenario = Scenario { endpoints, ..Scenario::default() };
        run(&scenario, Algorithm::Random, &mut |_| {}).unwrap().endpoints
    }

    #[test]
    fn a_summary_is_read_with_failures_and_5xx_as_errors() {
        let measured = read(&summary().to_string()).unwrap();
        assert_eq!((measured.requests, measured.errors, measured.error_share()), (100, 9, 0.09));
        let latency = measured.latency.unwrap();
        let millis = [latency.mean, latency.p50, latency.p99, latency.p999, latency.max];
        assert_eq!(millis.map(|time| time.as_millis()), [20, 10, 100, 200, 250]);
        assert_eq!((measured.series.len(), measured.series[1].p99), (2, None));
        let points =
            [10, 20_000, 0].map(|seconds| measured.points_of(Duration::from_secs(seconds)));
        assert_eq!(points, [10, 600, 1]);
        let mut absurd = summary();
        absurd["statuses"] = json!({ "500": u64::MAX, "501": u64::MAX });
        absurd["origins"] = json!({ "a": u64::MAX, "b": u64::MAX });
        let absurd = read(&absurd.to_string()).unwrap();
        assert_eq!(
            (absurd.errors, absurd.shares(&endpoints(&["s1", "s2"]))),
            (100, Some(vec![0.5, 0.5]))
        );
        let mut nothing = summary();
        nothing["latency_seconds"] =
            json!({ "mean": 0, "p50": 0, "p90": 0, "p99": 0, "p99.9": 0, "max": 0 });
        assert!(read(&nothing.to_string()).unwrap().latency.is_none());
    }

    #[test]
    fn shares_are_by_name_or_else_in_the_order_of_numbers_or_unknown() {
        let measured = read(&summary().to_string()).unwrap();
        let shares = |names: &[&str]| measured.shares(&endpoints(names));
        assert_eq!(shares(&["s1", "s2"]), Some(vec![0.25, 0.75]));
        let named = ["127.0.0.1:10", "other", "127.0.0.1:9"];
        assert_eq!(shares(&named), Some(vec![0.75, 0.0, 0.25]));
        assert_eq!(shares(&["s1", "s2", "s3"]), None);
        let nobody = Measured { origins: BTreeMap::new(), ..measured.clone() };
        assert_eq!(nobody.shares(&endpoints(&["s1"])), None);
    }

    #[test]
    fn what_is_something_else_is_refused_and_it_is_said_why() {
        let with = |field: &str, value: Value| {
            let mut summary = summary();
            summary[field] = value;
            summary.to_string()
        };
        let moment = |at: f64| json!({ "at": at, "requests": 1, "errors": 0, "p50": -1.0 });
        let no_series = summary().to_string().replace("\"series\"", "\"serie\"");
        for (text, said) in [
            ("{".to_owned(), "EOF"),
            (no_series, "missing field `series`"),
            (with("step", json!(0.0)), "0 s is no step"),
            (with("series", json!([moment(0.0)])), "is no time"),
            (
                with("series", json!([summary()["series"][1], summary()["series"][0]])),
                "order of time",
            ),
            (with("requests", json!("many")), "invalid type"),
        ] {
            let problem = read(&text).unwrap_err();
            assert!(problem.starts_with("FILE is not what `evenkeel load --json` writes: "));
            assert!(problem.contains(said), "{problem}");
        }
        let nowhere = Measured::read(Path::new("/nowhere/at.all")).unwrap_err();
        assert!(nowhere.starts_with("cannot read /nowhere/at.all"), "{nowhere}");
    }
}

//! Outlier detection: which endpoints of a cluster do worse than they should, by what their attempts came to.
//!
//! `control` sweeps the counters every second, the simulator reports single outcomes: both call [`Record::observe`], then
//! [`sweep`], and do to the vitals what the verdicts say. Nothing here touches them. The rules are Envoy's (consecutive
//! failures, failure percentage, success rate), and one against endpoints that accept work and fall silent.

use std::time::Duration;

use crate::time::Time;

mod cause;
mod record;
mod window;

pub use cause::Cause;
use cause::Peers;
use record::Others;
pub use record::{Observed, Record, State, Waiting};

/// When an endpoint is an outlier, and for how long it is ejected. The keys of `outlier` in config; `None` turns a rule off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// So many failures in a row are too many.
    pub consecutive: Option<u32>,
    /// The share of an endpoint's attempts, above 0 and up to 1, whose failure is too much.
    pub failure_rate: Option<f64>,
    /// So many standard deviations below the cluster's mean is too low a share of successes. Needs
    /// [`crate::limits::OUTLIER_PEERS_MIN`] endpoints with enough attempts.
    pub deviations: Option<f64>,
    /// Rates say nothing about an endpoint with fewer attempts in the window.
    pub min_requests: u32,
    /// How far back rates look; and after so long without an ejection the next one is a step shorter.
    pub window: Duration,
    /// How long the first ejection takes; each one that follows takes that much longer.
    pub eject: Duration,
    /// How long an ejection may take.
    pub eject_max: Duration,
    /// The share of the endpoints, 0 to 1, that may be ejected at a time. One of two or more always may, except with 0.
    pub max_ejected: f64,
    /// An endpoint with three attempts waiting, and not a byte for so long, or for ten times its p99 if that is longer, while others answer, is
    /// suspect. Where its own p99 is known two are enough that wait half as long again, or one that waits two and a half times as long.
    pub stall: Option<Duration>,
}

/// What becomes of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It gets no work. Ends a suspicion, too.
    Eject {
        /// Until then, when there will be a [`Verdict::Readmit`].
        until: Time,
        /// Why.
        cause: Cause,
    },
    /// Its ejection is over.
    Readmit,
    /// It gets no work but trials, and what waits there may move on: see [`crate::retry::Failure::Stalled`].
    Suspect {
        /// Why.
        cause: Cause,
    },
    /// It has sent something; the suspicion is over.
    Clear,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            consecutive: Some(5),
            failure_rate: Some(0.3),
            deviations: Some(1.9),
            min_requests: 20,
            window: Duration::from_secs(10),
            eject: Duration::from_secs(10),
            eject_max: Duration::from_secs(5 * 60),
            max_ejected: 0.5,
            stall: Some(Duration::from_secs(1)),
        }
    }
}

impl Settings {
    /// How many of so many endpoints may be ejected at a time.
    fn ejected_max(&self, endpoints: usize) -> usize {
        // A little more, because 0.29 × 100 is less than 29 in floats; `as` makes 0 of what is not a number.
        let share = (self.max_ejected * endpoints as f64 + 1e-9) as usize;
        let one = usize::from(endpoints >= 2 && self.max_ejected > 0.0);
        share.max(one).min(endpoints)
    }
}

/// Judges all endpoints of a cluster. Takes down in the records what it decides, and appends it to `verdicts` with the
/// endpoint's position: first what ends, then ejections, the worst first, then suspicions.
pub fn sweep(
    records: &mut [Record],
    now: Time,
    settings: &Settings,
    verdicts: &mut Vec<(usize, Verdict)>,
) {
    for (position, record) in records.iter_mut().enumerate() {
        verdicts.extend(record.settle(now, settings).map(|verdict| (position, verdict)));
    }
    eject(records, now, settings, verdicts);
    suspect(records, now, settings, verdicts);
}

/// Ejects outliers, as many as there may be.
fn eject(
    records: &mut [Record],
    now: Time,
    settings: &Settings,
    verdicts: &mut Vec<(usize, Verdict)>,
) {
    let ejected = records.iter().filter(|record| record.is_ejected()).count();
    let mut room = settings.ejected_max(records.len()).saturating_sub(ejected);
    if room == 0 {
        return;
    }
    let mut peers = Peers::of(records, now, settings);
    let in_service = records.iter().enumerate().filter(|(_, record)| !record.is_ejected());
    let counted = in_service.map(|(position, record)| (position, record.count(now, settings)));
    let mut worst: Vec<_> = counted.filter(|(_, count)| count.failed > 0).collect();
    worst.sort_by(|(_, a), (_, b)| b.failure_rate().total_cmp(&a.failure_rate()));
    for (position, count) in worst {
        if room == 0 {
            return;
        }
        if let Some(cause) = cause::of(&records[position], count, &peers, settings) {
            let until = records[position].eject(now, settings);
            verdicts.push((position, Verdict::Eject { until, cause }));
            peers.lose(count);
            room -= 1;
        }
    }
}

/// Suspects endpoints that stall. The one that has answered last never is, so somebody is always left.
fn suspect(
    records: &mut [Record],
    now: Time,
    settings: &Settings,
    verdicts: &mut Vec<(usize, Verdict)>,
) {
    let answered = records.iter().filter_map(Record::answered_while_well).max();
    let are_ready = records.iter().any(|record| record.is_ready(now, settings));
    let others = Others { answered, are_ready };
    for (position, record) in records.iter_mut().enumerate() {
        if let Some(cause) = record.suspect(others, now, settings) {
            verdicts.push((position, Verdict::Suspect { cause }));
        }
    }
}

#[cfg(test)]
mod tests;

//! How the rate of arrivals changes over time, by steps. `script` makes it of events, `load` walks along it.

use evenkeel_plan::time::Time;

/// A rate for every moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RateCurve {
    /// From when on which rate holds, in order; the first from the start.
    steps: Vec<(Time, f64)>,
}

/// What an event does to the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateChange {
    pub(crate) from: Time,
    pub(crate) until: Time,
    pub(crate) to: Rate,
}

/// To what a rate changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// So many a second, whatever it was.
    Per(f64),
    /// So many times as many.
    Times(f64),
}

impl RateCurve {
    /// `base` requests a second but for `changes`. Of several `Per` at once the last holds; `Times` multiply.
    pub(crate) fn new(base: f64, changes: &[RateChange]) -> Self {
        let mut times: Vec<Time> =
            changes.iter().flat_map(|change| [change.from, change.until]).collect();
        times.push(Time::START);
        times.sort_unstable();
        times.dedup();
        let rate = |now: Time| {
            let holds = |change: &&RateChange| change.from <= now && now < change.until;
            let apply = |(rate, times), change: &RateChange| match change.to {
                Rate::Per(rate) => (rate, times),
                Rate::Times(factor) => (rate, times * factor),
            };
            let (rate, times) = changes.iter().filter(holds).fold((base, 1.0), apply);
            rate * times
        };
        Self { steps: times.into_iter().map(|time| (time, rate(time))).collect() }
    }

    /// The highest that it ever is.
    pub(crate) fn highest(&self) -> f64 {
        self.steps.iter().map(|(_, rate)| *rate).fold(0.0, f64::max)
    }

    /// When, after `now`, so many requests will have come as `count` says; `None` for never. Exact for constant spacing,
    /// and for Poisson because time can be stretched to make any rate one.
    pub(crate) fn after(&self, now: Time, count: f64) -> Option<Time> {
        let mut left = count;
        let mut from = now;
        let mut step = self.steps.partition_point(|(time, _)| *time <= now).checked_sub(1)?;
        loop {
            let (_, rate) = self.steps[step];
            let end = self.steps.get(step + 1).map(|(time, _)| *time);
            let nanos = left / rate * 1e9;
            let room = end.map_or(u64::MAX, |end| end.as_nanos()) - from.as_nanos();
            // False as well where nobody comes, and the quotient is infinite or not a number.
            if nanos < room as f64 {
                return Some(Time::from_nanos(from.as_nanos() + nanos as u64));
            }
            left = (left - rate * room as f64 / 1e9).max(0.0);
            from = end?;
            step += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn change(from: u64, until: u64, to: Rate) -> RateChange {
        RateChange { from: seconds(from), until: seconds(until), to }
    }

    #[test]
    fn a_gap_stretches_where_few_come() {
        // 10 a second, from second 2 to 4 nobody, from 4 to 6 twice 5, from 5 thrice that.
        let changes = [
            change(2, 4, Rate::Per(0.0)),
            change(4, 6, Rate::Per(5.0)),
            change(4, 6, Rate::Times(2.0)),
            change(5, 6, Rate::Times(3.0)),
        ];
        let curve = RateCurve::new(10.0, &changes);
        let table =
            [(0, 10.0, 1), (1, 10.0, 4), (0, 30.0, 5), (0, 60.0, 6), (0, 70.0, 7), (3, 10.0, 5)];
        for (from, count, at) in table {
            assert_eq!(curve.after(seconds(from), count), Some(seconds(at)), "{from} {count}");
        }
        assert!((curve.highest() - 30.0).abs() < 1e-9);
    }

    #[test]
    fn where_nobody_comes_any_more_there_is_no_next() {
        assert_eq!(RateCurve::new(0.0, &[]).after(seconds(1), 1.0), None);
        let ends = RateCurve::new(10.0, &[change(2, 1_000_000_000, Rate::Per(0.0))]);
        assert_eq!(ends.after(seconds(0), 10.0), Some(seconds(1)));
        assert_eq!(
            ends.after(seconds(0), 21.0),
            Some(seconds(1_000_000_000).after(std::time::Duration::from_millis(100)))
        );
    }
}

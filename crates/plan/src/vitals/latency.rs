//! How long an endpoint takes to answer, as one number that remembers peaks and forgets them. Kept by its vitals, read by `peak-ewma`.

use std::time::Duration;

use crate::atomic::{AtomicU64, Ordering};
use crate::time::Time;

/// A peak-sensitive moving average of latencies (Finagle's `PeakEwma`, 2016): a slower answer than expected is believed at once,
/// a faster one little by little, and without any answer the figure falls by itself. Unlike Finagle's, it forgets a peak not only
/// with time but also with the number of faster answers.
///
/// One word, written without a lock: of two answers in the same instant one may be forgotten, which moves the figure less than the
/// next answer does.
#[derive(Debug, Default)]
pub(super) struct PeakEwma(AtomicU64);

/// What the average says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// What an answer may take, in nanoseconds; more than nothing.
    pub nanos: f64,
    /// How long ago the last answer was, in nanoseconds, in steps of a millisecond.
    pub age: u64,
}

impl PeakEwma {
    /// What to expect at `now`; `None` before the first answer.
    pub(super) fn expected(&self, now: Time) -> Option<Expected> {
        let record = Record::unpack(self.0.load(Ordering::Relaxed))?;
        let age = record.age(now);
        Some(Expected { nanos: f64::from(record.nanos) * weight_after(age), age })
    }

    /// Knows nothing any more.
    pub(super) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Takes in an answer that came after `latency`.
    pub(super) fn observe(&self, latency: Duration, now: Time) {
        let nanos = latency.as_nanos().clamp(1, NANOS_MAX) as f32;
        let nanos = match Record::unpack(self.0.load(Ordering::Relaxed)) {
            Some(before) if nanos < before.nanos => {
                let age = before.age(now);
                let most = if age >= LONE_AFTER { LEFT_BY_LONE } else { LEFT_BY_EACH };
                let weight = weight_after(age).min(most) as f32;
                before.nanos.mul_add(weight, nanos * (1.0 - weight))
            }
            _ => nanos,
        };
        self.0.store(Record { nanos, stamp: stamp(now) }.pack(), Ordering::Relaxed);
    }

    /// Takes in an attempt that failed after `latency`: were it taken for an answer, an endpoint that fails at once would look like
    /// the best of all. Each failure doubles what is expected, up to [`FAILED_MAX`], so that one among many answers says little, and
    /// several in a row that the endpoint is not to be had.
    pub(super) fn observe_failure(&self, latency: Duration, now: Time) {
        let record = Record::unpack(self.0.load(Ordering::Relaxed));
        let before = record
            .map_or(FAILED_MIN, |record| Duration::from_nanos(record.nanos as u64).max(FAILED_MIN));
        let dearer = before.saturating_mul(2).min(FAILED_MAX).max(before);
        self.observe(latency.max(dearer), now);
    }
}

/// An average and when it was made, in one word. All zero is none at all.
#[derive(Clone, Copy)]
struct Record {
    nanos: f32,
    stamp: u32,
}

impl Record {
    fn unpack(word: u64) -> Option<Self> {
        let nanos = f32::from_bits((word >> 32) as u32);
        (nanos > 0.0).then_some(Self { nanos, stamp: word as u32 })
    }

    fn pack(self) -> u64 {
        u64::from(self.nanos.to_bits()) << 32 | u64::from(self.stamp)
    }

    /// How long ago; right for the 52 days after which the stamps begin again. A worker's clock may be a little behind another's.
    fn age(self, now: Time) -> u64 {
        let ticks = stamp(now).wrapping_sub(self.stamp);
        let ticks = if ticks > u32::MAX - BEHIND_MAX { 0 } else { ticks };
        u64::from(ticks) << STAMP_SHIFT
    }
}

/// 2²⁰ ns, about a millisecond.
const STAMP_SHIFT: u32 = 20;

/// So far may one clock be behind another, in ticks: a minute.
const BEHIND_MAX: u32 = 60_000;

fn stamp(now: Time) -> u32 {
    (now.as_nanos() >> STAMP_SHIFT) as u32
}

/// What is left of an old figure's weight.
fn weight_after(age: u64) -> f64 {
    let decays = age as f64 * DECAYS_PER_NANO;
    // Near nothing the two are the same, within a ten thousandth.
    if decays < 0.01 { 1.0 - decays } else { (-decays).exp() }
}

/// After so long a peak weighs 1/e (Finagle's and Linkerd's default).
const DECAY: Duration = Duration::from_secs(10);
const DECAYS_PER_NANO: f64 = 1.0 / DECAY.as_nanos() as f64;

/// A faster answer leaves an old figure at most so much of its weight: some hundreds of them say more than one peak, however
/// little time they took. By time alone, an endpoint that had been a hundred times as slow for a moment would be without work
/// for most of a minute. With fewer it would be chance, where a few answers in a hundred are slow at all endpoints: whoever had
/// one last would be avoided.
const LEFT_BY_EACH: f64 = 1.0 - 1.0 / 128.0;

/// And so much if nothing else came for [`LONE_AFTER`]: who is dear gets a request a second or so, on trial, and a few of those
/// have to be enough to find out that it is well again.
const LEFT_BY_LONE: f64 = 0.5;

/// An answer that is the first for so long, in nanoseconds, is all the news there is.
const LONE_AFTER: u64 = 1_000_000_000;

/// The first failure of an endpoint that never answered counts twice this.
const FAILED_MIN: Duration = Duration::from_millis(1);

/// Failures alone make an endpoint no dearer than this: once all of them fail, all are as dear, and it takes only some tens of
/// seconds to forget.
const FAILED_MAX: Duration = Duration::from_secs(10);

/// A day; more is the same.
const NANOS_MAX: u128 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(after: Duration) -> Time {
        Time::START.after(after)
    }

    fn millis(average: &PeakEwma, now: Time) -> f64 {
        average.expected(now).unwrap().nanos / 1e6
    }

    #[test]
    fn a_peak_is_believed_at_once_and_forgotten_slowly() {
        let average = PeakEwma::default();
        assert_eq!(average.expected(at(MS)), None);
        average.observe(MS * 10, at(MS));
        average.observe(MS * 100, at(MS * 2));
        assert!((millis(&average, at(MS * 2)) - 100.0).abs() < 0.01);
        average.observe(MS * 10, at(DECAY));
        let after = millis(&average, at(DECAY));
        assert!((43.0..44.0).contains(&after), "{after}");
    }

    #[test]
    fn many_faster_answers_outweigh_a_peak_in_no_time_and_a_few_do_if_they_are_all_there_is() {
        let average = PeakEwma::default();
        average.observe(MS * 1000, at(MS));
        (0..10).for_each(|_| average.observe(MS * 10, at(MS)));
        assert!(millis(&average, at(MS)) > 800.0);
        (0..1000).for_each(|_| average.observe(MS * 10, at(MS)));
        assert!((10.0..12.0).contains(&millis(&average, at(MS))));
        average.observe(MS * 1000, at(MS));
        (1..=7).for_each(|trial| average.observe(MS * 10, at(MS * 1001 * trial)));
        let after = millis(&average, at(MS * 7007));
        assert!((10.0..19.0).contains(&after), "{after}");
    }

    #[test]
    fn without_answers_it_falls_by_itself_and_says_how_old_it_is() {
        let average = PeakEwma::default();
        average.observe(MS * 100, Time::START);
        let expected = average.expected(at(DECAY)).unwrap();
        assert!((expected.nanos / 1e6 - 36.8).abs() < 0.1, "{expected:?}");
        assert!(expected.age.abs_diff(10_000_000_000) <= 2_000_000);
    }

    #[test]
    fn a_failure_is_never_good_news() {
        let average = PeakEwma::default();
        average.observe(MS * 20, at(MS));
        average.observe_failure(MS, at(MS));
        assert!((millis(&average, at(MS)) - 40.0).abs() < 0.01);
        for _ in 0..20 {
            average.observe_failure(MS, at(MS));
        }
        assert!((millis(&average, at(MS)) - 10_000.0).abs() < 1.0);
        let slow = PeakEwma::default();
        slow.observe(MS * 60_000, at(MS));
        slow.observe_failure(MS, at(MS));
        assert!((millis(&slow, at(MS)) - 60_000.0).abs() < 1.0);
        let fresh = PeakEwma::default();
        fresh.observe_failure(Duration::ZERO, at(MS));
        assert!((millis(&fresh, at(MS)) - 2.0).abs() < 0.01);
    }

    #[test]
    fn a_clock_that_is_behind_and_absurd_latencies_do_no_harm() {
        let average = PeakEwma::default();
        average.observe(Duration::MAX, at(MS * 1000));
        assert_eq!(average.expected(at(MS)).unwrap().age, 0);
        average.observe(Duration::ZERO, at(MS));
        assert!(average.expected(at(MS)).unwrap().nanos > 0.0);
    }
}

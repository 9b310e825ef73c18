//! When a second attempt is sent while the first still waits: the answer that comes first wins.
//!
//! The exchange in `proxy` and the simulator call [`decide`], at the start of an attempt and whenever a wait that it asked
//! for is over. After Dean and Barroso, The Tail at Scale (2013): hedging what is slower than the 95th percentile costs a twentieth
//! more work and takes away most of the tail.

use std::time::Duration;

use crate::budget::{Allowance, Budget};
use crate::limits::HEDGE_AFTER_MIN;
use crate::quantile::Quantiles;
use crate::time::Time;

/// When and how often attempts are hedged. The keys of `hedge` in config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedging {
    /// How long the first attempt may take to send a byte before there is a second.
    pub after: After,
    /// How much of all requests may be hedged.
    pub budget: Allowance,
}

/// How long to wait for the first attempt, at least [`HEDGE_AFTER_MIN`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum After {
    /// As long as this share of answers takes, above 0 and below 1: 0.95 is `"p95"`.
    Quantile(f64),
    /// So long.
    Fixed(Duration),
}

/// What is known of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Whether the method is idempotent: two endpoints will see the request.
    pub idempotent: bool,
    /// Whether the request can be sent again from its first byte.
    pub body_kept: bool,
    /// Whether any byte of an answer has come.
    pub answered: bool,
    /// Whether there was a second attempt already.
    pub hedged: bool,
    /// Whether another endpoint may be used.
    pub has_other: bool,
    /// How long the attempt has waited since it was begun.
    pub waited: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send a second attempt to another endpoint.
    Hedge,
    /// Ask again if there is still no answer.
    Wait {
        /// After so much longer.
        more: Duration,
    },
    /// There will be no second attempt.
    No(Why),
}

/// Why there is no second attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An answer has begun.
    AnswerBegun,
    /// There is one already.
    AlreadyHedged,
    /// Doing it twice may do harm.
    NotIdempotent,
    /// The request's body is gone: it was too long to be kept.
    BodyGone,
    /// There is no other endpoint.
    NoOtherEndpoint,
    /// There were too few answers to say how long one takes.
    TooFewAnswers,
    /// Too large a part of all requests has been hedged already.
    BudgetSpent,
}

impl Default for Hedging {
    fn default() -> Self {
        Self { after: After::Quantile(0.95), budget: Allowance { share: 0.05, per_second: 0.0 } }
    }
}

impl Hedging {
    /// How long the first attempt may take; `None` while there were too few answers to say.
    fn delay(&self, answers: &Quantiles, now: Time) -> Option<Duration> {
        let delay = match self.after {
            After::Quantile(quantile) => answers.quantile(quantile, now)?,
            After::Fixed(delay) => delay,
        };
        Some(delay.max(HEDGE_AFTER_MIN))
    }
}

/// Decides whether to hedge now. Spends from the budget if so. `answers` is how long the cluster takes to send a first byte.
pub fn decide(
    hedging: &Hedging,
    course: &Course,
    answers: &Quantiles,
    budget: &Budget,
    now: Time,
) -> Decision {
    if let Some(why) = refusal(course) {
        return Decision::No(why);
    }
    let Some(delay) = hedging.delay(answers, now) else {
        return Decision::No(Why::TooFewAnswers);
    };
    if course.waited < delay {
        return Decision::Wait { more: delay - course.waited };
    }
    // Asked last: what has not waited long enough spends nothing.
    if budget.spend(now, &hedging.budget) {
        Decision::Hedge
    } else {
        Decision::No(Why::BudgetSpent)
    }
}

/// What speaks against a second attempt, however long the first takes.
fn refusal(course: &Course) -> Option<Why> {
    [
        (course.answered, Why::AnswerBegun),
        (course.hedged, Why::AlreadyHedged),
        (!course.idempotent, Why::NotIdempotent),
        (!course.body_kept, Why::BodyGone),
        (!course.has_other, Why::NoOtherEndpoint),
    ]
    .into_iter()
    .find_map(|(applies, why)| applies.then_some(why))
}

impl Why {
    /// The machine-readable name, stable across versions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnswerBegun => "answer_begun",
            Self::AlreadyHedged => "already_hedged",
            Self::NotIdempotent => "not_idempotent",
            Self::BodyGone => "body_gone",
            Self::NoOtherEndpoint => "no_other_endpoint",
            Self::TooFewAnswers => "too_few_answers",
            Self::BudgetSpent => "budget_spent",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::START;
    const READY: Course = Course {
        idempotent: true,
        body_kept: true,
        answered: false,
        hedged: false,
        has_other: true,
        waited: Duration::from_secs(1),
    };

    fn fixed(millis: u64, share: f64) -> Hedging {
        let after = After::Fixed(Duration::from_millis(millis));
        Hedging { after, budget: Allowance { share, per_second: 0.0 } }
    }

    /// Of `requests` requests, with as many answers of 10 ms.
    fn history(requests: u32) -> (Quantiles, Budget) {
        let (mut answers, budget) = (Quantiles::default(), Budget::default());
        budget.earn(requests, NOW);
        (0..requests).for_each(|_| answers.observe(Duration::from_millis(10), NOW));
        (answers, budget)
    }

    /// All facts × how long it waited × whether there is budget × whether answers are known: hedged exactly if all is well.
    #[test]
    fn every_course_is_decided_as_the_rules_say() {
        for bits in 0..256_u32 {
            let bit = |position: u32| bits >> position & 1 == 1;
            let course = Course {
                answered: bit(0),
                hedged: bit(1),
                idempotent: !bit(2),
                body_kept: !bit(3),
                has_other: !bit(4),
                waited: Duration::from_millis(if bit(5) { 1 } else { 100 }),
            };
            let answers = if bit(6) { Quantiles::default() } else { history(20).0 };
            let (hedging, budget) = (Hedging::default(), Budget::default());
            budget.earn(if bit(7) { 19 } else { 20 }, NOW);
            let reasons = [
                Why::AnswerBegun,
                Why::AlreadyHedged,
                Why::NotIdempotent,
                Why::BodyGone,
                Why::NoOtherEndpoint,
            ];
            let expected = match bits.trailing_zeros() as usize {
                first @ 0..5 => format!("{:?}", Decision::No(reasons[first])),
                _ if bit(6) => format!("{:?}", Decision::No(Why::TooFewAnswers)),
                5 => "Wait".to_owned(),
                7 => format!("{:?}", Decision::No(Why::BudgetSpent)),
                _ => format!("{:?}", Decision::Hedge),
            };
            let decision = decide(&hedging, &course, &answers, &budget, NOW);
            assert!(format!("{decision:?}").starts_with(&expected), "{course:?} {decision:?}");
            let is_spent = !bit(7) && !budget.spend(NOW, &hedging.budget);
            assert_eq!(is_spent, decision == Decision::Hedge, "{course:?}");
        }
    }

    #[test]
    fn a_wait_ends_exactly_when_the_second_attempt_may_go() {
        let (answers, budget) = history(20);
        let hedging = fixed(30, 1.0);
        let early = Course { waited: Duration::from_nanos(29_999_999), ..READY };
        let decision = decide(&hedging, &early, &answers, &budget, NOW);
        assert_eq!(decision, Decision::Wait { more: Duration::from_nanos(1) });
        let due = Course { waited: Duration::from_millis(30), ..READY };
        assert_eq!(decide(&hedging, &due, &answers, &budget, NOW), Decision::Hedge);
    }

    #[test]
    fn no_second_attempt_goes_before_the_shortest_wait() {
        let (mut quick, budget) = history(0);
        (0..20).for_each(|_| quick.observe(Duration::from_micros(50), NOW));
        budget.earn(100, NOW);
        let at_once = Course { waited: Duration::ZERO, ..READY };
        for hedging in [fixed(0, 1.0), Hedging::default()] {
            let decision = decide(&hedging, &at_once, &quick, &budget, NOW);
            assert_eq!(decision, Decision::Wait { more: HEDGE_AFTER_MIN });
        }
    }

    proptest! {
        #[test]
        fn never_more_than_the_budget_is_hedged(requests in 1_u32..5_000, share in 0.0_f64..1.0) {
            let (answers, budget) = history(0);
            let hedging = fixed(1, share);
            let mut hedged = 0;
            for _ in 0..requests {
                budget.earn(1, NOW);
                hedged += u32::from(decide(&hedging, &READY, &answers, &budget, NOW) == Decision::Hedge);
            }
            prop_assert!(f64::from(hedged) <= share * f64::from(requests) + 1e-4);
            prop_assert!(f64::from(hedged) > share * f64::from(requests) - 1.0);
        }
    }
}

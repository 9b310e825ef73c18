//! A limit that follows from how long an endpoint takes to answer: a concurrency limit by gradient. Asked a few times a second by whoever
//! looks at the endpoints, which is `control`, with what was counted in the meantime.
//!
//! After Netflix's concurrency-limits (`Gradient2Limit`, 2018) and Envoy's adaptive concurrency filter (2019): as long as answers take no more
//! than [`TOLERANCE`] times what they take at best, the limit grows by its square root; where they take longer, it shrinks in proportion.
//! Both limit always, and so have to be right always. This one limits by default only an endpoint that shows that it has more to do than it
//! can ([`Adapts::InNeed`]): several times as many wait as did and ever more do, no fewer come out than did, and answers take several times
//! as long as they did or, by Little's law, those that wait now will. What takes longer without being full, as an endpoint with a slow
//! database does, shows by coming to less when it gets less; then it is left alone.

use std::time::Duration;

use super::Adapts;
use crate::time::Time;

/// What is known of one endpoint, and the limit that follows.
#[derive(Clone, Debug, Default)]
pub struct Adaptive {
    /// What an answer takes, in seconds, smoothed; 0 while nothing is known.
    mean: f64,
    /// The least of that: of this memory, and of the one before; 0 for not known.
    best: [f64; 2],
    /// When this memory began.
    began: Time,
    /// While nothing limits it: how many wait for it, and how many it answers, and are given up there, in a second.
    usual: Pace,
    /// How many it answers in a second, and how many are given up there.
    rate: f64,
    given_up: f64,
    /// How many waited at the last look.
    waiting: u32,
    /// How many looks the usual pace is made of.
    looks: u32,
    /// Since when it has had more to do than it can, while nothing limits it.
    too_much_since: Option<Time>,
    limited: Option<Limited>,
    looked: Time,
}

/// How much an endpoint has to do.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    waiting: f64,
    rate: f64,
    /// Some clients leave whatever they are given.
    given_up: f64,
}

/// What is known of a limit.
#[derive(Clone, Copy, Debug)]
struct Limited {
    limit: f64,
    /// When it shows in what comes out.
    settled: Time,
    /// How many requests it works on that nobody waits for any more.
    in_vain: f64,
    /// When what comes out may be taken for what the limit comes to: not while it is busy with these.
    told: Time,
    /// How many answers came in a second when it began.
    rate: f64,
    /// When somebody last found the endpoint full.
    reached: Time,
}

/// What was seen of an endpoint since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many answers began.
    pub answers: u64,
    /// How long these took, together.
    pub took: Duration,
    /// How many requests were given up because it said nothing for too long: by their clients, or by us.
    pub given_up: u64,
    /// How many wait for it now.
    pub waiting: u32,
    /// Whether somebody found it full.
    pub was_full: bool,
}

impl Adaptive {
    /// How many may be in flight now; `None` for any number.
    pub fn limit(&self) -> Option<u32> {
        self.limited.map(|limited| limited.limit.round() as u32)
    }

    /// Takes in what was seen since the last look. Returns [`Adaptive::limit`].
    pub fn look(&mut self, seen: &Seen, adapts: Adapts, now: Time) -> Option<u32> {
        let since = now.since(self.looked).as_secs_f64();
        self.looked = now;
        match adapts {
            Adapts::Never => self.limited = None,
            Adapts::Always if self.limited.is_none() => self.limit_from_now(LIMIT_FIRST, now, now),
            Adapts::InNeed | Adapts::Always => {}
        }
        self.learn(seen, since, now);
        match self.limited {
            Some(limited) => self.limited = self.follow(limited, (seen, since), adapts, now),
            None if adapts == Adapts::InNeed => self.watch(seen, since, now),
            None => {}
        }
        self.waiting = seen.waiting;
        self.limit()
    }

    /// How long answers take, and how many come.
    fn learn(&mut self, seen: &Seen, since: f64, now: Time) {
        if since > 0.0 {
            self.rate = towards(self.rate, seen.answers as f64 / since, QUICK);
            self.given_up = towards(self.given_up, seen.given_up as f64 / since, QUICK);
        }
        if seen.answers == 0 {
            return;
        }
        let mean = seen.mean();
        self.mean = if self.mean > 0.0 { towards(self.mean, mean, QUICK) } else { mean };
        // What it takes while it is full says nothing about what it takes at best.
        let is_full = self.limited.is_some_and(|limited| now.since(limited.reached) < RELEASE);
        if now.since(self.began) >= MEMORY && !is_full {
            (self.began, self.best) = (now, [0.0, self.best[0]]);
        }
        self.best[0] = least(self.best[0], self.mean);
    }

    /// Whether it has more to do than it can, while nothing limits it.
    fn watch(&mut self, seen: &Seen, since: f64, now: Time) {
        if !self.has_too_much(seen, since) {
            self.too_much_since = None;
            self.looks = self.looks.saturating_add(1);
            // A plain mean at first, then one that forgets.
            let pull = SLOW.max(1.0 / f64::from(self.looks));
            self.usual.waiting = towards(self.usual.waiting, f64::from(seen.waiting), pull);
            self.usual.rate = towards(self.usual.rate, self.rate, pull);
            self.usual.given_up = towards(self.usual.given_up, self.given_up, pull);
            return;
        }
        // One look is chance, and of what came just now nothing may be done yet.
        let lasted = now.since(*self.too_much_since.get_or_insert(now)).as_secs_f64();
        if lasted > 0.0 && lasted >= self.best() * LASTING {
            // Not at once what it can do: it may not be full after all, and then it shows at this.
            self.limit_from_now(
                f64::from(seen.waiting) * GRADIENT_MIN,
                self.settled(seen, now),
                now,
            );
        }
    }

    fn has_too_much(&self, seen: &Seen, since: f64) -> bool {
        let waiting = f64::from(seen.waiting);
        let is_known = self.looks >= LOOKS_MIN && self.best() > 0.0;
        if !is_known || waiting < WAITING_MIN {
            return false;
        }
        let is_slow = seen.answers > 0 && seen.mean() >= self.best() * SLOWNESS;
        if self.is_given_up_on() && self.given_up >= self.usual.given_up * CANCELLED {
            return is_slow || seen.answers == 0;
        }
        // By Little's law, at the rate at which answers came, or come now if that is greater.
        let will_take = waiting / self.rate.max(seen.answers as f64 / since).max(1e-6);
        let will_be_slow = will_take >= self.best() * SLOWNESS_TO_COME;
        let is_full = self.rate >= self.usual.rate * AS_MUCH && seen.waiting > self.waiting;
        is_full && waiting >= self.usual.waiting * CROWD && (is_slow || will_be_slow)
    }

    /// What becomes of the limit.
    fn follow(
        &mut self,
        mut limited: Limited,
        (seen, since): (&Seen, f64),
        adapts: Adapts,
        now: Time,
    ) -> Option<Limited> {
        if seen.was_full {
            limited.reached = now;
        }
        if adapts == Adapts::InNeed && now.since(limited.reached) >= RELEASE {
            return None;
        }
        if adapts == Adapts::Always {
            // Nothing was known when it began.
            limited.rate = limited.rate.max(self.rate);
        }
        limited.works_in_vain_on(seen.given_up, since, now);
        if self.given_up > self.rate && self.is_given_up_on() {
            // Hardly anything comes in time any more: it gets what it can work on, by Little's law, while it does what has gone there before.
            let full = limited.rate * self.best() * TOLERANCE;
            limited.limit = limited.limit.min(full.max(LIMIT_MIN));
        }
        if now < limited.settled {
            return Some(limited);
        }
        if adapts == Adapts::InNeed && self.comes_to_less(&limited, seen, now) {
            // It was not full: it takes that long.
            self.best = [self.mean; 2];
            return None;
        }
        if seen.answers == 0 {
            return Some(limited);
        }
        let ratio = self.best() / seen.mean();
        if now >= limited.told && limited.limit <= LIMIT_MIN && ratio * LIMIT_MIN < GRADIENT_MIN {
            // The few that it has cannot hold up each other for so long: that is what it takes.
            self.best = [seen.mean(); 2];
        }
        let before = limited.limit;
        limited.limit = next_limit(before, seen.was_full, ratio);
        if limited.limit < before {
            limited.settled = self.settled(seen, now);
        }
        Some(limited)
    }

    /// When a limit that begins or shrinks now shows in what comes out: as soon as what went there before is done.
    fn settled(&self, seen: &Seen, now: Time) -> Time {
        let took = Duration::try_from_secs_f64(seen.mean().max(self.mean)).unwrap_or(SETTLED);
        now.after(took.min(SETTLED))
    }

    /// Whether it answers so much less than when the limit began that the limit must be the cause.
    fn comes_to_less(&self, limited: &Limited, seen: &Seen, now: Time) -> bool {
        seen.was_full && now >= limited.told && self.rate < limited.rate * MUCH_LESS
    }

    fn limit_from_now(&mut self, limit: f64, settled: Time, now: Time) {
        self.too_much_since = None;
        let limit = limit.clamp(LIMIT_MIN, LIMIT_MAX);
        self.limited = Some(Limited {
            limit,
            settled,
            in_vain: 0.0,
            told: now,
            rate: self.rate,
            reached: now,
        });
    }

    /// Whether a good part of the requests is given up there, and not one now and then.
    fn is_given_up_on(&self) -> bool {
        self.given_up >= GIVEN_UP_MIN && self.given_up * 5.0 >= self.rate
    }

    /// What an answer takes at best, in seconds; 0 for not known.
    fn best(&self) -> f64 {
        least(self.best[0], self.best[1])
    }
}

impl Limited {
    /// So many requests more were given up, on which the endpoint goes on working.
    fn works_in_vain_on(&mut self, given_up: u64, since: f64, now: Time) {
        let rate = self.rate.max(1.0);
        let most = rate * MEMORY.as_secs_f64();
        self.in_vain = (self.in_vain - rate * since).clamp(0.0, most) + given_up as f64;
        if self.in_vain > rate * VAIN.as_secs_f64() {
            self.told = now.after(SETTLED);
        }
    }
}

impl Seen {
    /// What an answer took, in seconds.
    fn mean(&self) -> f64 {
        // Not 0, which would be no time to compare with.
        (self.took.as_secs_f64() / self.answers.max(1) as f64).max(1e-6)
    }
}

/// The limit after a while in which answers took `1 / ratio` times as long as they do at best. One that was not reached does not grow:
/// nothing would be known about it.
fn next_limit(before: f64, was_full: bool, ratio: f64) -> f64 {
    let gradient = ratio * TOLERANCE;
    let after = match gradient >= 1.0 {
        true if was_full => before + before.sqrt(),
        true => before,
        false => before * gradient.max(GRADIENT_MIN),
    };
    after.clamp(LIMIT_MIN, LIMIT_MAX)
}

/// Part of the way from `before` to `now`.
fn towards(before: f64, now: f64, part: f64) -> f64 {
    before + (now - before) * part
}

/// The lesser of two of which 0 is not known.
fn least(one: f64, other: f64) -> f64 {
    match (one > 0.0, other > 0.0) {
        (true, true) => one.min(other),
        _ => one.max(other),
    }
}

/// The limit of an endpoint of which nothing is known, where there is always one.
const LIMIT_FIRST: f64 = 20.0;

/// No limit is below this: somebody has to find out that the endpoint is well again.
const LIMIT_MIN: f64 = 2.0;

/// And none is above it: more cannot be told apart.
const LIMIT_MAX: f64 = 65_536.0;

/// How many times what they take at best answers may take before the limit shrinks.
const TOLERANCE: f64 = 2.0;

/// One look shrinks the limit to half at most.
const GRADIENT_MIN: f64 = 0.5;

/// How many times what they take at best answers take from an endpoint that has too much to do.
const SLOWNESS: f64 = 3.0;

/// How many times that those take that wait, if answers come as they do: more, as that is no more than a guess.
const SLOWNESS_TO_COME: f64 = 8.0;

/// How many times as many wait for it as usual, and how many at least.
const CROWD: f64 = 4.0;
const WAITING_MIN: f64 = 8.0;

/// What share of the usual it answers, as one that is full does.
const AS_MUCH: f64 = 0.8;

/// What share of what it answered when the limit began shows that it was not full.
const MUCH_LESS: f64 = 0.6;

/// For how many times as long as an answer takes at best it has had too much to do before it is limited.
const LASTING: f64 = 2.0;

/// How many looks it takes to know what is usual.
const LOOKS_MIN: u32 = 8;

/// How many requests are given up in a second where that is more than chance.
const GIVEN_UP_MIN: f64 = 1.0;

/// How many times as many as usual are given up where it cannot be the clients alone.
const CANCELLED: f64 = 2.0;

/// How far one look moves what is known of the present, and of the usual.
const QUICK: f64 = 0.3;
const SLOW: f64 = 0.05;

/// For how long a limit stays that nobody reaches.
const RELEASE: Duration = Duration::from_secs(10);

/// How long it is waited at most for a limit to show in what the endpoint answers.
const SETTLED: Duration = Duration::from_secs(2);

/// For how long it works on what nobody waits for any more where that hides what it comes to.
const VAIN: Duration = Duration::from_millis(500);

/// For how long what an answer takes at best is remembered, and as long again.
const MEMORY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::Balancing;
use evenkeel_plan::breaker;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::outlier::Settings;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::vitals::{Heard, Lease, Vitals};

use super::*;
use crate::fixture;
use crate::journal::Bar;

/// Three endpoints under watch, on a clock of the test's.
struct Watched {
    outliers: Outliers,
    plan: Plan,
    now: Time,
}

impl Watched {
    fn new() -> Self {
        let mut watched = Self {
            outliers: Outliers::new(&fixture::knowledge(), std::time::Instant::now()),
            plan: Plan::default(),
            now: Time::START,
        };
        watched.rule(Resilience::default());
        watched.look();
        watched
    }

    /// Puts other rules in force; the endpoints stay.
    fn rule(&mut self, resilience: Resilience) {
        let lives: Vec<Arc<Life>> = match self.plan.clusters.first() {
            Some(cluster) => cluster.endpoints.iter().map(|it| Arc::clone(&it.life)).collect(),
            None => {
                let cluster = Arc::default();
                (0..3).map(|_| Life::new(1, &cluster)).collect()
            }
        };
        let address = |number| Some(([10, 0, 0, number], 80).into());
        let endpoint =
            |(number, life)| Endpoint::new(&format!("{number}:80"), address(number), life);
        let endpoints = (1..).zip(lives).map(endpoint).collect();
        let cluster =
            Cluster { resilience, ..Cluster::new("api", Balancing::default(), endpoints) };
        self.plan.clusters = vec![Arc::new(cluster)];
        self.outliers.journal.follow(&self.plan, |_| None);
    }

    fn life(&self, position: usize) -> &Arc<Life> {
        &self.plan.clusters[0].endpoints[position].life
    }

    fn vitals(&self, position: usize) -> &Vitals {
        &self.life(position).vitals
    }

    /// Attempts that come to something, in the order of `fates`: true for an answer of 10 ms.
    fn happens(&self, position: usize, fates: &[bool]) {
        for &good in fates {
            let counters = self.life(position).counters.shard(0);
            let mut lease = self.vitals(position).lease();
            lease.ask(self.now);
            lease.hear(if good { Heard::Answer } else { Heard::Failure }, self.now);
            counters.responses[if good { 1 } else { 4 }].add(1);
            counters.faults.add(u64::from(!good));
            counters.first_byte.observe(Duration::from_millis(10));
        }
    }

    fn look(&mut self) {
        self.now = self.now.after(OUTLIER_LOOK_INTERVAL);
        let plan = std::mem::take(&mut self.plan);
        self.outliers.look(&plan, self.now, false);
        self.plan = plan;
    }

    fn bar(&self, position: usize) -> Option<Bar> {
        let entry = self.outliers.journal.entry(&key(position));
        entry.bar().map(|(bar, _)| *bar)
    }

    fn events(&self) -> Vec<String> {
        self.outliers.events.since(0).into_iter().map(|event| event.text).collect()
    }

    /// So many attempts that wait for an answer.
    fn wait(&self, position: usize, count: usize) -> Vec<Lease<&Vitals>> {
        let begin = |_| {
            let mut lease = self.vitals(position).lease();
            lease.ask(self.now);
            lease
        };
        (0..count).map(begin).collect()
    }
}

fn key(position: usize) -> EndpointKey {
    EndpointKey::new("api", &format!("{}:80", position + 1))
}

const RULES: Settings = Settings {
    consecutive: Some(5),
    failure_rate: Some(0.3),
    deviations: None,
    min_requests: 20,
    window: Duration::from_secs(10),
    eject: Duration::from_secs(10),
    eject_max: Duration::from_secs(300),
    max_ejected: 0.5,
    stall: Some(Duration::from_secs(1)),
};

#[test]
fn one_that_fails_every_second_time_is_ejected_and_comes_back_when_its_time_is_over() {
    let mut watched = Watched::new();
    watched.happens(0, &[true, false].repeat(10));
    watched.happens(1, &[true; 20]);
    watched.look();
    assert_eq!((watched.bar(0), watched.bar(1)), (Some(Bar::Ejected), None));
    assert!(watched.vitals(0).is_avoided(watched.now));
    assert_eq!(watched.events(), ["ejected for 10 s: 10 of 20 attempts failed"]);
    let entry = watched.outliers.journal.entry(&key(0));
    let transition = Transition { to: "ejected", reason: "failure_rate" };
    assert_eq!(entry.transitions.get(&transition), Some(&1));
    for _ in 0..40 {
        assert!(watched.vitals(0).is_avoided(watched.now));
        watched.look();
    }
    assert!(!watched.vitals(0).is_avoided(watched.now) && watched.vitals(0).comes_back());
    assert_eq!((watched.bar(0), watched.vitals(0).expected(watched.now)), (None, None));
    assert_eq!(watched.events()[1], "comes back from its ejection, little by little");
}

#[test]
fn failures_in_a_row_are_counted_over_looks_and_answers_end_them() {
    let mut watched = Watched::new();
    for fates in [&[false; 4][..], &[true], &[false; 4]] {
        watched.happens(0, fates);
        watched.look();
        assert_eq!(watched.bar(0), None);
    }
    watched.happens(0, &[false]);
    watched.look();
    assert_eq!(watched.events(), ["ejected for 10 s: 5 attempts in a row failed"]);
}

#[test]
fn one_that_falls_silent_while_others_answer_is_suspected_until_it_speaks() {
    let mut watched = Watched::new();
    watched.happens(0, &[true; 100]);
    watched.look();
    let life = Arc::clone(watched.life(0));
    let waiting: Vec<_> = (0..3).map(|_| life.vitals.lease()).collect();
    for _ in 0..4 {
        watched.happens(1, &[true]);
        watched.look();
        assert_eq!(watched.bar(0), None, "for less than a second");
    }
    watched.happens(1, &[true]);
    assert_eq!(watched.plan.alarm.count(), 0);
    watched.look();
    assert_eq!(watched.bar(0), Some(Bar::Suspect));
    assert_eq!(watched.vitals(0).suspicion(), Some(Duration::from_secs(1)));
    let told =
        "suspected to stall: 3 attempts wait and not a byte came for 1.0s, while others answer";
    assert_eq!(watched.events(), [told]);
    watched.look();
    assert_eq!(watched.plan.alarm.count(), 2, "those who wait shall look");
    drop(waiting);
    watched.look();
    assert_eq!(watched.plan.alarm.count(), 2, "nobody waits");
    watched.happens(0, &[true]);
    watched.look();
    assert_eq!((watched.bar(0), watched.vitals(0).suspicion()), (None, None));
    assert_eq!(watched.events()[1], "suspected no longer: it has answered");
}

#[test]
fn who_was_frozen_suspects_nobody_for_what_it_has_not_heard() {
    let mut watched = Watched::new();
    watched.happens(0, &[true; 100]);
    watched.look();
    let waiting = watched.wait(0, 3);
    drop(waiting);
    let life = Arc::clone(watched.life(0));
    let _waiting: Vec<_> = (0..3).map(|_| life.vitals.lease()).collect();
    watched.look();
    watched.now = watched.now.after(Duration::from_secs(30));
    watched.happens(1, &[true]);
    let plan = std::mem::take(&mut watched.plan);
    watched.outliers.look(&plan, watched.now, true);
    watched.plan = plan;
    assert_eq!(watched.bar(0), None);
}

#[test]
fn where_answers_take_minutes_no_silence_of_seconds_counts() {
    let mut watched = Watched::new();
    let counters = watched.life(1).counters.shard(0);
    counters.responses[1].add(1);
    counters.first_byte.observe(Duration::from_secs(40));
    watched.look();
    let life = Arc::clone(watched.life(0));
    let _waiting: Vec<_> = (0..3).map(|_| life.vitals.lease()).collect();
    for _ in 0..400 {
        watched.life(1).counters.shard(0).responses[1].add(1);
        watched.look();
    }
    assert_eq!(watched.bar(0), None);
}

#[test]
fn a_breaker_that_moves_is_news() {
    let mut watched = Watched::new();
    watched.rule(Resilience { outlier: None, ..Resilience::default() });
    let settings = breaker::Settings::default();
    let life = Arc::clone(watched.life(0));
    for _ in 0..20 {
        let permit = life.vitals.breaker.ask(watched.now, &settings).unwrap();
        let outcome = breaker::Outcome { failed: true, took: Duration::ZERO };
        life.vitals.breaker.report(permit, outcome, watched.now, &settings);
    }
    watched.look();
    assert_eq!(watched.bar(0), Some(Bar::Open));
    assert_eq!(watched.events(), ["breaker open for 10 s: too many attempts failed or were slow"]);
    watched.look();
    assert_eq!(watched.events().len(), 1);
    watched.rule(Resilience { outlier: None, breaker: None, ..Resilience::default() });
    watched.look();
    assert_eq!((watched.bar(0), watched.events().len()), (None, 2));
}

#[test]
fn a_rule_that_is_taken_back_leaves_nobody_barred() {
    let mut watched = Watched::new();
    watched.happens(0, &[false; 20]);
    watched.look();
    assert_eq!(watched.bar(0), Some(Bar::Ejected));
    watched.rule(Resilience { outlier: Some(RULES), ..Resilience::default() });
    watched.look();
    assert_eq!(watched.bar(0), Some(Bar::Ejected), "another rule is a rule still");
    watched.rule(Resilience { outlier: None, ..Resilience::default() });
    watched.look();
    assert_eq!(watched.bar(0), None);
    assert!(!watched.vitals(0).is_avoided(watched.now));
}

#[test]
fn one_that_gets_more_than_it_can_do_is_limited_until_nobody_finds_it_full() {
    let mut watched = Watched::new();
    let answers = |watched: &Watched, count: u64, millis: u64| {
        let counters = watched.life(0).counters.shard(0);
        counters.timed.add(count);
        counters.took.add(count * millis * 1_000_000);
    };
    for _ in 0..20 {
        answers(&watched, 5, 100);
        watched.look();
    }
    assert_eq!(watched.vitals(0).limit(), None);
    let life = Arc::clone(watched.life(0));
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.extend((0..20).map(|_| life.vitals.lease()));
        answers(&watched, 5, 500);
        watched.look();
    }
    assert_eq!((watched.vitals(0).limit(), watched.bar(0)), (Some(20), None));
    assert_eq!(watched.events(), ["gets 20 at a time: it has more to do than it can"]);
    waiting.iter_mut().for_each(Lease::stream);
    assert_eq!(watched.vitals(0).places(), 20, "whose answer has begun is in nobody's way");
    (0..41).for_each(|_| watched.look());
    assert_eq!(watched.vitals(0).limit(), None);
    assert_eq!(watched.events()[1], "gets as much as there is again");
}

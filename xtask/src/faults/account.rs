//! What a scenario came to: the invariants, and the figures for the table. Drawn up when it has been played.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use evenkeel_testkit::ledger::{Book, Class, Entry, Method};
use evenkeel_testkit::stamping::{Began, Conduct};
use evenkeel_testkit::{Moment, StampingOrigin, wait_until};

use super::scenario::Gate;
use super::stage::Stage;
use crate::Outcome;

/// The figures of one balancer in one scenario.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) gets: usize,
    pub(super) posts: usize,
    pub(super) lost_gets: usize,
    pub(super) lost_posts: usize,
    /// What was lost, by class.
    pub(super) failures: Vec<(Class, usize)>,
    /// From the fault until requests did not feel it any more, and the one that is broken got hardly any; `None` if that never was.
    pub(super) noticed: Option<Duration>,
    /// From the healing until the one that was broken got half of its share again; `None` if that never was.
    pub(super) recovered: Option<Duration>,
    pub(super) healthy_p99: Duration,
    pub(super) fault_p99: Duration,
    pub(super) notes: Vec<String>,
    /// Why the client's own figures say little.
    pub(super) lag: Option<String>,
}

/// What has to be so in every scenario, as counts that have to be 0; and the figures.
pub(super) fn draw_up(stage: &mut Stage) -> Outcome<(Vec<Gate>, Figures)> {
    let book = stage.book().ok_or("no ledger was kept")?;
    let journals = stage.origins.iter().map(StampingOrigin::journal);
    let journals: Vec<Vec<Began>> = journals.collect::<Result<_, _>>()?;
    fs::write(stage.balancer.setup.folder.join("lost.txt"), list_lost(&book, stage.fault))?;
    let invariants = vec![
        Gate::new(
            "answers cut short that looked complete",
            book.count(Class::TruncatedSilently),
            0,
        ),
        Gate::new("answers to other requests", book.count(Class::WrongAnswer), 0),
        Gate::new("POSTs that were done more than once", repeated(&book, &journals), 0),
        Gate::new("panics", stage.balancer.panics(), 0),
        Gate::new("balancers that died", usize::from(!stage.balancer.is_alive()), 0),
        Gate::new("descriptors more than before", descriptors_left(stage)?, 0),
    ];
    Ok((invariants, figures(stage, &book, &journals)))
}

/// A line for each request that was lost, for whoever wants to know which: when it was due, counted from the fault.
fn list_lost(book: &Book, fault: Option<Moment>) -> String {
    let lost = book.entries.iter().filter(|entry| entry.class != Class::Ok);
    let line = |entry: &Entry| {
        let offset = |at: u64, from: u64| (at as f64 - from as f64) / 1e6;
        let due = offset(entry.due.0, fault.unwrap_or_default().0);
        let Entry { id, method, class, took, .. } = entry;
        format!("{due:+.3} s  {id} {method:?}  {class} after {:.3} s\n", took.as_secs_f64())
    };
    lost.map(line).collect()
}

/// How many POSTs more than one origin began, or one more than once.
fn repeated(book: &Book, journals: &[Vec<Began>]) -> usize {
    let posts = book.entries.iter().filter(|entry| entry.method == Method::Post);
    let mut begun: HashMap<u64, usize> = posts.map(|entry| (entry.id, 0)).collect();
    for began in journals.iter().flatten() {
        if let Some(count) = begun.get_mut(&began.id) {
            *count += 1;
        }
    }
    begun.values().filter(|&&count| count > 1).count()
}

/// How many descriptors are open that were not before, other than connections that origins still hold.
fn descriptors_left(stage: &mut Stage) -> Outcome<usize> {
    let mut left = 0;
    // Whatever still waits for an answer has it soon.
    stage.make_all(|conduct| *conduct = Conduct::default())?;
    let Stage { balancer, origins, resting_descriptors, .. } = stage;
    let rested = wait_until(REST_WITHIN, || {
        let held: u32 =
            origins.iter_mut().map(|origin| origin.count().map_or(0, |(open, _)| open)).sum();
        let before = *resting_descriptors + usize::try_from(held).unwrap_or_default();
        left = balancer.descriptors().map_or(0, |open| open.saturating_sub(before));
        left == 0
    });
    // What is left is the finding, not that it took too long.
    drop(rested);
    Ok(left)
}

fn figures(stage: &Stage, book: &Book, journals: &[Vec<Began>]) -> Figures {
    let (fault, heal) = (stage.fault.unwrap_or_default(), stage.heal.unwrap_or(END));
    let healthy_p99 = healthy(book, fault).quantile(0.99);
    let during = book.between(fault, heal);
    let shares = stage.victim.map(|victim| Shares { journals, victim });
    Figures {
        gets: book.asked(Method::Get),
        posts: book.asked(Method::Post),
        lost_gets: book.lost(Method::Get),
        lost_posts: book.lost(Method::Post),
        failures: book.failures(),
        noticed: stage.fault.and_then(|fault| {
            let felt = last_felt(&during, fault, healthy_p99);
            let served =
                shares.as_ref().map_or(Duration::ZERO, |shares| shares.last_fair(fault, heal));
            let last = felt.max(served);
            // Whoever still felt it at the end has not seen it noticed.
            (last + BIN < heal.since(fault)).then_some(last)
        }),
        recovered: stage.heal.and_then(|heal| shares.as_ref()?.first_fair(heal)),
        healthy_p99,
        fault_p99: during.quantile(0.99),
        notes: stage.notes.clone(),
        lag: stage.books.iter().find_map(Book::lag),
    }
}

/// What was over before `fault`.
pub(super) fn healthy(book: &Book, fault: Moment) -> Book {
    let mut healthy = book.between(Moment::default(), fault);
    healthy.entries.retain(|entry| entry.ended() < fault);
    healthy
}

/// How long after `fault` requests last felt it: had no success, or took far longer than they did before. One alone does not
/// count, for whoever wants to know whether it is over has to try.
fn last_felt(during: &Book, fault: Moment, healthy_p99: Duration) -> Duration {
    let slow = (healthy_p99 * 3).max(FELT);
    let felt = |entry: &&Entry| entry.class != Class::Ok || entry.took > slow;
    let felt: Vec<Moment> = during.entries.iter().filter(felt).map(|entry| entry.due).collect();
    let pairs = felt.windows(2).filter(|pair| pair[1].since(pair[0]) < BIN);
    pairs.map(|pair| pair[1].since(fault)).max().unwrap_or_default()
}

/// How much of the work the one that is broken gets.
struct Shares<'a> {
    journals: &'a [Vec<Began>],
    victim: usize,
}

impl Shares<'_> {
    /// How long after `fault` it last got more than a fifth of its share, before `heal`.
    fn last_fair(&self, fault: Moment, heal: Moment) -> Duration {
        let bins = bins(fault, heal).filter(|&(from, until)| self.of_fair(from, until) > 0.2);
        bins.map(|(_, until)| until.since(fault)).max().unwrap_or_default()
    }

    /// How long after `heal` it got at least half of its share.
    fn first_fair(&self, heal: Moment) -> Option<Duration> {
        let last = self.journals.iter().flatten().map(|began| began.at).max()?;
        let mut bins = bins(heal, last);
        bins.find(|&(from, until)| self.of_fair(from, until) >= 0.5)
            .map(|(from, _)| from.since(heal))
    }

    /// What it began in that time beside what it would have, if all began the same; 0 if nobody began anything.
    fn of_fair(&self, from: Moment, until: Moment) -> f64 {
        let count = |journal: &Vec<Began>| {
            journal.iter().filter(|began| began.at >= from && began.at < until).count()
        };
        let all: usize = self.journals.iter().map(count).sum();
        let fair = all as f64 / self.journals.len() as f64;
        if all == 0 { 0.0 } else { count(&self.journals[self.victim]) as f64 / fair }
    }
}

fn bins(from: Moment, until: Moment) -> impl Iterator<Item = (Moment, Moment)> {
    let bins = until.since(from).as_micros() / BIN.as_micros();
    // A scenario is over in minutes.
    let bins = u32::try_from(bins).unwrap_or_default();
    (0..bins).map(move |bin| (from.after(BIN * bin), from.after(BIN * (bin + 1))))
}

const END: Moment = Moment(u64::MAX);

/// Some forty requests of the usual load.
const BIN: Duration = Duration::from_millis(250);

/// Under this nothing is felt: a busy machine is as slow as that on its own.
const FELT: Duration = Duration::from_millis(300);

/// For connections to close on both sides.
const REST_WITHIN: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(moments: &[u64]) -> Vec<Began> {
        let began = |&at: &u64| Began { at: Moment(at * 1000), id: at };
        moments.iter().map(began).collect()
    }

    #[test]
    fn a_post_that_was_begun_twice_is_found_wherever_it_was() {
        let entry = |id, method| Entry {
            id,
            method,
            due: Moment(0),
            late: Duration::ZERO,
            took: Duration::ZERO,
            class: Class::Ok,
        };
        let book = Book::of(&[1, 2, 3].map(|id| entry(id, Method::Post)))
            .and(Book::of(&[entry(4, Method::Get)]));
        let count = |journals: [&[u64]; 2]| repeated(&book, &journals.map(journal));
        assert_eq!(count([&[1, 2, 4], &[3, 4]]), 0, "a GET may be done twice");
        assert_eq!(count([&[1, 2], &[2, 3]]), 1, "by two");
        assert_eq!(count([&[1, 1, 1], &[3, 3]]), 2, "by one");
    }

    #[test]
    fn a_share_is_that_of_what_all_began() {
        let journals = [journal(&[10, 20, 300, 600]), journal(&[15, 25, 350, 610])];
        let shares = Shares { journals: &journals, victim: 1 };
        assert!((shares.of_fair(Moment(0), Moment(250_000)) - 1.0).abs() < 1e-9);
        assert!(shares.of_fair(Moment(700_000), Moment(800_000)).abs() < 1e-9);
    }

    #[test]
    fn what_is_felt_by_one_alone_is_a_trial() {
        let entry = |at: u64, took: u64| Entry {
            id: at,
            method: Method::Get,
            due: Moment(at * 1000),
            late: Duration::ZERO,
            took: Duration::from_millis(took),
            class: Class::Ok,
        };
        let entries = [entry(1000, 20), entry(1100, 400), entry(1200, 400), entry(2500, 400)];
        let book = Book::of(&entries);
        let p99 = Duration::from_millis(20);
        assert_eq!(last_felt(&book, Moment(1_000_000), p99), Duration::from_millis(200));
        assert_eq!(last_felt(&book, Moment(1_000_000), p99 * 10), Duration::ZERO);
    }

    #[test]
    fn notice_and_recovery_are_seen_in_the_shares() {
        // Both until 300 ms; then only the first; from 900 ms on both.
        let journals = [journal(&[10, 260, 510, 760, 1010, 1300]), journal(&[20, 270, 1020, 1310])];
        let shares = Shares { journals: &journals, victim: 1 };
        assert_eq!(shares.last_fair(Moment(0), Moment(1_000_000)), Duration::from_millis(500));
        assert_eq!(shares.first_fair(Moment(500_000)), Some(Duration::from_millis(500)));
        assert_eq!(shares.first_fair(Moment(2_000_000)), None);
    }
}

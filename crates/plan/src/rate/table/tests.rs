use std::sync::atomic::AtomicU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::rate::{Per, Rate};

fn quota(count: u32, per: Per, burst: u32) -> Quota {
    Quota::new(Rate { count, per }, burst)
}

/// A key of the first set, number `number` there.
fn key(number: u64) -> u64 {
    number
}

fn at(micros: u64) -> Time {
    Time::START.after(Duration::from_micros(micros))
}

/// How many of `tries` are let through.
fn let_through(table: &RateTable, quota: Quota, key: u64, now: Time, tries: u32) -> u32 {
    (0..tries).map(|_| u32::from(table.take(quota, key, now, 1).allowed)).sum()
}

/// A leaky bucket that is written down as a bucket: how full it was when.
#[derive(Default)]
struct Bucket {
    /// In microseconds of time that has to pass.
    level: u64,
    since: u64,
}

impl Bucket {
    fn take(&mut self, interval: u64, burst: u32, now: u64, cost: u32) -> bool {
        self.level = self.level.saturating_sub(now - self.since);
        self.since = now;
        let next = self.level + interval * u64::from(cost);
        let fits = next <= interval * u64::from(burst);
        if fits {
            self.level = next;
        }
        fits
    }
}

proptest! {
    #[test]
    fn a_key_is_let_through_exactly_as_a_bucket_would(
        interval in 10_u64..5_000,
        burst in 1_u32..20,
        asked in prop::collection::vec((0_u64..20_000, 1_u32..4), 1..300),
        key in any::<u64>(),
    ) {
        let quota = Quota { interval, ..quota(1, Per::Second, burst) };
        let (table, mut bucket) = (RateTable::new(64), Bucket::default());
        let mut now = 0;
        for (pause, cost) in asked {
            now += pause;
            let looked = table.look(quota, key, at(now), cost);
            let verdict = table.take(quota, key, at(now), cost);
            prop_assert_eq!(looked, verdict);
            let expected = bucket.take(interval, burst, now, cost);
            prop_assert_eq!(verdict.allowed, expected, "at {} for {}", now, cost);
            let left = interval * u64::from(burst) - bucket.level;
            prop_assert_eq!(u64::from(verdict.remaining), left / interval);
            prop_assert_eq!(verdict.reset_after.as_micros(), u128::from(bucket.level));
            if !verdict.allowed && cost <= burst {
                let until = at(now).after(verdict.retry_after);
                prop_assert!(table.look(quota, key, until, cost).allowed);
                let before = Time::from_nanos(until.as_nanos() - 1_000);
                prop_assert!(!table.look(quota, key, before, cost).allowed);
            }
        }
    }

    /// More keys than entries, asked in any order: what the table's nature allows, and no more.
    #[test]
    fn who_was_forgotten_is_let_through_once_more_and_no_burst(
        asked in prop::collection::vec((0_u64..12, 0_u64..2_000), 1..600),
    ) {
        let (table, quota) = (RateTable::new(8), quota(1000, Per::Second, 5));
        let (mut through, mut forgotten) = ([0_u64; 12], [0_u64; 12]);
        let mut now = 0;
        for (number, pause) in asked {
            now += pause;
            let (set, print) = table.place(key(number));
            let is_known = set.find(print).is_own;
            let allowed = table.take(quota, key(number), at(now), 1).allowed;
            let number = number as usize;
            prop_assert!(allowed || is_known, "a first request is let through");
            forgotten[number] += u64::from(!is_known && through[number] > 0);
            through[number] += u64::from(allowed);
            let most = 5 + now / 1000 + forgotten[number];
            prop_assert!(through[number] <= most, "{} of {most}", through[number]);
        }
    }
}

#[test]
fn keys_do_not_touch_each_other_while_there_is_room() {
    let (table, quota) = (RateTable::new(1 << 14), quota(1, Per::Hour, 3));
    let keys: Vec<u64> = (1..=1000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let mut through = vec![0; keys.len()];
    for round in 0..5 {
        for (key, through) in keys.iter().zip(&mut through) {
            *through += let_through(&table, quota, *key, at(round), 1);
        }
    }
    assert!(through.iter().all(|&through| through == 3));
}

#[test]
fn what_has_expired_is_replaced_before_anybody_is_forgotten() {
    let (table, quota) = (RateTable::new(8), quota(1, Per::Second, 2));
    for number in 0..8 {
        assert_eq!(let_through(&table, quota, key(number), at(0), 3), 2);
    }
    // A second later, key 3 has used up its quota anew; two seconds later the others have expired.
    assert_eq!(let_through(&table, quota, key(3), at(1_000_000), 3), 1);
    for number in 8..15 {
        assert_eq!(let_through(&table, quota, key(number), at(2_000_000), 3), 2);
    }
    assert_eq!(let_through(&table, quota, key(3), at(2_000_000), 3), 1);
}

#[test]
fn a_flood_of_new_keys_does_not_lift_the_limit_of_who_owes_more() {
    let (table, quota) = (RateTable::new(8), quota(1, Per::Hour, 10));
    assert_eq!(let_through(&table, quota, key(0), at(0), 20), 10);
    for number in 1..60_000 {
        let now = at(number);
        assert!(table.take(quota, key(number), now, 1).allowed, "a first request");
        if number < 60 {
            assert!(!table.take(quota, key(0), now, 1).allowed, "after {number} others");
        }
    }
}

#[test]
fn more_limited_keys_than_entries_get_one_through_each_time_they_come_back() {
    let (table, quota) = (RateTable::new(8), quota(1, Per::Hour, 10));
    for number in 0..9 {
        let burst = let_through(&table, quota, key(number), at(0), 20);
        assert_eq!(burst, if number < 8 { 10 } else { 1 }, "key {number}");
    }
    for round in 0..100 {
        let returned = let_through(&table, quota, key(round % 9), at(0), 20);
        assert!(returned <= 1, "no burst, but {returned}");
    }
}

#[test]
fn another_quota_applies_to_the_same_table_at_once() {
    let table = RateTable::new(8);
    let now = at(1_000_000);
    assert_eq!(let_through(&table, quota(1, Per::Hour, 5), key(1), now, 9), 5);
    let fast = quota(10, Per::Second, 5);
    assert!(!table.take(fast, key(1), now, 1).allowed, "it owes a whole burst, not hours");
    let later = now.after(Duration::from_millis(200));
    assert_eq!(let_through(&table, fast, key(1), later, 9), 2);
    assert_eq!(let_through(&table, quota(1, Per::Hour, 2), key(1), later, 9), 1);
}

#[test]
fn however_many_ask_at_once_no_more_than_a_burst_comes_through() {
    const WORKERS: u64 = 4;
    let (table, quota) = (RateTable::new(8), quota(1, Per::Hour, 100));
    // The keys come to their entries in a race, in one set, and all fit in it.
    let through: [AtomicU32; 8] = Default::default();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (table, through) = (&table, &through);
            scope.spawn(move || {
                for turn in 0..4_000 {
                    let number = (turn + worker) % 8;
                    let allowed = table.take(quota, key(number), at(turn), 1).allowed;
                    through[number as usize].fetch_add(u32::from(allowed), Ordering::Relaxed);
                }
            });
        }
    });
    for through in through {
        assert_eq!(through.into_inner(), 100);
    }
}

#[test]
fn a_new_key_gets_one_entry_however_many_see_it_first() {
    let quota = quota(1, Per::Hour, 1);
    for round in 0..3_000 {
        let table = RateTable::new(8);
        let through = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let (table, through) = (&table, &through);
                scope.spawn(move || {
                    // Others come and change which place is the first that is free.
                    table.take(quota, key(60_000 + worker), at(worker), 1);
                    let allowed = table.take(quota, key(round), at(worker * 2), 1).allowed;
                    through.fetch_add(u32::from(allowed), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(through.into_inner(), 1, "in round {round}");
    }
}

#[test]
fn asking_allocates_nothing_and_an_entry_has_eight_bytes() {
    let (table, quota) = (RateTable::new(64), quota(1, Per::Second, 5));
    let counted = allocation_counter::measure(|| {
        for number in 0..1000 {
            table.take(quota, number << 7, at(number), 1);
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(size_of_val(&*table.sets), table.entries() * RateTable::ENTRY_BYTES);
}

#[test]
fn a_table_has_room_for_what_was_asked_within_bounds() {
    for (asked, room) in [(0, 8), (8, 8), (9, 16), (65_536, 65_536), (u32::MAX, 1 << 24)] {
        assert_eq!(RateTable::room(asked), room);
    }
    assert_eq!(RateTable::new(100).entries(), 128);
}

#[test]
fn when_the_clock_of_the_table_ends_everything_may_happen() {
    let (table, quota) = (RateTable::new(8), quota(1, Per::Hour, 1));
    let end = Time::from_nanos(TAT_MAX.saturating_mul(1000));
    assert_eq!(let_through(&table, quota, key(1), end, 5), 5);
}

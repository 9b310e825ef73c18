use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn at(millis: u32) -> Time {
    Time::START.after(MS * millis)
}

/// Judged after 10 ms without a break.
fn limits(pending: u32) -> Limits {
    Limits { pending, pending_wait: MS * 100, ..Limits::default() }
}

fn enter(queue: &mut Queue<u32>, importance: Importance, millis: u32, name: u32) -> Ticket {
    match queue.enter((importance, false), &limits(200), at(millis), name) {
        Entered::Waits(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// All look for room, and find none.
fn look(queue: &mut Queue<u32>, tickets: &[Ticket]) {
    for ticket in tickets {
        queue.look(*ticket);
    }
}

/// Calls all in their order.
fn called(queue: &mut Queue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.call().copied()).collect()
}

#[test]
fn the_oldest_comes_first_until_more_have_come_than_got_in_for_a_while() {
    for (last, expected) in [(9, [1, 2, 3]), (10, [3, 2, 1])] {
        let mut queue = Queue::default();
        let tickets = [(0, 1), (5, 2), (last, 3)]
            .map(|(millis, name)| enter(&mut queue, Importance::Normal, millis, name));
        look(&mut queue, &tickets);
        assert_eq!(called(&mut queue), expected);
    }
}

#[test]
fn a_queue_that_was_empty_begins_anew_with_the_oldest() {
    let mut queue = Queue::default();
    let first = enter(&mut queue, Importance::Normal, 0, 1);
    queue.leave(first);
    let tickets = [11, 12].map(|name| enter(&mut queue, Importance::Normal, name, name));
    look(&mut queue, &tickets);
    assert_eq!(called(&mut queue), [11, 12]);
}

#[test]
fn where_as_many_get_in_as_come_the_oldest_comes_first_however_long_it_is() {
    let mut queue = Queue::default();
    let mut waiting: std::collections::VecDeque<Ticket> =
        (1..=100).map(|name| enter(&mut queue, Importance::Normal, 0, name)).collect();
    // Judged at 10 ms: a hundred have come at once, and few have got in. From then on each that gets in makes room for one more.
    for (millis, name) in (1..=60).zip(101..) {
        let first = waiting.pop_front().unwrap();
        queue.admit(first);
        waiting.push_back(enter(&mut queue, Importance::Normal, millis, name));
        assert_eq!(queue.newest_first(), (10..20).contains(&millis), "{millis}");
    }
    // Three come for each two that get in.
    for (millis, name) in (61..=90).zip(201..) {
        if millis % 3 != 0 {
            queue.admit(waiting.pop_front().unwrap());
        }
        waiting.push_back(enter(&mut queue, Importance::Normal, millis, name));
    }
    assert!(queue.newest_first());
}

#[test]
fn the_important_come_first_however_long_it_is() {
    for last in [1, 50] {
        let mut queue = Queue::default();
        let order = [Importance::Low, Importance::Normal, Importance::High];
        let tickets = [0, 0, last];
        let tickets: Vec<Ticket> = order
            .into_iter()
            .zip(tickets)
            .zip(1..)
            .map(|((importance, millis), name)| enter(&mut queue, importance, millis, name))
            .collect();
        look(&mut queue, &tickets);
        assert_eq!(called(&mut queue), [3, 2, 1]);
    }
}

#[test]
fn who_comes_first_looks_at_once_and_who_comes_later_waits_for_a_call() {
    let mut queue = Queue::default();
    let first = enter(&mut queue, Importance::Normal, 0, 1);
    let second = enter(&mut queue, Importance::Normal, 0, 2);
    let urgent = enter(&mut queue, Importance::High, 0, 3);
    assert_eq!(queue.look(first), Standing::Called);
    assert_eq!(queue.look(first), Standing::Waiting);
    assert_eq!(queue.look(second), Standing::Waiting);
    assert_eq!(queue.look(urgent), Standing::Called);
    assert!(!queue.leave(urgent));
    assert_eq!(queue.call(), Some(&1));
    assert!(queue.leave(first), "a call that nobody has followed goes on");
    assert_eq!(queue.call(), Some(&2));
}

/// Who waits, whether the queue is outgrown, who comes, and who is refused.
#[test]
fn when_it_is_full_who_would_be_called_last_is_refused() {
    use Importance::{High, Low, Normal};
    let cases: [(&[Importance], bool, Importance, Option<u32>); 9] = [
        (&[Normal, Normal], false, Normal, None),
        (&[Normal, Normal], true, Normal, Some(1)),
        (&[Normal, Low], false, Normal, Some(2)),
        (&[Low, Normal], true, Normal, Some(1)),
        (&[High, High], true, Normal, None),
        (&[High, High], true, High, Some(1)),
        (&[Low, Low], false, High, Some(2)),
        (&[Low, Low], true, High, Some(1)),
        (&[], true, High, None),
    ];
    for (waiting, is_outgrown, comes, refused) in cases {
        let mut queue = Queue::default();
        let names: Vec<u32> = (1..).take(waiting.len()).collect();
        for (importance, name) in waiting.iter().zip(names) {
            enter(&mut queue, *importance, 0, name);
        }
        let limits = limits(u32::try_from(waiting.len()).unwrap());
        let millis = if is_outgrown { 10 } else { 0 };
        let entered = queue.enter((comes, false), &limits, at(millis), 9);
        let displaced = match entered {
            Entered::Instead(_, name) => Some(name),
            Entered::Refused => None,
            Entered::Waits(_) => panic!("{waiting:?} had room"),
        };
        assert_eq!(displaced, refused, "{waiting:?} {is_outgrown} {comes:?}");
        assert_eq!(queue.len(), waiting.len());
    }
}

#[test]
fn one_that_was_displaced_is_told_so() {
    let mut queue = Queue::default();
    let low = enter(&mut queue, Importance::Low, 0, 1);
    let entered = queue.enter((Importance::High, false), &limits(1), at(0), 2);
    assert!(matches!(entered, Entered::Instead(_, 1)));
    assert_eq!(queue.look(low), Standing::Displaced);
    assert!(!queue.leave(low));
    assert_eq!(queue.len(), 1);
}

#[test]
fn one_who_waits_for_a_part_of_the_endpoints_holds_up_nobody() {
    let mut queue = Queue::default();
    let Entered::Waits(bound) = queue.enter((Importance::Normal, true), &limits(10), at(0), 1)
    else {
        panic!("there is room");
    };
    let free = enter(&mut queue, Importance::Normal, 0, 2);
    assert_eq!(queue.look(free), Standing::Called, "it looks for room of its own");
    assert_eq!(queue.look(bound), Standing::Called);
    assert_eq!(queue.call(), Some(&1));
    assert_eq!(queue.look(bound), Standing::Called);
    assert_eq!(queue.call_after(bound), Some(&2));
    assert_eq!(queue.call_after(bound), None);
}

#[test]
fn all_are_called_when_the_limits_are_others() {
    let mut queue = Queue::default();
    let tickets = [1, 2, 3].map(|name| enter(&mut queue, Importance::Normal, 0, name));
    assert_eq!(queue.call_all().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(tickets.into_iter().all(|ticket| queue.look(ticket) == Standing::Called));
}

proptest! {
    /// Whatever comes and goes: no more wait than may, each is called once for each call, and nobody is forgotten.
    #[test]
    fn nobody_is_lost_and_no_more_wait_than_may(
        steps in prop::collection::vec((0_u8..4, 0_usize..3, 0_u32..30), 1..200),
        pending in 0_u32..6,
    ) {
        let mut queue = Queue::default();
        let (limits, mut millis, mut waiting) = (limits(pending), 0, Vec::new());
        for (step, which, pause) in steps {
            millis += pause;
            let importance = [Importance::High, Importance::Normal, Importance::Low][which];
            match step {
                0 | 1 => match queue.enter((importance, false), &limits, at(millis), millis) {
                    Entered::Waits(ticket) => waiting.push(ticket),
                    Entered::Instead(ticket, _) => {
                        waiting.push(ticket);
                        waiting.retain(|&ticket| queue.entry(ticket).is_some());
                    }
                    Entered::Refused => prop_assert_eq!(queue.len(), pending as usize),
                },
                2 if !waiting.is_empty() => {
                    let ticket = waiting.swap_remove(which % waiting.len());
                    queue.leave(ticket);
                }
                _ => {
                    queue.call();
                }
            }
            prop_assert!(queue.len() <= pending as usize);
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert_eq!(queue.is_empty(), queue.flow.is_none());
        }
    }
}

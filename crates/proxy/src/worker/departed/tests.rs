use std::sync::Arc;

use evenkeel_plan::{Listener, Plan};

use super::*;
use crate::fixture::listener;

fn world(names: impl Iterator<Item = u32>) -> Rc<World> {
    let listener = |name: u32| Listener { name: name.to_string().into(), ..listener() };
    let listeners = names.map(|name| Arc::new(listener(name))).collect();
    Rc::new(World::new(Arc::new(Plan { listeners, ..Plan::default() }), 0, None))
}

#[test]
fn a_listener_that_is_gone_is_remembered_for_a_while_unless_it_comes_back() {
    let (departures, now) = (Departures::default(), Instant::now());
    let (both, one) = (world(0..2), world(0..1));
    assert!(departures.note(&both, &one, now));
    assert!(departures.world_with("0").is_none());
    assert!(Rc::ptr_eq(&departures.world_with("1").unwrap(), &both));
    departures.sweep(now + KEPT / 2);
    assert!(!departures.note(&one, &both, now), "it is back");
    assert!(departures.world_with("1").is_none());
    assert!(departures.note(&both, &one, now));
    departures.sweep(now + KEPT);
    assert!(departures.world_with("1").is_none());
}

/// Each name was looked for in the whole list, and the worker's clients waited for seconds.
#[test]
fn twenty_thousand_listeners_that_go_at_once_are_noted_at_once() {
    let (departures, now) = (Departures::default(), Instant::now());
    let (before, after) = (world(0..20_000), world(20_000..40_000));
    let began = Instant::now();
    assert!(departures.note(&before, &after, now));
    let all_there = (0..20_000).all(|name| departures.world_with(&name.to_string()).is_some());
    // Going through all for each takes many times as long.
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(all_there);
}

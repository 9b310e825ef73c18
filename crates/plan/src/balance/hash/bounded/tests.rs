use proptest::prelude::*;

use super::cap;
use crate::balance::hash::maglev::TableSize;
use crate::balance::hash::stable::mix;
use crate::balance::hash::{Maglev, Node, Rendezvous, Ring};

#[test]
fn a_cap_is_the_share_of_what_is_in_flight_and_a_bit_more() {
    for (factor, in_flight, weight, weights, expected) in [
        (1.25, 0, 1, 10, 1),
        (1.25, 7, 1, 10, 1),
        (1.25, 8, 1, 10, 2),
        (1.25, 99, 1, 10, 13),
        (1.25, 99, 3, 10, 38),
        (2.0, 99, 1, 10, 20),
        (1.0, 9, 1, 10, 1),
        (1.0, 10, 1, 10, 2),
        // What makes no sense does no harm.
        (0.0, 9, 1, 10, 1),
        (-1.0, 99, 1, 10, 10),
        (f64::NAN, 99, 1, 10, 10),
        (f64::INFINITY, 0, 1, 10, u32::MAX),
        (1.25, u32::MAX, u32::MAX, 1, u32::MAX),
        (1.25, 5, 0, 0, 1),
        (f64::INFINITY, 5, 0, 10, 1),
    ] {
        let found = cap(factor, in_flight, weight, weights);
        assert_eq!(found, expected, "{factor} {in_flight} {weight}/{weights}");
    }
}

type Lookup = Box<dyn Fn(u64, &dyn Fn(u32) -> bool) -> Option<u32>>;

fn tables(nodes: &[Node<'_>]) -> [Lookup; 3] {
    let ring = Ring::new(nodes, 16);
    let maglev = Maglev::new(nodes, TableSize::new(251).unwrap());
    let rendezvous = Rendezvous::new(nodes);
    [
        Box::new(move |hash, admits| ring.lookup(hash, admits)),
        Box::new(move |hash, admits| maglev.lookup(hash, admits)),
        Box::new(move |hash, admits| rendezvous.lookup(hash, admits)),
    ]
}

/// What happens: an exchange with that key comes, or one of those in flight ends.
#[derive(Clone, Copy, Debug)]
enum Event {
    Comes(u64),
    Ends(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        // Few keys, so that many exchanges want the same endpoint.
        3 => (0..6_u64).prop_map(|key| Event::Comes(mix(0, key))),
        2 => any::<prop::sample::Index>().prop_map(Event::Ends),
    ]
}

proptest! {
    /// A cap sinks when others' exchanges end; who has more than that by then keeps them, and gets no new one.
    #[test]
    fn everybody_is_placed_and_nobody_gets_one_above_the_cap(
        weights in prop::collection::vec(1..6_u32, 1..12),
        events in prop::collection::vec(event(), 1..300),
        factor in prop_oneof![Just(1.25), Just(1.0), 1.0..3.0],
    ) {
        let names: Vec<String> = (0..weights.len()).map(|number| number.to_string()).collect();
        let nodes: Vec<Node<'_>> = (0..).zip(names.iter().zip(&weights))
            .map(|(position, (name, &weight))| Node { name, weight, position })
            .collect();
        let weights_total = weights.iter().copied().map(u64::from).sum();
        for lookup in tables(&nodes) {
            let mut in_flight = vec![0_u32; weights.len()];
            let mut running: Vec<u32> = Vec::new();
            for event in &events {
                let key = match event {
                    Event::Comes(key) => *key,
                    Event::Ends(_) if running.is_empty() => continue,
                    Event::Ends(which) => {
                        in_flight[running.swap_remove(which.index(running.len())) as usize] -= 1;
                        continue;
                    }
                };
                let cap_of = |position: u32| {
                    let weight = weights[position as usize];
                    cap(factor, running.len() as u32, weight, weights_total)
                };
                let admits = |position: u32| in_flight[position as usize] < cap_of(position);
                let placed = lookup(key, &admits);
                prop_assert!(placed.is_some(), "{running:?}");
                let position = placed.unwrap_or_default();
                prop_assert!(in_flight[position as usize] < cap_of(position));
                in_flight[position as usize] += 1;
                running.push(position);
            }
        }
    }
}

//! Who gets work, where not all are well; pure. Asked for the status.
//!
//! The balancers decide it, in `plan`, by the same order: whoever is well; where nobody is, whoever is not down; where too few are up,
//! everybody.

use evenkeel_plan::balance::Census;

use super::{EndpointState, EndpointStatus};

/// How many of a cluster's endpoints get work.
pub(super) fn count(endpoints: &[EndpointStatus], census: Census) -> usize {
    let well = endpoints.iter().filter(|each| is_well(each)).count();
    match (census.panics, well) {
        (true, _) => census.all,
        (false, 0) => least_bad(endpoints).count(),
        (false, well) => well,
    }
}

/// Why some do that are not well, though not down either; `None` if none do.
pub(super) fn last_resort(endpoints: &[EndpointStatus], census: Census) -> Option<String> {
    let used = least_bad(endpoints).count();
    if census.panics || used == 0 || endpoints.iter().any(is_well) {
        return None;
    }
    let is_tripped = |each: &EndpointStatus| each.state == EndpointState::Tripped;
    let why = if least_bad(endpoints).all(is_tripped) {
        "all breakers are open".to_owned()
    } else {
        "no endpoint is well".to_owned()
    };
    let who = match used {
        used if used == endpoints.len() => "any may get work".to_owned(),
        1 => "the one that is not down gets all the work".to_owned(),
        used => format!("any of the {used} that are not down may get work"),
    };
    Some(format!("{why}: {who}"))
}

fn is_well(endpoint: &EndpointStatus) -> bool {
    matches!(endpoint.state, EndpointState::Up | EndpointState::Unchecked) && endpoint.weight > 0
}

/// Those that are to get no work as long as there is another one, of the first priority that has any; backups are the last.
fn least_bad(endpoints: &[EndpointStatus]) -> impl Iterator<Item = &EndpointStatus> {
    let is_barred = |each: &&EndpointStatus| {
        let barred = [EndpointState::Ejected, EndpointState::Suspect, EndpointState::Tripped];
        barred.contains(&each.state) && each.weight > 0
    };
    let rank = |each: &EndpointStatus| (each.backup, each.priority);
    let barred = endpoints.iter().filter(is_barred);
    let first = barred.clone().map(rank).min();
    barred.filter(move |each| Some(rank(each)) == first)
}

#[cfg(test)]
mod tests {
    use EndpointState::{Down, Draining, Ejected, Suspect, Tripped, Unchecked, Up};

    use super::*;
    use crate::fixture::endpoint_status;

    #[test]
    fn whoever_is_well_gets_the_work_and_where_nobody_is_whoever_is_not_down() {
        let breakers = "all breakers are open: any may get work";
        let ejected = "no endpoint is well: any may get work";
        let two = "all breakers are open: any of the 2 that are not down may get work";
        let one = "no endpoint is well: the one that is not down gets all the work";
        for (states, working, why) in [
            (&[Up, Unchecked, Down][..], 2, None),
            (&[Up, Tripped, Tripped], 1, None),
            (&[Tripped, Tripped, Tripped], 3, Some(breakers)),
            (&[Tripped, Ejected, Suspect], 3, Some(ejected)),
            (&[Tripped, Tripped, Down], 2, Some(two)),
            (&[Suspect, Draining, Down], 1, Some(one)),
            (&[Draining, Down, Down], 0, None),
        ] {
            let endpoints: Vec<_> = states.iter().map(|&state| endpoint_status(state)).collect();
            let census = Census { all: 3, well: 0, panics: false };
            assert_eq!(count(&endpoints, census), working, "{states:?}");
            assert_eq!(last_resort(&endpoints, census).as_deref(), why, "{states:?}");
            let census = Census { panics: true, ..census };
            assert_eq!(count(&endpoints, census), 3, "all are used: {states:?}");
            assert_eq!(last_resort(&endpoints, census), None, "{states:?}");
        }
    }

    #[test]
    fn what_weighs_nothing_gets_nothing_and_those_of_a_later_priority_wait_for_their_turn() {
        let tripped = || endpoint_status(Tripped);
        let census = Census { all: 3, well: 0, panics: false };
        for (other, working) in [
            (EndpointStatus { weight: 0, ..tripped() }, 1),
            (EndpointStatus { priority: 1, ..tripped() }, 1),
            (EndpointStatus { backup: true, ..tripped() }, 1),
            (EndpointStatus { backup: true, ..endpoint_status(Up) }, 1),
            (tripped(), 2),
        ] {
            assert_eq!(count(&[tripped(), other], census), working);
        }
    }
}

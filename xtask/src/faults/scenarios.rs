//! All scenarios, in the order in which they are told. Played by [`super::run`].

mod bodies;
mod churn;
mod closing;
mod crowds;
mod failing;
mod flapping;
mod freezing;
mod killing;
mod logs;
mod overload;
mod pools;
mod slowness;
mod unreachable;

use super::scenario::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    let groups: [fn() -> Vec<Scenario>; 13] = [
        killing::scenarios,
        freezing::scenarios,
        unreachable::scenarios,
        closing::scenarios,
        pools::scenarios,
        slowness::scenarios,
        bodies::scenarios,
        flapping::scenarios,
        failing::scenarios,
        churn::scenarios,
        crowds::scenarios,
        logs::scenarios,
        overload::scenarios,
    ];
    groups.into_iter().flat_map(|group| group()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_says_what_it_does() {
        let scenarios = all();
        let names: HashSet<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), scenarios.len());
        for Scenario { name, what, goal, balancers, .. } in scenarios {
            assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'));
            assert!(what.ends_with('.') && goal.ends_with('.'), "{name}");
            assert_eq!(format!("{:?}", balancers[0]), "Evenkeel", "{name}");
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::config::diff;
use crate::fixture::{config, endpoint};

#[test]
fn each_change_shows_in_the_config_and_the_next_one_sees_it() {
    let base = base();
    let mut overrides = Overrides::default();
    for (change, names, text) in [
        (add("a:3"), vec!["a:1", "a:2", "a:3"], "added"),
        (remove("a:1"), vec!["a:2", "a:3"], "removed"),
        (remove("a:3"), vec!["a:2"], ""),
        (add("a:1"), vec!["a:1", "a:2"], ""),
        (weight("a:1", Some(7)), vec!["a:1", "a:2"], "weight 7"),
        (force("a:1", Some(Forced::Drain)), vec!["a:1", "a:2"], "weight 7, drained"),
        (weight("a:1", None), vec!["a:1", "a:2"], "drained"),
        (force("a:1", None), vec!["a:1", "a:2"], ""),
    ] {
        overrides = overrides.with(&base, &change).unwrap();
        let now = overrides.over(&base);
        let mut seen: Vec<&str> =
            now.clusters[0].endpoints.iter().map(|each| each.name.as_str()).collect();
        seen.sort_unstable();
        assert_eq!(seen, names, "{change:?}");
        let status = overrides.status(&base);
        let about = status.iter().find(|each| each.endpoint == change.target().1);
        assert_eq!(about.map_or("", |about| &about.text), text, "{change:?}");
    }
    assert_eq!(overrides, Overrides::default());
    assert_eq!(diff(&base, &overrides.over(&base)), [""; 0]);
}

#[test]
fn all_endpoints_of_the_file_can_be_replaced_whatever_their_names() {
    let base = base();
    for new in ["A:0", "b:9"] {
        let overrides = [add(new), remove("a:1"), remove("a:2")]
            .iter()
            .try_fold(Overrides::default(), |overrides, change| overrides.with(&base, change));
        let now = overrides.unwrap().over(&base);
        let names: Vec<&str> =
            now.clusters[0].endpoints.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, [new]);
    }
}

#[test]
fn what_cannot_be_done_is_refused_and_says_why() {
    let base = base();
    let one = Overrides::default().with(&base, &remove("a:1")).unwrap();
    let elsewhere = Change::Remove { cluster: "apo".to_owned(), endpoint: "a:1".to_owned() };
    for (change, refusal) in [
        (elsewhere, "there is no cluster \"apo\"; did you mean \"api\"?"),
        (remove("a:1"), "cluster \"api\" has no endpoint \"a:1\"; did you mean \"a:2\"?"),
        (weight("zzz:80", Some(1)), "cluster \"api\" has no endpoint \"zzz:80\"; there are: a:2"),
        (add("a:2"), "has endpoint \"a:2\" already"),
        (remove("a:2"), "\"a:2\" is the last endpoint of cluster \"api\""),
        (
            weight("a:2", Some(0)),
            "\"a:2\" is the last endpoint of cluster \"api\" that weighs something",
        ),
    ] {
        let refused = one.with(&base, &change).unwrap_err().to_string();
        assert!(refused.contains(refusal), "{refused}");
    }
}

#[test]
fn an_override_that_the_file_has_overtaken_stays_and_changes_nothing() {
    let base = base();
    let overrides = Overrides::default()
        .with(&base, &add("a:3"))
        .and_then(|overrides| overrides.with(&base, &remove("a:1")))
        .and_then(|overrides| overrides.with(&base, &weight("a:2", Some(9))))
        .unwrap();
    let later = config(&[("web", "api")], &[("api", &["a:3", "a:4"])]);
    assert_eq!(overrides.over(&later), later);
    assert!(overrides.status(&later).iter().all(|each| each.idle), "{overrides:?}");
    let gone = config(&[("web", "new")], &[("new", &["a:1"])]);
    assert_eq!(overrides.over(&gone), gone);
    assert!(overrides.status(&base).iter().all(|each| !each.idle));
}

#[test]
fn an_override_that_the_file_has_overtaken_can_be_forgotten() {
    let base = base();
    let weighed = Overrides::default().with(&base, &weight("a:2", Some(9))).unwrap();
    for later in [
        config(&[("web", "api")], &[("api", &["a:1"])]),
        config(&[("web", "new")], &[("new", &["a:1"])]),
    ] {
        assert_eq!(weighed.with(&later, &weight("a:2", None)).unwrap(), Overrides::default());
    }
}

#[test]
fn more_overrides_than_anybody_can_look_through_are_refused() {
    let names: Vec<String> =
        (0..=OVERRIDES_MAX).map(|number| format!("a:{}", number + 1)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let base = config(&[("web", "api")], &[("api", &names)]);
    let mut overrides = Overrides::default();
    for name in &names[..OVERRIDES_MAX] {
        overrides.set("api", name, Override { weight: Some(2), ..Override::default() });
    }
    assert!(overrides.with(&base, &weight(names[0], Some(3))).is_ok());
    let refused = overrides.with(&base, &weight(names[OVERRIDES_MAX], Some(3))).unwrap_err();
    assert!(refused.to_string().contains("--persist"), "{refused}");
}

#[test]
fn an_added_endpoint_that_the_file_has_too_weighs_what_is_asked_for() {
    let added = Change::Add {
        cluster: "api".to_owned(),
        endpoint: EndpointConfig { weight: 3, ..endpoint("a:3") },
    };
    let overrides = Overrides::default().with(&base(), &added).unwrap();
    let later = config(&[("web", "api")], &[("api", &["a:1", "a:3"])]);
    let weight_after = |change: &Change| {
        let now = overrides.with(&later, change).unwrap().over(&later);
        find(&now.clusters[0].endpoints, "a:3").unwrap().weight
    };
    assert_eq!(weight_after(&weight("a:3", Some(1))), 1);
    assert_eq!(weight_after(&weight("a:3", Some(5))), 5);
    assert_eq!(weight_after(&weight("a:3", None)), 1, "as the file says");
}

#[test]
fn no_override_leaves_a_cluster_without_anybody_to_work() {
    let base = base();
    let light = Overrides::default().with(&base, &weight("a:1", Some(0))).unwrap();
    let removed = Overrides::default().with(&base, &remove("a:1")).unwrap();
    let alone = config(&[("web", "api")], &[("api", &["a:1"])]);
    assert_eq!(light.over(&alone), alone);
    assert!(light.status(&alone)[0].idle);
    let mut drained = base;
    drained.clusters[0].endpoints[1].weight = 0;
    assert_eq!(removed.over(&drained), drained);
}

#[test]
fn the_last_endpoint_stays_when_the_file_has_lost_all_others() {
    let base = base();
    let overrides = Overrides::default().with(&base, &remove("a:1")).unwrap();
    let later = config(&[("web", "api")], &[("api", &["a:1"])]);
    assert_eq!(overrides.over(&later), later);
}

#[test]
fn what_stayed_as_the_last_goes_when_another_comes_whatever_they_are_called() {
    let later = config(&[("web", "api")], &[("api", &["a:1"])]);
    for newcomer in ["a:0", "a:9"] {
        let removed = Overrides::default().with(&base(), &remove("a:1")).unwrap();
        assert!(removed.status(&later)[0].idle);
        let (edits, left) = removed.edits(&later);
        assert!(edits.is_empty() && left == removed, "the file must not lose its last endpoint");
        let overrides = removed.with(&later, &add(newcomer)).unwrap();
        let now = overrides.over(&later);
        assert_eq!(now, config(&[("web", "api")], &[("api", &[newcomer])]));
        assert!(overrides.status(&later).iter().all(|each| !each.idle), "{overrides:?}");
    }
}

#[test]
fn a_file_takes_over_what_it_can_say() {
    let base = base();
    let changes = [
        add("a:3"),
        weight("a:3", Some(4)),
        remove("a:1"),
        weight("a:2", Some(2)),
        force("a:2", Some(Forced::Up)),
    ];
    let overrides = changes
        .iter()
        .fold(Overrides::default(), |overrides, change| overrides.with(&base, change).unwrap());
    let (edits, left) = overrides.edits(&base);
    let added = EndpointConfig { weight: 4, ..endpoint("a:3") };
    let expected = [
        ("api", "a:1", Edit::Remove),
        ("api", "a:2", Edit::Weight(2)),
        ("api", "a:3", Edit::Add(added)),
    ];
    assert_eq!(edits, expected);
    assert_eq!(left.status(&base)[0].text, "up");
}

proptest! {
    /// Whatever is asked for, in whatever order: no cluster is left empty, no name is there twice, and what was refused has
    /// changed nothing.
    #[test]
    fn any_changes_leave_a_config_that_can_run(changes in prop::collection::vec(changes(), 0..60)) {
        let base = base();
        let mut overrides = Overrides::default();
        for change in changes {
            let accepted = overrides.with(&base, &change).map(|changed| overrides = changed);
            let now = overrides.over(&base);
            if let (Ok(()), Change::Weight { endpoint, weight: Some(weight), .. }) = (accepted, &change) {
                prop_assert_eq!(find(&now.clusters[0].endpoints, endpoint).map(|it| it.weight), Some(*weight));
            }
            for cluster in &now.clusters {
                let mut names: Vec<&str> =
                    cluster.endpoints.iter().map(|each| each.name.as_str()).collect();
                prop_assert!(!names.is_empty());
                names.sort_unstable();
                let count = names.len();
                names.dedup();
                prop_assert_eq!(names.len(), count);
            }
            let untouched = overrides.status(&base).is_empty();
            prop_assert_eq!(untouched, now == base, "{:?}", overrides);
        }
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let endpoints = prop::sample::select(vec!["a:1", "a:2", "a:3", "b:1"]);
    let forced = prop::sample::select(vec![None, Some(Forced::Drain), Some(Forced::Up)]);
    (endpoints, 0..5, 0..3_u32, forced).prop_map(|(name, kind, number, forced)| match kind {
        0 => add(name),
        1 => remove(name),
        2 => weight(name, (number > 0).then_some(number)),
        3 => Change::Add {
            cluster: "api".to_owned(),
            endpoint: EndpointConfig { weight: number, backup: number == 2, ..endpoint(name) },
        },
        _ => force(name, forced),
    })
}

fn base() -> Config {
    config(&[("web", "api")], &[("api", &["a:1", "a:2"])])
}

fn add(name: &str) -> Change {
    Change::Add { cluster: "api".to_owned(), endpoint: endpoint(name) }
}

fn remove(name: &str) -> Change {
    Change::Remove { cluster: "api".to_owned(), endpoint: name.to_owned() }
}

fn weight(name: &str, weight: Option<u32>) -> Change {
    Change::Weight { cluster: "api".to_owned(), endpoint: name.to_owned(), weight }
}

fn force(name: &str, forced: Option<Forced>) -> Change {
    Change::Force { cluster: "api".to_owned(), endpoint: name.to_owned(), forced }
}

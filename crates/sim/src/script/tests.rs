use super::*;
use crate::load::{Arrivals, Load};

fn script(events: &[&str]) -> Result<Script, Mistake> {
    let events = events.iter().map(|text| text.parse().unwrap()).collect();
    Script::of(&Scenario { events, ..Scenario::default() })
}

fn at(script: &Script, name: &str, seconds: f64) -> Condition {
    let position = script.endpoints.iter().position(|endpoint| endpoint.name == name).unwrap();
    script.condition(position, Time::START.after(Duration::from_secs_f64(seconds)))
}

#[test]
fn each_event_holds_for_its_time_and_its_endpoints() {
    let script = script(&[
        "slow s1@10s..20s=x8",
        "slow all@15s..20s=x2",
        "freeze s2@1s..2s",
        "errors s2@1s..3s=20%",
        "errors s2@2s..3s=10%",
        "fast-fail s3@5s",
        "cold s4@10s=x5,10s",
    ]);
    let script = script.unwrap();
    let slow: Vec<f64> = [9.9, 10.0, 15.0, 20.0].map(|time| at(&script, "s1", time).slow).into();
    assert_eq!(slow, [1.0, 8.0, 16.0, 1.0]);
    let s2 = |time| at(&script, "s2", time);
    assert_eq!(
        (s2(1.0).frozen, s2(2.0).frozen, s2(2.5).errors, s2(3.0).errors),
        (true, false, 0.2, 0.0)
    );
    assert!(at(&script, "s3", 1e6).fails_fast && !at(&script, "s3", 4.9).fails_fast);
    let cold = |time: f64| {
        let now = Time::START.after(Duration::from_secs_f64(time));
        at(&script, "s4", time).cold.map(|cold| cold.factor(now))
    };
    assert_eq!([9.9, 10.0, 15.0, 20.0].map(cold), [None, Some(5.0), Some(3.0), None]);
    assert_eq!(at(&script, "s5", 12.0), Condition::WELL);
    let moments: Vec<u64> =
        script.moments().iter().map(|at| at.as_nanos() / 1_000_000_000).collect();
    assert_eq!(moments, [1, 2, 3, 5, 10, 15, 20]);
}

#[test]
fn a_kill_ends_with_the_next_revival_or_by_itself() {
    let script =
        script(&["kill s1,s2@1s", "revive s1@3s", "kill s3@1s..2s", "kill s1@5s"]).unwrap();
    let dead = |name: &str| [0.5, 1.5, 2.5, 3.5, 5.5].map(|time| at(&script, name, time).dead);
    assert_eq!(dead("s1"), [false, true, true, false, true]);
    assert_eq!(dead("s2"), [false, true, true, true, true]);
    assert_eq!(dead("s3"), [false, true, false, false, false]);
    assert_eq!(script.afflictions[0].until, NEVER);
    assert_eq!(script.afflictions.len(), 3);
}

#[test]
fn one_that_flaps_is_dead_for_the_first_half_of_each_period() {
    let script = script(&["flap s1@10s..13s=2s"]).unwrap();
    let dead = [9.9, 10.0, 10.9, 11.0, 12.5, 13.0, 14.5].map(|time| at(&script, "s1", time).dead);
    assert_eq!(dead, [false, true, true, false, true, false, false]);
}

#[test]
fn endpoints_come_and_go() {
    let script =
        script(&["add s6@20s", "remove s1@5s..10s", "remove s2@5s", "add s2@7s", "add s7@1s..2s"]);
    let script = script.unwrap();
    let there =
        |name: &str| [0.0, 1.5, 5.5, 7.5, 10.0, 20.0].map(|time| at(&script, name, time).present);
    assert_eq!(there("s6"), [false, false, false, false, false, true]);
    assert_eq!(there("s1"), [true, true, false, false, true, true]);
    assert_eq!(there("s2"), [true, true, false, true, true, true]);
    assert_eq!(there("s7"), [false, true, false, false, false, false]);
    assert_eq!(script.endpoints[5], EndpointModel::new("s6", Some(1)));
}

#[test]
fn events_alone_make_a_script_that_has_no_end() {
    let events = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let script = Script::of_events(2, events(&["slow s2@10s=x8", "kill s1@5000h"])).unwrap();
    let late = Time::START.after(Duration::from_hours(6000));
    assert_eq!((script.condition(0, late).dead, script.condition(1, late).slow), (true, 8.0));
    assert_eq!(script.condition(2, late), Condition::WELL);
    assert_eq!(script.moments().len(), 2);
    let mistake = Script::of_events(2, events(&["kill s3@1s"])).unwrap_err().to_string();
    assert!(mistake.contains("there is no endpoint `s3`; there are s1, s2"), "{mistake}");
    let mistake = Script::of_events(1, events(&["flap s1@1s=2s"])).unwrap_err().to_string();
    assert!(mistake.contains("flaps more than 1000 times"), "{mistake}");
}

#[test]
fn mistakes_are_named_with_a_correct_example() {
    let table: [(&[&str], &str); 4] = [
        (&["kill s9@1s"], "there is no endpoint `s9`; there are s1, s2, s3, s4, s5"),
        (&["revive s1@1s"], "nobody is dead"),
        (&["kill s1@2s", "revive s1@1s"], "nobody is dead"),
        (&["flap s1@1s=1ms"], "flaps more than 1000 times"),
    ];
    for (events, said) in table {
        let mistake = script(events).unwrap_err().to_string();
        assert!(mistake.contains(said) && mistake.contains("such as"), "{mistake}");
    }
    let twice = Scenario {
        endpoints: vec![EndpointModel::new("a", None), EndpointModel::new("a", None)],
        ..Scenario::default()
    };
    assert_eq!(twice.check().unwrap_err().to_string(), "two endpoints are named `a`");
    let replay = Scenario {
        load: Load { arrivals: Arrivals::Replay([].into()), ..Load::default() },
        events: vec!["rps 5@1s".parse().unwrap()],
        ..Scenario::default()
    };
    let mistake = replay.check().unwrap_err().to_string();
    assert_eq!(mistake, "`rps 5@1s`: a replayed load has its own rate");
}

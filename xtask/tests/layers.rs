//! The edges between our own crates are the design's; a new one is a decision, with a page in
//! `docs/decisions`.

#![allow(clippy::expect_used, reason = "all of this file is a test")]

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use serde_json::Value;

/// A crate, what it may depend on, and what its tests may besides.
type Layer = (&'static str, &'static [&'static str], &'static [&'static str]);

const LAYERS: &[Layer] = &[
    ("evenkeel-proto", &[], &[]),
    ("evenkeel-plan", &["evenkeel-proto"], &[]),
    ("evenkeel-proxy", &["evenkeel-plan", "evenkeel-proto"], &["evenkeel-testkit"]),
    ("evenkeel-control", &["evenkeel-plan", "evenkeel-proto"], &["evenkeel-testkit"]),
    ("evenkeel-sim", &["evenkeel-plan", "evenkeel-proto"], &[]),
    (
        "evenkeel",
        &["evenkeel-control", "evenkeel-plan", "evenkeel-proto", "evenkeel-proxy", "evenkeel-sim"],
        &["evenkeel-testkit"],
    ),
    ("evenkeel-testkit", &[], &[]),
    ("xtask", &["evenkeel-testkit"], &[]),
];

/// Time, randomness and sockets are arguments of these, so that decisions can be replayed.
const PURE: &[&str] = &["evenkeel-proto", "evenkeel-plan", "evenkeel-sim"];
const IMPURE: &[&str] = &["hyper", "mio", "rustix", "socket2", "tokio"];

#[test]
fn our_crates_depend_on_the_layers_below_and_nothing_else() {
    assert_eq!(faults(&metadata()), Vec::<String>::new());
}

#[test]
fn an_edge_against_the_design_is_found() {
    let metadata = |from: &str, to: &str, kind: Value| {
        let dependency = serde_json::json!({ "name": to, "kind": kind });
        serde_json::json!({ "packages": [{ "name": from, "dependencies": [dependency] }] })
    };
    for (from, to, kind, expected) in [
        ("evenkeel-proxy", "evenkeel-plan", Value::Null, 0),
        ("evenkeel-proxy", "evenkeel-testkit", "dev".into(), 0),
        ("evenkeel-proxy", "evenkeel-testkit", Value::Null, 1),
        ("evenkeel-proxy", "evenkeel-control", Value::Null, 1),
        ("evenkeel-proxy", "evenkeel-control", "dev".into(), 1),
        ("evenkeel-plan", "tokio", Value::Null, 1),
        ("evenkeel-proxy", "tokio", Value::Null, 0),
        ("evenkeel-new", "serde", Value::Null, 1),
    ] {
        let faults = faults(&metadata(from, to, kind));
        assert_eq!(faults.len(), expected, "{from} -> {to}: {faults:?}");
    }
}

fn faults(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    packages.iter().flat_map(faults_of).collect()
}

fn faults_of(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().expect("a package has a name");
    let Some((_, shipped, tested)) = LAYERS.iter().find(|(layer, ..)| *layer == name) else {
        return vec![format!("{name} is not one of the layers")];
    };
    let ours: BTreeSet<&str> = LAYERS.iter().map(|(layer, ..)| *layer).collect();
    let mut faults = Vec::new();
    for dependency in package["dependencies"].as_array().expect("a package has dependencies") {
        let to = dependency["name"].as_str().expect("a dependency has a name");
        let for_tests = dependency["kind"] == "dev";
        let allowed = shipped.contains(&to) || for_tests && tested.contains(&to);
        if ours.contains(to) && !allowed || PURE.contains(&name) && IMPURE.contains(&to) {
            faults.push(format!("{name} must not know {to}"));
        }
    }
    faults
}

fn metadata() -> Value {
    let cargo = env::var_os("CARGO").expect("cargo names itself to the tests that it runs");
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

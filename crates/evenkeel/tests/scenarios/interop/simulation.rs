//! The page of a simulation in Chromium: it shows what was simulated, draws it, and loads nothing.

use std::fs;

use super::browser::chromium;
use super::programs::{both, node, script, succeed};
use crate::running::{MEASURED, in_new_directory, run};

#[test]
fn chromium_shows_a_simulation_without_asking_anybody() {
    let name = "chromium_shows_a_simulation_without_asking_anybody";
    let Some(((chromium, _profile), mut node)) = both(chromium(name), || node(name)) else {
        return;
    };
    let (_directory, file) = in_new_directory("report.html").unwrap();
    let (_directory, measured) = in_new_directory("real.json").unwrap();
    fs::write(&measured, MEASURED).unwrap();
    let line = ["simulate", "slow-node", "--algorithms", "peak-ewma,round-robin,maglev"];
    let ended = run(&[&line[..], &["--measured", &measured, "--html", &file]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    node.arg(script("simulation.mjs")).arg(&file);
    node.arg(chromium.get_program()).args(chromium.get_args());
    for (name, value) in chromium.get_envs() {
        if let Some(value) = value {
            node.env(name, value);
        }
    }
    assert_eq!(succeed(&mut node).stdout.lines().last(), Some("asks_nobody"));
}

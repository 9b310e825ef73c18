//! Config files as people leave them behind: good ones, and some that are not.

use std::fmt::Write as _;
use std::path::Path;

use fastrand::Rng;

/// What a config file in `folder` may say next.
pub(super) fn text(rng: &mut Rng, folder: &Path) -> String {
    match rng.u8(0..16) {
        0 => String::new(),
        1 => "[listener.web\n".to_owned(),
        2 => "[cluster.api]\nendpoints = ['10.0.0.1:80']\n".to_owned(),
        3 => "[listener.web]\nbind = ':8080'\nto = 'nowhere'\n".to_owned(),
        _ => good(rng, folder),
    }
}

fn good(rng: &mut Rng, folder: &Path) -> String {
    let mut text = format!("drain = '{}s'\n", rng.u8(1..4));
    let mut clusters = CLUSTERS.to_vec();
    rng.shuffle(&mut clusters);
    clusters.truncate(rng.usize(1..=3));
    for (number, listener) in LISTENERS.iter().enumerate() {
        // The first is always there, and some cluster is led to by none only with a warning.
        if number == 0 || rng.bool() {
            let (port, to) = (8080 + number, clusters[rng.usize(..clusters.len())]);
            writeln!(text, "[listener.{listener}]\nbind = ':{port}'\nto = '{to}'").unwrap();
        }
    }
    for cluster in clusters {
        writeln!(text, "[cluster.{cluster}]\nhealth = false\nendpoints = [{}]", endpoints(rng))
            .unwrap();
    }
    let admin = if rng.bool() { "false".to_owned() } else { place(folder, "unix:", "admin.sock") };
    writeln!(text, "[admin]\nbind = {admin}").unwrap();
    match rng.u8(0..8) {
        0 => writeln!(text, "[log]\naccess = {{ path = {} }}", place(folder, "", "absent/log")),
        1 | 2 => writeln!(text, "[log]\naccess = {{ path = {} }}", place(folder, "", "log")),
        _ => Ok(()),
    }
    .unwrap();
    text
}

fn endpoints(rng: &mut Rng) -> String {
    let mut names = ENDPOINTS.to_vec();
    rng.shuffle(&mut names);
    names.truncate(rng.usize(1..5));
    let written = names.iter().map(|name| match rng.u8(0..4) {
        0 => format!("{{ address = '{name}', weight = {} }}", rng.u8(0..4)),
        1 => format!("{{ address = '{name}', backup = {} }}", rng.bool()),
        _ => format!("'{name}'"),
    });
    written.collect::<Vec<_>>().join(", ")
}

fn place(folder: &Path, scheme: &str, name: &str) -> String {
    format!("'{scheme}{}'", folder.join(name).display())
}

pub(super) const CLUSTERS: [&str; 3] = ["api", "img", "old"];

pub(super) const LISTENERS: [&str; 2] = ["web", "extra"];

pub(super) const ENDPOINTS: [&str; 7] =
    ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "[::1]:80", "db:81", "db:82", "cache:80"];

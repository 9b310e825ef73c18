//! Puts the dashboard's chart library into the build: `uplot.js` and `uplot.css` in `OUT_DIR`, embedded by
//! `admin::dashboard`. Without it the build goes on, and the dashboard has no charts.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::env;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={UNPACKED}");
    println!("cargo::rerun-if-changed=build.rs");
    for name in MANIFESTS {
        println!("cargo::rerun-if-changed=npm/{name}");
    }
    let (script, style) = charts(&out).unwrap_or_else(|problem| {
        println!("cargo::warning=the dashboard will show no charts: {problem}");
        println!("cargo::warning=to try again: touch crates/control/build.rs; or name a directory with uPlot in {UNPACKED}");
        Default::default()
    });
    fs::write(out.join("uplot.js"), script)?;
    fs::write(out.join("uplot.css"), style)?;
    Ok(())
}

/// The library's script and style, from where the packager says or else from npm.
fn charts(out: &Path) -> Outcome<(String, String)> {
    let given = env::var_os(UNPACKED).filter(|directory| !directory.is_empty());
    let package = match &given {
        Some(directory) => PathBuf::from(directory),
        None => fetched(&out.join("npm"))?,
    };
    let read = |name: &str| {
        let path = package.join(name);
        // What we have fetched ourselves is younger than this run: cargo would take it for changed, each time.
        if given.is_some() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    // Its licence asks to be in every copy, and the binary becomes one.
    let licence = read("LICENSE")?.replace("*/", "* /");
    let script = read("dist/uPlot.iife.min.js")?;
    Ok((format!("/*!\n{licence}*/\n{script}"), read("dist/uPlot.min.css")?))
}

/// The package, as `npm ci` unpacks it after comparing it with the checksum in `package-lock.json`. That happens once for each
/// lock file and `OUT_DIR`; npm's own cache serves the other profiles.
fn fetched(directory: &Path) -> Outcome<PathBuf> {
    let package = directory.join("node_modules/uplot");
    let done = directory.join("done");
    let lock = fs::read_to_string("npm/package-lock.json")?;
    if fs::read_to_string(&done).is_ok_and(|fetched| fetched == lock) {
        return Ok(package);
    }
    fs::create_dir_all(directory)?;
    for name in MANIFESTS {
        fs::copy(Path::new("npm").join(name), directory.join(name))?;
    }
    install(directory)?;
    fs::write(done, lock)?;
    Ok(package)
}

fn install(directory: &Path) -> Outcome<()> {
    let mut npm = Command::new("npm");
    npm.arg("ci").args(NPM_FLAGS).current_dir(directory).stdin(Stdio::null());
    // Whoever forbids cargo the network means us, too.
    if env::var("CARGO_NET_OFFLINE").is_ok_and(|offline| offline == "true") {
        npm.arg("--offline");
    }
    let output = npm.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "npm is not installed, which fetches uPlot".to_owned(),
        _ => format!("npm did not start: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().filter_map(|line| line.strip_prefix("npm error ")).find(is_telling);
    Err(format!("npm could not fetch uPlot: {}", why.unwrap_or("it does not say why")).into())
}

/// npm begins with codes and calls, which say nothing to most people.
fn is_telling(line: &&str) -> bool {
    !["code ", "syscall ", "errno "].iter().any(|start| line.starts_with(start))
}

/// May name an unpacked uPlot package, for builds without a network.
const UNPACKED: &str = "EVENKEEL_UPLOT_DIR";

/// What npm needs to know: the version, and its checksum.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

const NPM_FLAGS: &[&str] = &[
    // Foreign code runs in browsers only.
    "--ignore-scripts",
    // What npm has fetched before is good: the checksum decides.
    "--prefer-offline",
    // Nothing is asked that the build does not need.
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    // Without a network the build must not take minutes.
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=20000",
];

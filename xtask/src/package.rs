//! `cargo xtask package`: the Debian package, or the static binary that an empty container image holds. `cargo xtask test
//! --full` checks both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

mod share;

use crate::Outcome;
use crate::tools::{self, cargo, succeed};

#[derive(Args)]
pub(crate) struct Options {
    /// Build the static binary instead
    #[arg(long = "static")]
    is_static: bool,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let made = if options.is_static {
        static_binary()?
    } else {
        succeed(cargo().args(["build", "--release", "--locked", "--package", "evenkeel"]))?;
        debian(&cargo_deb(true)?)?
    };
    let binary = if options.is_static { &made } else { Path::new(RELEASE_BINARY) };
    if !has_charts(binary)? {
        println!("{NO_CHARTS}");
    }
    println!("{}", made.display());
    Ok(true)
}

/// A build without a network makes a dashboard without charts, and only warns; whoever packs it should know.
fn has_charts(binary: &Path) -> Outcome {
    let bytes = fs::read(binary)?;
    Ok(bytes.windows(CHARTS_AUTHOR.len()).any(|window| window == CHARTS_AUTHOR))
}

/// The Debian package of the release binary, which has to be built.
pub(crate) fn debian(cargo_deb: &Path) -> Outcome<PathBuf> {
    share::stage(Path::new(SHARE), Path::new(RELEASE_BINARY))?;
    let folder = Path::new(FOLDER).join("debian");
    // What an earlier version has left is not what is looked for below.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder)?;
    let mut deb = Command::new(cargo_deb);
    // A plug-in of cargo is called with its own name. Symbols stay: backtraces and profiles of what people run need them.
    deb.args(["deb", "--no-build", "--no-strip", "--locked", "--package", "evenkeel", "--output"]);
    succeed(deb.arg(&folder))?;
    let mut made = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?.into_iter();
    let is_package = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "deb");
    let package = made.by_ref().map(|entry| entry.path()).find(is_package);
    Ok(package.ok_or("cargo-deb has made no package")?)
}

/// The binary with all that it needs of the C library inside.
pub(crate) fn static_binary() -> Outcome<PathBuf> {
    let target = host()?;
    let mut build = cargo();
    // With a target named, the flags are for the binary and not for build scripts and macros, which cannot be static.
    build.args(["build", "--release", "--locked", "--package", "evenkeel", "--target", &target]);
    succeed(build.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(Path::new("target").join(target).join("release/evenkeel"))
}

/// What this machine is called as a target.
fn host() -> Outcome<String> {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    let host = String::from_utf8(output.stdout)?.trim().to_owned();
    if host.is_empty() { Err("rustc does not say what machine this is".into()) } else { Ok(host) }
}

/// `cargo-deb`: installed already, or put into a folder of its own.
pub(crate) fn cargo_deb(may_install: bool) -> Outcome<PathBuf> {
    tools::require("dpkg")?;
    tools::from_cargo("cargo-deb", may_install)
}

/// In the licence of the chart library, which is in the binary with it.
const CHARTS_AUTHOR: &[u8] = b"Leon Sorokin";

const NO_CHARTS: &str = "the dashboard in it has no charts: npm could not fetch them when it was built. Packages for others should \
    have them: touch crates/control/build.rs and try again, or name a folder with uPlot in EVENKEEL_UPLOT_DIR";

/// Where what is made goes.
const FOLDER: &str = "target/package";

/// What goes to `/usr/share`; the manifest of the crate `evenkeel` names it, too.
const SHARE: &str = "target/package/share";

const RELEASE_BINARY: &str = "target/release/evenkeel";

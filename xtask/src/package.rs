//! `cargo xtask package`: the Debian package, or the static binary that an empty container image holds. `cargo xtask test
//! --full` makes both of plain builds, and checks them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

mod share;

use crate::Outcome;
use crate::pgo;
use crate::tools::{self, cargo, host, succeed};

#[derive(Args)]
pub(crate) struct Options {
    /// Build the static binary instead
    #[arg(long = "static")]
    is_static: bool,
    /// Build once, without a profile of what the binary does most: in a third of the time, and slower
    #[arg(long)]
    plain: bool,
}

pub(crate) fn run(options: &Options) -> Outcome {
    // What is missing is said before a build, which may take a quarter of an hour.
    let cargo_deb = if options.is_static { None } else { Some(cargo_deb(true)?) };
    let binary = match (options.is_static, options.plain) {
        (true, true) => static_binary()?,
        (true, false) => pgo::binary(&[STATIC])?,
        (false, true) => {
            succeed(cargo().args(["build", "--release", "--locked", "--package", "evenkeel"]))?;
            RELEASE_BINARY.into()
        }
        (false, false) => pgo::binary(&[])?,
    };
    if !has_charts(&binary)? {
        println!("{NO_CHARTS}");
    }
    let made = match cargo_deb {
        Some(cargo_deb) => debian(&cargo_deb, &binary, Path::new(MADE))?,
        None => binary,
    };
    println!("{}", made.display());
    Ok(true)
}

/// A build without a network makes a dashboard without charts, and only warns; whoever packs it should know.
fn has_charts(binary: &Path) -> Outcome {
    let bytes = fs::read(binary)?;
    Ok(bytes.windows(CHARTS_AUTHOR.len()).any(|window| window == CHARTS_AUTHOR))
}

/// The Debian package of this binary, alone in `folder`.
pub(crate) fn debian(cargo_deb: &Path, binary: &Path, folder: &Path) -> Outcome<PathBuf> {
    share::stage(Path::new(SHARE), binary)?;
    fs::copy(binary, PACKED_BINARY)?;
    // What an earlier version has left is not what is looked for below.
    drop(fs::remove_dir_all(folder));
    fs::create_dir_all(folder)?;
    let mut deb = Command::new(cargo_deb);
    // A plug-in of cargo is called with its own name. Symbols stay: backtraces and profiles of what people run need them.
    deb.args(["deb", "--no-build", "--no-strip", "--locked", "--package", "evenkeel", "--output"]);
    succeed(deb.arg(folder))?;
    let mut made = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?.into_iter();
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
    succeed(build.env("RUSTFLAGS", STATIC))?;
    Ok(Path::new("target").join(target).join("release/evenkeel"))
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

/// Where the package goes that is for others; what tests make of a plain build must not take its place.
const MADE: &str = "target/package/debian";

/// What goes to `/usr/share`; the manifest of the crate `evenkeel` names it, too.
const SHARE: &str = "target/package/share";

/// What goes to `/usr/bin`; the manifest names it, too.
const PACKED_BINARY: &str = "target/package/evenkeel";

pub(crate) const RELEASE_BINARY: &str = "target/release/evenkeel";

const STATIC: &str = "-Ctarget-feature=+crt-static";

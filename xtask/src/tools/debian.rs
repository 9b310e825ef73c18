//! Installs missing programs from Debian packages, quietly, and without starting the services that come with them.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{self, Command};

use super::find;

/// Installs those of `programs` that are missing. Returns what is still missing afterwards.
pub(crate) fn install_missing<'a>(programs: &[&'a str]) -> Vec<&'a str> {
    let missing = || -> Vec<&'a str> {
        programs.iter().copied().filter(|program| find(program).is_none()).collect()
    };
    let wanted = missing();
    if !wanted.is_empty() && may_install() {
        install(&wanted.iter().map(|program| package_of(program)).collect());
    }
    missing()
}

pub(super) fn may_install() -> bool {
    rustix::process::geteuid().is_root() && find("apt-get").is_some()
}

/// Installs `packages`, as many as can be had.
pub(super) fn install(packages: &BTreeSet<&str>) {
    let names: Vec<&str> = packages.iter().copied().collect();
    eprintln!("installing {}", names.join(", "));
    let _quiet = NoServices::ask();
    // The lists of a fresh container are empty or stale.
    let installed = apt_install(&names).or_else(|_| {
        apt_get(&["update"])?;
        apt_install(&names)
    });
    if installed.is_ok() {
        return;
    }
    // One name that this release does not know must not cost the others.
    for name in names {
        if let Err(error) = apt_install(&[name]) {
            eprintln!("cannot install {name}: {error}");
        }
    }
}

fn package_of(program: &str) -> &str {
    PACKAGES.iter().find(|(named, _)| *named == program).map_or(program, |(_, package)| package)
}

fn apt_install(packages: &[&str]) -> io::Result<()> {
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// An error holds what it printed, which is of no interest otherwise.
fn apt_get(arguments: &[&str]) -> io::Result<()> {
    let mut apt_get = Command::new("apt-get");
    // Another run of this command may be installing the same.
    apt_get.args(["--quiet=2", "--option", "DPkg::Lock::Timeout=300"]).args(arguments);
    let output = apt_get.env("DEBIAN_FRONTEND", "noninteractive").output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// While it lives, no package starts its service: Apache and nginx would take port 80 of the machine.
struct NoServices {
    created: bool,
}

impl NoServices {
    /// Whoever has a policy of their own keeps it.
    fn ask() -> Self {
        // Left behind by a run that was killed, it forbids nothing.
        let policy =
            format!("#!/bin/sh\nkill -0 {} 2>/dev/null && exit 101\nexit 0\n", process::id());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(POLICY);
        let created = file.and_then(|mut file| file.write_all(policy.as_bytes())).is_ok();
        Self { created }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.created {
            // It cannot do harm: see above.
            drop(fs::remove_file(POLICY));
        }
    }
}

/// What Debian's `invoke-rc.d` asks before it starts a service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The programs whose package has another name.
const PACKAGES: &[(&str, &str)] = &[
    ("ab", "apache2-utils"),
    ("h2load", "nghttp2-client"),
    ("nghttpd", "nghttp2-server"),
    ("gnutls-cli", "gnutls-bin"),
    ("node", "nodejs"),
    ("pebble-challtestsrv", "pebble"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_comes_from_the_package_that_has_it() {
        let packages = ["ab", "node", "nginx", "pebble-challtestsrv"].map(package_of);
        assert_eq!(packages, ["apache2-utils", "nodejs", "nginx", "pebble"]);
    }
}

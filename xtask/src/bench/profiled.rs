//! The benchmarks that a profile is made of: ours alone, all protocols. Called by `pgo`.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use clap::ValueEnum as _;

use super::Pass;
use super::contender::Contender;
use super::programs;
use super::protocol::Protocol;
use crate::Outcome;

/// The programs that they run.
pub(crate) fn programs() -> BTreeSet<&'static str> {
    let wants = |pass| PASSES.contains(&pass);
    let all = Protocol::ALL.iter();
    all.flat_map(|protocol| programs::of(protocol, &[Contender::Evenkeel], wants)).collect()
}

/// Each by its name, and how it is run.
pub(crate) fn commands() -> Outcome<Vec<(String, Command)>> {
    let xtask = env::current_exe()?;
    let passes = PASSES.iter().filter_map(Pass::to_possible_value);
    let passes: Vec<String> = passes.map(|pass| pass.get_name().to_owned()).collect();
    let command = |protocol: Protocol<()>| {
        let mut command = Command::new(&xtask);
        command.args(["bench", protocol.name(), "--only", "evenkeel", "--pass", &passes.join(",")]);
        command.args(["--rounds", "1", "--seconds", "4"]);
        (format!("cargo xtask bench {}", protocol.name()), command)
    };
    Ok(Protocol::ALL.map(command).into())
}

/// Under strace, and with connections that rest, it does nothing else.
const PASSES: [Pass; 3] = [Pass::Small, Pass::Large, Pass::Connect];

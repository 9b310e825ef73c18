//! Collects what was measured; writes it as Markdown for people and JSON for programs.

use std::fs;
use std::process::Command;

use serde_json::Value;

mod json;
mod markdown;

use super::case::Case;
use super::contender::Contender;
use super::flavour::Flavour;
use super::protocol::Protocol;
use super::rounds::Rounds;
use super::syscalls::PerAnswer;
use crate::Outcome;

pub(super) struct Report {
    protocol: &'static str,
    terms: Option<&'static str>,
    date: String,
    machine: String,
    versions: Vec<(Contender, String)>,
    faults: Vec<String>,
    cases: Vec<(Case, Vec<Rounds>)>,
    syscalls: Vec<(Contender, PerAnswer)>,
    idle_bytes: Vec<(Contender, f64)>,
}

impl Report {
    pub(super) fn new(
        protocol: &Protocol,
        contenders: &[Contender],
        flavour: Flavour,
    ) -> Outcome<Self> {
        let version = |&contender: &Contender| {
            let version = contender.version()?;
            Ok(match contender {
                Contender::Evenkeel => (contender, format!("{version} ({})", flavour.said())),
                _ => (contender, version),
            })
        };
        let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
        Ok(Self {
            protocol: protocol.title(),
            terms: protocol.terms(),
            date: String::from_utf8_lossy(&date.stdout).trim().to_owned(),
            machine: machine()?,
            versions: contenders.iter().map(version).collect::<Outcome<_>>()?,
            faults: Vec::new(),
            cases: Vec::new(),
            syscalls: Vec::new(),
            idle_bytes: Vec::new(),
        })
    }

    /// Notes what is wrong with the load.
    pub(super) fn load(&mut self, fault: Option<String>) {
        self.faults.extend(fault);
    }

    /// Notes what a contender does not do of the common work.
    pub(super) fn equal_work(&mut self, contender: Contender, missing: &[String]) {
        missing.iter().for_each(|missing| eprintln!("{contender} does unequal work: {missing}"));
        let faults = missing.iter().map(|missing| format!("{contender}, unequal work: {missing}"));
        self.faults.extend(faults);
    }

    pub(super) fn case(&mut self, case: Case, results: Vec<Rounds>) {
        for rounds in results.iter().filter(|rounds| rounds.faulty() > 0) {
            let (contender, faulty) = (rounds.contender, rounds.faulty());
            self.faults.push(format!("{contender}, {}: {faulty} failed rounds", case.title()));
        }
        self.cases.push((case, results));
    }

    pub(super) fn syscalls(&mut self, contender: Contender, counted: Outcome<PerAnswer>) {
        match counted {
            Ok(counted) => self.syscalls.push((contender, counted)),
            Err(error) => self.faults.push(format!("{contender}, system calls: {error}")),
        }
    }

    pub(super) fn memory(&mut self, contender: Contender, measured: Outcome<f64>) {
        match measured {
            Ok(bytes) => self.idle_bytes.push((contender, bytes)),
            Err(error) => self.faults.push(format!("{contender}, memory: {error}")),
        }
    }

    /// Whether every figure can be quoted.
    pub(super) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn markdown(&self) -> String {
        markdown::write(self)
    }

    pub(super) fn json(&self) -> Value {
        json::write(self)
    }
}

fn machine() -> Outcome<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| model.trim_matches([' ', '\t', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{cores} cores of {model}, Linux {}", kernel.trim()))
}

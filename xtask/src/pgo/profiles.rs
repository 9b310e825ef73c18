//! Where processes of an instrumented binary leave their profiles, and whether they have. Called by `exercise`, and by the benchmarks, which it runs.
//!
//! A profile is written last, at a clean end. Whatever was killed, or has failed, would be missing from the whole without a word.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::Process;
use evenkeel_testkit::process::Signal;

use crate::Outcome;

/// The pattern of their names, as LLVM reads it: `%p` is the process id. Without one, nobody is expected to leave any.
#[derive(Clone, Debug)]
pub(crate) struct Profiles(Option<PathBuf>);

impl Profiles {
    pub(super) fn within(folder: &Path) -> Self {
        Self(Some(folder.join("%p.profraw")))
    }

    /// As whoever runs us has it.
    pub(crate) fn of_environment() -> Self {
        Self(env::var_os(VARIABLE).map(PathBuf::from))
    }

    /// Has `command`, and what that runs, leave them there.
    pub(super) fn set<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.0 {
            Some(pattern) => command.env(VARIABLE, pattern),
            None => command,
        }
    }

    /// Asks `process`, which people know by this name, to end, and waits for it.
    ///
    /// # Errors
    /// As [`Profiles::wait`].
    pub(crate) fn end(&self, process: &mut Process, name: &str) -> Outcome<()> {
        process.signal(Signal::TERM)?;
        self.wait(process, name)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it has not in time, not well, or without a profile where it was to leave one.
    pub(super) fn wait(&self, process: &mut Process, name: &str) -> Outcome<()> {
        let pid = process.pid();
        let ended = process.exit_status(END_WITHIN);
        let status =
            ended.map_err(|error| format!("{name} (process {pid}) does not end: {error}"))?;
        if !status.success() {
            let said = process.stderr();
            return Err(format!("{name} (process {pid}) ended with {status}: {said}").into());
        }
        match self.of_process(pid) {
            Some(file) if !file.metadata().is_ok_and(|it| it.len() > 0) => {
                let file = file.display();
                Err(format!("{name} (process {pid}) ended well, and left no profile at {file}")
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// Where that process leaves its own, if the pattern tells.
    fn of_process(&self, pid: u32) -> Option<PathBuf> {
        let file = self.0.as_ref()?.to_str()?.replace("%p", &pid.to_string());
        // What else it may ask for, of the binary or the host, only the process knows. No pattern of ours does.
        (!file.contains('%')).then(|| file.into())
    }
}

const VARIABLE: &str = "LLVM_PROFILE_FILE";

/// Twice as long as a drain takes at most.
const END_WITHIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is wrong with the end of a shell that runs `script`, which finds in `$FILE` where its profile belongs.
    fn fault(script: &str, name: &str) -> Option<String> {
        let folder = env::temp_dir().join(format!("xtask-profiles-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let profiles = Profiles::within(&folder);
        let script = format!("FILE={}/$$.profraw; {script}", folder.display());
        let mut shell = Process::spawn(Command::new("sh").args(["-c", &script])).unwrap();
        let ended = profiles.wait(&mut shell, "the shell");
        fs::remove_dir_all(folder).unwrap();
        ended.err().map(|error| error.to_string())
    }

    #[test]
    fn an_end_without_a_profile_is_told_from_a_good_one() {
        assert_eq!(fault("echo counts > $FILE", "good"), None);
        let empty = fault(": > $FILE", "empty").unwrap();
        assert!(empty.contains("left no profile"), "{empty}");
        let none = fault("exit 0", "none").unwrap();
        assert!(none.contains("the shell (process ") && none.contains("left no profile"), "{none}");
        let failed = fault("echo counts > $FILE; echo broken >&2; exit 3", "failed").unwrap();
        assert!(failed.contains("exit status: 3: broken"), "{failed}");
        let killed = fault("echo counts > $FILE; kill -KILL $$", "killed").unwrap();
        assert!(killed.contains("signal: 9"), "{killed}");
    }

    #[test]
    fn profiles_are_expected_where_the_pattern_says_so() {
        let of = |pattern: Option<&str>| Profiles(pattern.map(PathBuf::from)).of_process(7);
        assert_eq!(of(Some("/raw/%p.profraw")), Some("/raw/7.profraw".into()));
        assert_eq!(of(Some("/raw/%p-%16m.profraw")), None);
        assert_eq!(of(None), None);
    }
}

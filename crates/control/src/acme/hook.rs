//! The program that writes records into DNS, and takes them away again (RFC 8555 §8.4). What it is about to write is remembered on disk until
//! it is taken away. Called by the order; the client takes away what somebody has left who was stopped in the middle.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::state::{Lock, State};
use super::trouble::Trouble;
use crate::config::{AcmeConfig, ChallengeConfig, format_duration};
use crate::probe::{Failure, run_with};

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    /// With its arguments.
    command: Vec<Box<str>>,
    /// How long it may run.
    timeout: Duration,
}

/// What an authority looks for in DNS, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TxtRecord {
    /// The name that is to be shown to be ours.
    pub(super) domain: String,
    /// What the record has to say.
    pub(super) value: String,
}

/// Records that are there for as long as this lives.
#[derive(Debug)]
pub(super) struct Written {
    hook: Hook,
    records: Vec<TxtRecord>,
    state: State,
    lock: Lock,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Present,
    Cleanup,
}

impl Hook {
    /// That of `config`; `None` if nothing is shown by DNS.
    pub(super) fn of(config: &AcmeConfig) -> Option<Self> {
        match &config.challenge {
            ChallengeConfig::Dns01 { command, timeout, .. } => {
                Some(Self { command: command.clone(), timeout: *timeout })
            }
            ChallengeConfig::Http01 | ChallengeConfig::TlsAlpn01 => None,
        }
    }

    async fn tell(&self, action: Action, record: &TxtRecord) -> Result<(), Trouble> {
        let TxtRecord { domain, value } = record;
        let variables = [
            ("EVENKEEL_ACTION", action.to_string()),
            ("EVENKEEL_DOMAIN", domain.clone()),
            ("EVENKEEL_RECORD", format!("_acme-challenge.{domain}")),
            ("EVENKEEL_VALUE", value.clone()),
        ];
        let running = run_with(&self.command, variables, ());
        let outcome = timeout(self.timeout, running).await;
        outcome.unwrap_or(Err(Failure::StillRunning(self.timeout))).map_err(|failure| {
            let why = match failure {
                Failure::Untried(why) | Failure::Unrunnable(why) => why,
                Failure::StillRunning(limit) => {
                    format!("it had not ended within {}", format_duration(limit))
                }
                other => other.to_string(),
            };
            let program = self.command.first().map_or("", |program| program);
            Trouble::new(format!("{program} ({action} for {domain}): {why}"))
        })
    }
}

impl Written {
    /// None yet.
    pub(super) fn new(hook: Hook, state: &State, lock: &Lock) -> Self {
        Self { hook, records: Vec::new(), state: state.clone(), lock: lock.clone() }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Has one more written.
    ///
    /// # Errors
    ///
    /// It cannot be remembered, or something went wrong with the program. What it has written all the same is taken away.
    pub(super) async fn add(&mut self, record: TxtRecord) -> Result<(), Trouble> {
        // Before it is run: who gives up in the middle has something to clean up as well.
        self.records.push(record.clone());
        let (records, lock) = (self.records.clone(), self.lock.clone());
        let kept = self.state.with(move |state| state.put_left(&records, &lock)).await?;
        let folder = self.state.folder().display();
        kept.map_err(|error| Trouble::new(format!("nothing can be kept in {folder}: {error}")))?;
        self.hook.tell(Action::Present, &record).await
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let (hook, state, lock) = (self.hook.clone(), self.state.clone(), self.lock.clone());
        let records = std::mem::take(&mut self.records);
        // Nobody waits for it but the next order, by the lock: the certificate does not depend on it. Without a runtime everything is ending,
        // and whoever orders next finds what is left.
        if let Ok(runtime) = Handle::try_current()
            && !records.is_empty()
        {
            runtime.spawn(async move { clean_up(Some(&hook), records, &state, &lock).await });
        }
    }
}

/// Has the records taken away by the `hook`, if there is one, and forgets them: what cannot be taken away once is for somebody to look at.
pub(super) async fn clean_up(
    hook: Option<&Hook>,
    records: Vec<TxtRecord>,
    state: &State,
    lock: &Lock,
) {
    let mut running = JoinSet::new();
    let told = hook.map(|hook| records.into_iter().map(|record| (hook.clone(), record)));
    for (hook, record) in told.into_iter().flatten() {
        running.spawn(async move {
            if let Err(trouble) = hook.tell(Action::Cleanup, &record).await {
                tracing::warn!("a record in DNS may have been left: {trouble}");
            }
        });
    }
    while running.join_next().await.is_some() {}
    let lock = lock.clone();
    // What cannot be forgotten is taken away once more, which does no harm.
    let _ = state.with(move |state| state.put_left(&[], &lock)).await;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "present",
            Self::Cleanup => "cleanup",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::state::tests::wanted;
    use super::*;

    /// A config whose hook is that script, which keeps its state in the folder.
    pub(in super::super) fn by_dns(script: &str, folder: &Path) -> AcmeConfig {
        let mut config = wanted(&["a.example"]);
        config.state.path = folder.to_owned();
        config.challenge = ChallengeConfig::Dns01 {
            command: ["/bin/sh", "-c", script].map(Box::from).to_vec(),
            timeout: Duration::from_secs(20),
            wait: Duration::ZERO,
        };
        config
    }

    fn written(config: &AcmeConfig) -> (Written, State) {
        let state = State::of(config);
        let lock = state.try_lock().unwrap().unwrap();
        (Written::new(Hook::of(config).unwrap(), &state, &lock), state)
    }

    pub(in super::super) fn record() -> TxtRecord {
        TxtRecord { domain: "a.example".to_owned(), value: "xyz".to_owned() }
    }

    #[tokio::test]
    async fn the_program_is_told_what_to_write_and_to_take_it_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let said = || fs::read_to_string(&file).unwrap_or_default();
        // It is remembered before it is there.
        let echo = "test -e a.dns && \
            echo $EVENKEEL_ACTION $EVENKEEL_DOMAIN $EVENKEEL_RECORD $EVENKEEL_VALUE $HOME";
        let script = format!("cd {}; {echo} >> said", folder.path().display());
        let (mut written, state) = written(&by_dns(&script, folder.path()));
        assert_eq!(state.left(), []);
        written.add(record()).await.unwrap();
        assert_eq!(said(), "present a.example _acme-challenge.a.example xyz\n");
        assert_eq!(state.left(), [record()]);
        drop(written);
        while state.try_lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(said().ends_with("cleanup a.example _acme-challenge.a.example xyz\n"));
        assert_eq!((said().lines().count(), state.left()), (2, vec![]));
    }

    #[tokio::test]
    async fn a_program_that_fails_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let mut number = 0;
        let mut trouble_of = async |change: fn(&mut Hook)| {
            number += 1;
            let folder = folder.path().join(number.to_string());
            let (mut written, _) = written(&by_dns("echo no such zone >&2; exit 3", &folder));
            change(&mut written.hook);
            written.add(record()).await.unwrap_err().to_string()
        };
        let expected = "/bin/sh (present for a.example): exit status 3: no such zone";
        assert_eq!(trouble_of(|_| ()).await, expected);
        let slow = trouble_of(|hook| {
            hook.timeout = Duration::from_millis(50);
            hook.command[2] = "sleep 60".into();
        });
        let slow = slow.await;
        assert!(slow.ends_with("it had not ended within 50ms"), "{slow}");
        let absent = trouble_of(|hook| hook.command = vec!["/no/such".into()]).await;
        assert!(absent.contains("cannot run /no/such"), "{absent}");
    }
}

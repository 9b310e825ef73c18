//! The program that writes a record into DNS, and takes it away again (RFC 8555 §8.4). Called by the order.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use super::trouble::Trouble;
use crate::config::format_duration;
use crate::probe::{Failure, run_with};

/// A record that an authority looks for.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    /// The program and its arguments.
    pub(super) command: Vec<Box<str>>,
    /// How long it may run.
    pub(super) timeout: Duration,
    /// The name that is to be shown to be ours.
    pub(super) domain: String,
    /// What the record has to say.
    pub(super) value: String,
}

/// A record that is there for as long as this lives.
#[derive(Debug)]
pub(super) struct Written(Hook);

#[derive(Clone, Copy, Debug)]
enum Action {
    Present,
    Cleanup,
}

impl Hook {
    /// Has the record written.
    ///
    /// # Errors
    ///
    /// What went wrong with the program. What it has written all the same is taken away.
    pub(super) async fn present(self) -> Result<Written, Trouble> {
        // Before it is run: who gives up in the middle has something to clean up as well.
        let written = Written(self);
        written.0.tell(Action::Present).await.map(|()| written)
    }

    async fn tell(&self, action: Action) -> Result<(), Trouble> {
        let variables = [
            ("EVENKEEL_ACTION", action.to_string()),
            ("EVENKEEL_DOMAIN", self.domain.clone()),
            ("EVENKEEL_RECORD", format!("_acme-challenge.{}", self.domain)),
            ("EVENKEEL_VALUE", self.value.clone()),
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
            Trouble::new(format!("{program} ({action} for {}): {why}", self.domain))
        })
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let hook = self.0.clone();
        // Nobody waits for it: the certificate does not depend on it. Without a runtime everything is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(trouble) = hook.tell(Action::Cleanup).await {
                    tracing::warn!("a record in DNS may have been left: {trouble}");
                }
            });
        }
    }
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
mod tests {
    use std::fs;

    use super::*;

    fn hook(script: &str) -> Hook {
        Hook {
            command: ["/bin/sh", "-c", script].map(Box::from).to_vec(),
            timeout: Duration::from_secs(20),
            domain: "a.example".to_owned(),
            value: "xyz".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_program_is_told_what_to_write_and_to_take_it_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let said = || fs::read_to_string(&file).unwrap_or_default();
        let echo = "echo $EVENKEEL_ACTION $EVENKEEL_DOMAIN $EVENKEEL_RECORD $EVENKEEL_VALUE $HOME";
        let written = hook(&format!("{echo} >> {}", file.display())).present().await.unwrap();
        assert_eq!(said(), "present a.example _acme-challenge.a.example xyz\n");
        drop(written);
        while said().lines().count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(said().ends_with("cleanup a.example _acme-challenge.a.example xyz\n"));
    }

    #[tokio::test]
    async fn a_program_that_fails_says_why() {
        let trouble = hook("echo no such zone >&2; exit 3").present().await.unwrap_err();
        let expected = "/bin/sh (present for a.example): exit status 3: no such zone";
        assert_eq!(trouble.to_string(), expected);
        let slow = Hook { timeout: Duration::from_millis(50), ..hook("sleep 60") };
        let trouble = slow.present().await.unwrap_err();
        assert!(trouble.to_string().ends_with("it had not ended within 50ms"), "{trouble}");
        let absent = Hook { command: vec!["/no/such".into()], ..hook("") };
        let trouble = absent.present().await.unwrap_err();
        assert!(trouble.to_string().contains("cannot run /no/such"), "{trouble}");
    }
}

//! Looks after one certificate for as long as it is wanted: waits until an order is due, takes the lock, orders, and keeps what is issued.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::Account;
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, sleep, timeout};

use super::account::{account, kept_account, new_account};
use super::advice::{Advice, identifier};
use super::hook::{Hook, clean_up};
use super::ledger::{Activity, Ledger};
use super::order::{Issued, Rooms, order};
use super::renewal::{Due, Held, Lenience, Why, attempt, due};
use super::shared::try_lock;
use super::stage::Stage;
use super::state::{Failed, Lock, Record, State};
use super::trouble::Trouble;
use crate::certificates::{Purpose, date, parse};
use crate::config::{AcmeConfig, ChallengeConfig};
use crate::task::outlast;

/// What looks after it.
#[derive(Debug)]
pub(super) struct Client {
    config: AcmeConfig,
    state: State,
    stage: Arc<Stage>,
    ledger: Arc<Ledger>,
    advice: Advice,
    /// Keeps what was issued together from being renewed together; from 0 to 1.
    spread: f64,
    lenience: Lenience,
    /// The last failure of this process, for when it could not be written down.
    failed: Option<Failed>,
    /// What was there at the last look.
    leaf: Option<CertificateDer<'static>>,
    /// What was last found wrong with what is remembered on disk.
    garbled: Option<String>,
    /// When the authority's advice was followed last.
    hurried: Option<SystemTime>,
}

/// When somebody is told that a wait goes on: once it is longer than it could be if all went well, and then each hour.
#[derive(Debug)]
struct Alarm {
    at: Duration,
}

impl Alarm {
    fn rings(&mut self, waited: Duration) -> bool {
        let is_due = waited >= self.at;
        if is_due {
            self.at = waited.saturating_add(TELL_EVERY);
        }
        is_due
    }
}

/// What is there, at some moment.
#[derive(Debug)]
struct Sight {
    held: Option<(Held, CertificateDer<'static>)>,
    record: Record,
}

impl Client {
    pub(super) fn new(
        config: AcmeConfig,
        stage: Arc<Stage>,
        ledger: Arc<Ledger>,
        lenience: Lenience,
    ) -> Self {
        Self {
            state: State::of(&config),
            config,
            stage,
            ledger,
            advice: Advice::default(),
            spread: fastrand::f64(),
            lenience,
            failed: None,
            leaf: None,
            garbled: None,
            hurried: None,
        }
    }

    /// Goes on for ever: what cannot be done in one turn is tried in another.
    pub(super) async fn run(mut self) {
        loop {
            let turn = outlast(self.turn()).await;
            let rest = match turn.unwrap_or_else(|| Err(Trouble::panicked())) {
                Ok(rest) => rest,
                Err(trouble) => {
                    self.fail(&trouble, Record::default(), None).await;
                    LOOK_EVERY
                }
            };
            sleep(rest).await;
        }
    }

    /// Looks what is there, and orders if it is time to; returns how long to rest then.
    async fn turn(&mut self) -> Result<Duration, Trouble> {
        let now = SystemTime::now();
        self.ledger.note_activity(&self.config.name, Activity::Resting);
        self.clean_up_if_free().await?;
        let sight = self.look(now).await?;
        self.ledger.note_failure(&self.config.name, sight.record.failed.as_ref());
        if sight.record.failed.is_none() {
            // What goes wrong from now on is no matter of before.
            self.lenience = Lenience::None;
        }
        self.seek_advice(&sight, now).await;
        let next = self.next(&sight, now);
        self.ledger.note_next(&self.config.name, next.at.max(now));
        match next.at.duration_since(now) {
            // The clock may be set, and another replica may be faster.
            Ok(wait) if !wait.is_zero() => Ok(wait.min(LOOK_EVERY)),
            _ => self.order_in_turn().await.map(|()| Duration::ZERO),
        }
    }

    /// What is there. What this process knows to have failed counts even if nothing can be written.
    async fn look(&mut self, now: SystemTime) -> Result<Sight, Trouble> {
        let seen = self.state.with(move |state| {
            let held = state.held(now).and_then(|(held, parsed)| {
                let leaf = parsed.certificate.key.cert.first()?.clone();
                Some((held, leaf))
            });
            (held, state.record())
        });
        let (held, record) = seen.await?;
        let leaf = held.as_ref().map(|(_, leaf)| leaf);
        if leaf != self.leaf.as_ref() {
            // Somebody has got another one: what failed here before that is over.
            self.leaf = leaf.cloned();
            self.failed = None;
        }
        let mut record = self.understood(record);
        let at = |failed: &Option<Failed>| failed.as_ref().map(|failed| failed.at);
        if at(&self.failed) > at(&record.failed) {
            record.failed.clone_from(&self.failed);
        }
        Ok(Sight { held, record })
    }

    /// What is remembered; nothing if that cannot be read, which is told once.
    fn understood(&mut self, record: io::Result<Record>) -> Record {
        let garbled = record.as_ref().err().map(ToString::to_string);
        if let Some(why) = garbled.as_ref().filter(|_| garbled != self.garbled) {
            let name = &self.config.name;
            tracing::warn!(
                acme = name,
                "what is remembered of this certificate is left out: {why}"
            );
        }
        self.garbled = garbled;
        record.unwrap_or_default()
    }

    /// When to order next.
    fn next(&self, sight: &Sight, now: SystemTime) -> Due {
        let (held, leaf) = sight.held.as_ref().map(|(held, leaf)| (held, leaf)).unzip();
        let advised = leaf.and_then(|leaf| self.advice.at(leaf, self.spread));
        // An authority that wants all that it issues to be renewed would be asked for ever.
        let advised =
            advised.map(|at| self.hurried.map_or(at, |hurried| at.max(hurried + HURRY_EVERY)));
        let Due { at, why } = due(&self.config, held, &sight.record, advised, self.spread);
        Due { at: attempt(at, sight.record.failed.as_ref(), self.lenience, now), why }
    }

    /// Asks the authority when to renew, if it is time to ask.
    async fn seek_advice(&mut self, sight: &Sight, now: SystemTime) {
        let Some((_, leaf)) = sight.held.as_ref().filter(|(_, leaf)| self.advice.is_due(leaf, now))
        else {
            return;
        };
        let account = timeout(ADVICE_WITHIN, kept_account(&self.config, &self.state)).await;
        let account = account.ok().and_then(Result::ok).flatten();
        self.advice.ask(account.as_ref(), leaf, now).await;
    }

    /// Orders when nobody else does, if that is still due then.
    async fn order_in_turn(&mut self) -> Result<(), Trouble> {
        let lock = self.lock().await?;
        self.clean_up(&lock).await?;
        let now = SystemTime::now();
        let sight = self.look(now).await?;
        let Due { at, why } = self.next(&sight, now);
        if at > now {
            // Another replica has done it while we waited.
            return Ok(());
        }
        let name = &self.config.name;
        tracing::info!(acme = name, "certificate is ordered from {}: {why}", self.config.directory);
        self.ledger.note_activity(name, Activity::Ordering);
        let leaf = sight.held.as_ref().map(|(_, leaf)| leaf);
        let outcome = timeout(self.order_within(), self.order(leaf, &lock)).await;
        let outcome = match outcome {
            Ok(Ok(issued)) => self.keep(issued, &lock).await,
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(Trouble::new("it took too long")),
        };
        match outcome {
            Ok(()) => {
                self.hurried = (why == Why::Advised).then_some(now);
                self.failed = None;
                self.ledger.note_order(&self.config.name, true);
                self.ledger.note_failure(&self.config.name, None);
            }
            Err(trouble) => self.fail(&trouble, sight.record, Some(lock)).await,
        }
        Ok(())
    }

    async fn order(
        &self,
        leaf: Option<&CertificateDer<'_>>,
        lock: &Lock,
    ) -> Result<Issued, Trouble> {
        let (config, state) = (&self.config, &self.state);
        let rooms = Rooms { stage: &self.stage, state, lock };
        let order = |account: Account| async move {
            order(&account, config, leaf.and_then(identifier), rooms).await
        };
        let outcome = order(account(config, state, lock).await?).await;
        if !outcome.as_ref().is_err_and(|trouble| trouble.is_account_lost) {
            return outcome;
        }
        tracing::warn!(
            acme = config.name,
            "{} has lost our account, and gets another",
            config.directory
        );
        order(new_account(config, state, lock).await?).await
    }

    /// Puts what was issued in the place of what was there, if it can be used and is not due already.
    async fn keep(&self, issued: Issued, lock: &Lock) -> Result<(), Trouble> {
        let now = SystemTime::now();
        let parsed = parse(issued.chain.as_bytes(), issued.key.as_bytes(), Purpose::Server, now)
            .map_err(|problem| {
                Trouble::new(format!("what the authority has issued cannot be used: it {problem}"))
            })?;
        let held = Held::of(&parsed);
        let directory = Some(self.config.directory.clone());
        let record = Record { directory, failed: None };
        let next = due(&self.config, Some(&held), &record, None, self.spread);
        let until = date(held.validity.end);
        if next.at <= now {
            // It would be ordered again and again.
            let why =
                format!("what the authority has issued until {until} is due already: {}", next.why);
            return Err(Trouble::new(why));
        }
        let put_lock = lock.clone();
        let put = self.state.with(move |state| {
            state.put_certificate(&issued.key, &issued.chain, &put_lock)?;
            state.put_record(&record, &put_lock)
        });
        put.await?.map_err(|error| self.not_kept(&error))?;
        let (name, names, next) = (&self.config.name, self.config.names.join(", "), date(next.at));
        tracing::info!(
            acme = name,
            "certificate is issued for {names}, until {until}; to be renewed on {next}"
        );
        Ok(())
    }

    /// Remembers what went wrong, and says so. What is there stays in use.
    async fn fail(&mut self, trouble: &Trouble, before: Record, lock: Option<Lock>) {
        let now = SystemTime::now();
        let failed = Failed::after(before.failed.or(self.failed.take()), trouble, now);
        let next = attempt(now, Some(&failed), Lenience::None, now);
        self.failed = Some(failed.clone());
        self.lenience = Lenience::None;
        if let Some(lock) = lock {
            let record = Record { failed: Some(failed), ..before };
            // If it cannot be written, this process knows it all the same.
            let _ = self.state.with(move |state| state.put_record(&record, &lock)).await;
        }
        self.ledger.note_order(&self.config.name, false);
        self.ledger.note_failure(&self.config.name, self.failed.as_ref());
        self.ledger.note_next(&self.config.name, next);
        let (name, names) = (&self.config.name, self.config.names.join(", "));
        tracing::warn!(
            acme = name,
            "no certificate for {names}: {trouble}; the next try is on {}",
            date(next)
        );
    }

    /// Takes away what was left in DNS by somebody who was stopped, if nobody orders just now.
    async fn clean_up_if_free(&self) -> Result<(), Trouble> {
        let lock = self
            .state
            .with(|state| if state.left().is_empty() { Ok(None) } else { try_lock(state) });
        match lock.await? {
            Ok(Some(lock)) => self.clean_up(&lock).await,
            // Who cannot write here has not written anything.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    async fn clean_up(&self, lock: &Lock) -> Result<(), Trouble> {
        let left = self.state.with(State::left).await?;
        if left.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = left.iter().map(|record| &*record.domain).collect();
        let (name, names) = (&self.config.name, names.join(", "));
        let hook = Hook::of(&self.config);
        if hook.is_some() {
            tracing::info!(acme = name, "records in DNS that were left are taken away: {names}");
        } else {
            tracing::warn!(
                acme = name,
                "records _acme-challenge may have been left in DNS, and no program is named any more that takes them away: {names}"
            );
        }
        clean_up(hook.as_ref(), left, &self.state, lock).await;
        Ok(())
    }

    /// Waits until nobody else orders. Who has the lock and does not come to an end may be on another machine, so somebody has to be told.
    async fn lock(&self) -> Result<Lock, Trouble> {
        let began = Instant::now();
        let mut alarm = Alarm { at: self.order_within().saturating_mul(2) };
        loop {
            match self.state.with(try_lock).await? {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => {
                    self.ledger.note_activity(&self.config.name, Activity::Waiting);
                }
                Err(error) => return Err(self.not_kept(&error)),
            }
            let waited = began.elapsed();
            if alarm.rings(waited) {
                self.tell_of_wait(waited);
            }
            sleep(LOCK_EVERY).await;
        }
    }

    fn tell_of_wait(&self, waited: Duration) {
        let (name, minutes) = (&self.config.name, waited.as_secs() / 60);
        let lock = self.state.folder().join("lock");
        tracing::warn!(
            acme = name,
            "no certificate is ordered: another replica, or another [acme.NAME], has held {} for {minutes} min; look what it is doing",
            lock.display()
        );
    }

    fn not_kept(&self, error: &io::Error) -> Trouble {
        Trouble::new(format!("nothing can be kept in {}: {error}", self.state.folder().display()))
    }

    /// How long an order may take, programs and DNS included.
    fn order_within(&self) -> Duration {
        match &self.config.challenge {
            ChallengeConfig::Dns01 { timeout, wait, .. } => {
                let names = u32::try_from(self.config.names.len()).unwrap_or(u32::MAX);
                ORDER_WITHIN.saturating_add(*wait).saturating_add(timeout.saturating_mul(names))
            }
            ChallengeConfig::Http01 | ChallengeConfig::TlsAlpn01 => ORDER_WITHIN,
        }
    }
}

/// What is on disk is looked at again after so long.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How often who waits for the lock looks whether it is free.
const LOCK_EVERY: Duration = Duration::from_secs(1);

/// Often enough for whoever looks at the log to see that it goes on.
const TELL_EVERY: Duration = Duration::from_hours(1);

/// Twice what it takes to wait for the authority's own looks.
const ORDER_WITHIN: Duration = Duration::from_mins(5);

/// It is only advice.
const ADVICE_WITHIN: Duration = Duration::from_secs(30);

/// Between two renewals that the authority advises at once.
const HURRY_EVERY: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests;

//! What is known of all certificates: what is shown, by whom, and what was wrong with the files when they were last read.
//!
//! What is known never changes; it is replaced by what is known next. So reading files holds no lock, and whatever turns out not to be
//! wanted after all is dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use evenkeel_plan::tls::{Certificate, Certificates, Challenges, Origination, Termination};
use rustls::ServerConfig;

use super::client_auth::unlisted;
use super::expiry::{Nearness, days_left};
use super::followed::{FileKind, Followed};
use super::news;
use super::origins::Origins;
use super::parse::Parsed;
use super::problem::{Finding, Problem, Remark};
use super::source::{Pair, Refusal, Stamp, is_open, pairs};
use super::terminate::challenge;
use super::terms::{Current, ListenerTerms};
use super::tickets::OwnSecrets;
use super::view::View;
use crate::config::{CertificateSource, Config, TlsConfig, Trust};
use crate::events::Events;

/// Shared by the conductor, which follows configs, and the watch, which follows files.
#[derive(Debug, Default)]
pub(crate) struct Store {
    known: Mutex<Arc<Known>>,
    /// Held by each proposal, for as long as it may still be put in force. Cloned under the lock only.
    proposed: Arc<()>,
    /// Are told what has changed.
    events: Arc<Events>,
}

/// What would be known if a config were in force. There is one at a time.
#[derive(Debug)]
pub(crate) struct Proposal {
    next: Known,
    _proposed: Arc<()>,
}

/// Certificates as they were at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// That moment.
    pub(super) at: SystemTime,
    pub(super) pairs: BTreeMap<Pair, Entry>,
    pub(super) sources: BTreeMap<CertificateSource, Found>,
    pub(super) followed: Followed,
    /// For tickets of listeners that name no file with keys; `None` if there are none of these.
    own_secrets: Option<OwnSecrets>,
    listeners: BTreeMap<String, Terminator>,
    pub(super) origins: Origins,
    /// What authorities are answered, of all listeners. Stays the same object for ever.
    challenges: Arc<Challenges>,
}

/// What a source stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) pairs: Vec<Pair>,
    /// Why it could not be looked through, or that it has nothing; then these are the pairs that it had before.
    pub(super) problem: Option<Refusal>,
}

/// Files that are read together.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What they were just before they were read.
    stamp: Stamp,
    /// What was last good in them.
    pub(super) good: Option<Parsed>,
    /// What is wrong with them now.
    pub(super) problem: Option<Refusal>,
}

/// A listener that speaks TLS.
#[derive(Clone, Debug)]
struct Terminator {
    tls: TlsConfig,
    terms: Arc<ListenerTerms>,
    challenge: Arc<ServerConfig>,
    current: Arc<Current>,
    certificates: Arc<Certificates>,
    shown: Vec<Arc<Certificate>>,
    /// What is wrong with it although each of its files is good.
    problems: Vec<Refusal>,
}

/// Why a listener cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// One of its certificates.
    Certificate(Finding),
    /// Another file, called so.
    File(&'static str, Finding),
    /// The TLS library itself: what it says.
    Library(String),
}

// === impl Store ===

impl Store {
    /// One that tells `events` what has changed.
    pub(crate) fn telling(events: &Arc<Events>) -> Self {
        Self { events: Arc::clone(events), ..Self::default() }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.lock())
    }

    /// What would be known if `config` were in force, for which this was `read` already.
    ///
    /// # Errors
    ///
    /// A listener has a source in which nothing is good, nor ever was, and that nobody here renews.
    pub(crate) fn propose(
        &self,
        config: &Config,
        read: &Known,
        now: SystemTime,
    ) -> Result<Proposal, Unusable> {
        let (before, proposed) = {
            let known = self.lock();
            (Arc::clone(&known), Arc::clone(&self.proposed))
        };
        Ok(Proposal { next: before.with(config, read, now)?, _proposed: proposed })
    }

    /// From now on it is what was proposed that is known, and shown. For who has published a plan with it.
    pub(crate) fn commit(&self, proposal: Proposal) {
        self.replace(&mut self.lock(), proposal.next);
    }

    /// Looks at all files, reads those that have changed, and shows what is good in them. Where a config is put in force meanwhile, or
    /// about to be, nothing is shown: it would be taken back by what was read for that config before. The next look makes up for it.
    pub(crate) fn refresh(&self, now: SystemTime) {
        let before = self.known();
        let next = before.refreshed(now);
        let mut known = self.lock();
        if Arc::ptr_eq(&known, &before) && Arc::strong_count(&self.proposed) == 1 {
            self.replace(&mut known, next);
        }
    }

    /// Under the lock to the end: what is shown is what is known.
    fn replace(&self, known: &mut Arc<Known>, next: Known) {
        next.show(known);
        news::tell(known, &next, &self.events);
        *known = Arc::new(next);
    }

    /// A panic elsewhere must not take the certificates with it.
    fn lock(&self) -> MutexGuard<'_, Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Proposal ===

impl Proposal {
    /// What would be known.
    pub(crate) fn known(&self) -> &Known {
        &self.next
    }
}

// === impl Known ===

impl Known {
    /// What authorities are answered.
    pub(crate) fn challenges(&self) -> Arc<Challenges> {
        Arc::clone(&self.challenges)
    }

    /// How `listener` shakes hands; `None` if it does not.
    pub(crate) fn termination(&self, listener: &str) -> Option<Termination> {
        let Terminator { terms, challenge, certificates, .. } = self.listeners.get(listener)?;
        Some(Termination {
            terms: Arc::<ListenerTerms>::clone(terms),
            challenge: Arc::clone(challenge),
            certificates: Arc::clone(certificates),
        })
    }

    /// How `cluster` shakes hands with its endpoints; `None` if it does not.
    pub(crate) fn origination(&self, cluster: &str) -> Option<Arc<Origination>> {
        self.origins.origination(cluster)
    }

    /// What `cluster` shows its endpoints, if it is anything.
    pub(crate) fn shown_to_endpoints(&self, cluster: &str) -> Option<&Arc<Certificate>> {
        self.origins.shown_by(cluster)
    }

    /// How many files of `cluster` cannot be used as they are now; `None` if it does not speak TLS with its endpoints.
    pub(crate) fn problems_with_endpoints(&self, cluster: &str) -> Option<usize> {
        View::of_cluster(self, cluster).map(|view| view.refused.len())
    }

    /// What is to be said about authorities that a config is about to trust.
    pub(crate) fn findings_of_trust(&self, trust: &Trust, now: SystemTime) -> Vec<Finding> {
        match trust {
            Trust::Authorities(place) => {
                self.file_findings((FileKind::EndpointAuthorities, &place.path), &[], now)
            }
            Trust::System | Trust::Anybody => self.origins.findings(trust).into_iter().collect(),
        }
    }

    /// What is good of a source that can have one certificate only.
    ///
    /// # Errors
    ///
    /// Why nothing is.
    pub(super) fn only(&self, source: &CertificateSource) -> Result<Arc<Certificate>, Refusal> {
        let good = self.good(source).next().map(|(_, good)| Arc::clone(&good.certificate));
        let nothing = || (PathBuf::new(), Problem::NothingFound);
        good.ok_or_else(|| self.refusals(source).next().unwrap_or_else(nothing))
    }

    /// What `listener` shows its clients.
    pub(crate) fn shown_by(&self, listener: &str) -> &[Arc<Certificate>] {
        self.listeners.get(listener).map_or(&[], |it| &it.shown)
    }

    /// How many files and directories of `listener` cannot be used as they are now; `None` if it does not speak TLS.
    pub(crate) fn problems_of(&self, listener: &str) -> Option<usize> {
        View::of_listener(self, listener).map(|view| view.refused.len())
    }

    /// Until when each of them is good.
    pub(crate) fn ends(&self) -> impl Iterator<Item = SystemTime> + Clone {
        let good = self.pairs.values().filter_map(|entry| entry.good.as_ref());
        good.map(|good| good.certificate.validity.1)
    }

    /// What `listener` is told about TLS; `None` if it does not speak it.
    pub(super) fn tls_of(&self, listener: &str) -> Option<&TlsConfig> {
        self.listeners.get(listener).map(|it| &it.tls)
    }

    /// What is wrong with listeners although each of their files is good.
    pub(super) fn listener_problems(&self) -> impl Iterator<Item = (&str, &Refusal)> {
        let listeners = self.listeners.iter();
        listeners.flat_map(|(name, it)| it.problems.iter().map(|problem| (name.as_str(), problem)))
    }

    /// Whether the library has refused what is new, so that it has to be tried again.
    fn has_untaken(&self) -> bool {
        let mut of_listeners = self.listener_problems().map(|(_, problem)| problem);
        let is_untaken = |(_, problem): &Refusal| matches!(problem, Problem::Library(_));
        of_listeners.any(is_untaken) || self.origins.problems().any(|(_, it)| is_untaken(it))
    }

    /// Reads a source that a config is about to use, and says what is to be said about its files. What was read is added to `next`.
    pub(crate) fn look(
        &self,
        source: &CertificateSource,
        next: &mut Self,
        now: SystemTime,
    ) -> Vec<Finding> {
        next.at = now;
        next.add(source, [self, &Self::default()]);
        if source.is_renewed_here() {
            // Nobody has to do anything about it.
            return Vec::new();
        }
        let remark = match (self.good(source).next(), next.good(source).next()) {
            (Some(_), _) => Remark::Kept,
            (None, Some(_)) => Remark::LeftOut,
            (None, None) => Remark::Refused,
        };
        let refusals = next.refusals(source);
        let mut findings: Vec<Finding> =
            refusals.map(|(file, problem)| Finding { file, remark: remark(problem) }).collect();
        for (pair, good) in next.good(source) {
            let soon = days_left(&good.certificate, now).map(Remark::ExpiresIn);
            let remarks = soon.into_iter().chain(good.was_sorted.then_some(Remark::Sorted));
            findings.extend(remarks.map(|remark| Finding { file: pair.chain.clone(), remark }));
            if is_open(&pair.key) {
                findings.push(Finding { file: pair.key.clone(), remark: Remark::KeyOpen });
            }
        }
        findings
    }

    /// The same of a file of another kind, where the files `beside` it are named together with it.
    pub(crate) fn file_findings(
        &self,
        (kind, file): (FileKind, &Path),
        beside: &[(FileKind, PathBuf)],
        now: SystemTime,
    ) -> Vec<Finding> {
        let named = beside.iter().map(|(kind, file)| (*kind, &**file)).chain([(kind, file)]);
        let next = self.followed.gather(&named.clone().collect::<Vec<_>>(), now);
        let mut findings = next.findings(kind, file);
        if kind == FileKind::ClientAuthorities {
            let lists = named.filter(|(kind, _)| *kind == FileKind::Revocations);
            let lists: Vec<_> = lists.map(|(_, file)| file).collect();
            let unlisted = unlisted(&[file], &lists, &next, now).into_iter();
            findings
                .extend(unlisted.map(|(file, it)| Finding { file, remark: Remark::Lapsed(it) }));
        }
        findings
    }

    /// What would be known if `config` were in force. What was `read` for it is not read again, unless it has changed since. Listeners
    /// that stay keep their tickets, and what nothing has changed in.
    fn with(&self, config: &Config, read: &Self, now: SystemTime) -> Result<Self, Unusable> {
        let tls = || config.listeners.iter().filter_map(|it| Some((&it.name, it.tls.as_ref()?)));
        let clusters = || config.clusters.iter().filter_map(|cluster| cluster.tls.as_ref());
        let ours = clusters().filter_map(|tls| tls.certificate.as_ref());
        let shown = tls().flat_map(|(_, tls)| &tls.certificates);
        let mut next = self.empty(now);
        for source in shown.chain(ours) {
            next.add(source, [self, read]);
        }
        let files = tls().flat_map(|(_, tls)| tls.followed());
        let files: Vec<_> = files.chain(clusters().filter_map(|tls| tls.followed())).collect();
        next.followed = self.followed.gather(&files, now);
        if let Some((noun, refusal)) = next.followed.missing(&files) {
            return Err(Unusable::File(noun, refused(refusal)));
        }
        let are_needed = tls().any(|(_, tls)| tls.ticket_keys.is_none());
        next.own_secrets = self.own_secrets(now, are_needed)?;
        for (name, tls) in tls() {
            next.check(tls)?;
            let terminator = next.terminator(name, tls, self.listeners.get(name))?;
            next.listeners.insert(name.clone(), terminator);
        }
        next.origins = self.origins.with(config, &next)?;
        Ok(next)
    }

    /// Nothing yet, for what is known next.
    fn empty(&self, now: SystemTime) -> Self {
        Self { at: now, challenges: self.challenges(), ..Self::default() }
    }

    /// Whether a listener has the certificates that it needs. What is renewed here may come later.
    fn check(&self, tls: &TlsConfig) -> Result<(), Unusable> {
        for source in tls.certificates.iter().filter(|source| !source.is_renewed_here()) {
            if let (None, Some(refusal)) = (self.good(source).next(), self.refusals(source).next())
            {
                return Err(Unusable::Certificate(refused(refusal)));
            }
        }
        Ok(())
    }

    /// Those that there are, or shall be.
    fn own_secrets(
        &self,
        now: SystemTime,
        are_needed: bool,
    ) -> Result<Option<OwnSecrets>, Unusable> {
        Ok(match &self.own_secrets {
            _ if !are_needed => None,
            None => Some(OwnSecrets::new(now)?),
            Some(old) if old.is_due(now) => Some(old.rotated(now)?),
            Some(old) => Some(old.clone()),
        })
    }

    fn terminator(
        &self,
        name: &str,
        tls: &TlsConfig,
        old: Option<&Terminator>,
    ) -> Result<Terminator, Unusable> {
        let shown = self.shown(&tls.certificates);
        let certificates = old.map(|old| Arc::clone(&old.certificates));
        let certificates = certificates.unwrap_or_else(|| Arc::new(Certificates::new(&shown)));
        let own = self.own_secrets.as_ref().map_or(&[][..], |own| &own.secrets);
        let was = old.map(|old| &old.current);
        let material = (&self.followed, own, self.at);
        let current = Current::new((name, tls), material, &certificates, was)?;
        let terms = old.map(|old| Arc::clone(&old.terms));
        let terms = terms.unwrap_or_else(|| Arc::new(ListenerTerms::new(&current)));
        let challenge = match old {
            Some(old) => Arc::clone(&old.challenge),
            None => challenge(&self.challenges)?,
        };
        let (tls, problems) = (tls.clone(), self.unlisted(tls));
        Ok(Terminator { tls, terms, challenge, current, certificates, shown, problems })
    }

    /// The `old` one with the certificates that there are now, where the library refuses everything else that is new.
    fn untaken(&self, old: &Terminator, error: &Unusable) -> Terminator {
        let refusal = untaken(old.tls.followed().map(|(_, file)| file), error);
        let problems = self.unlisted(&old.tls).into_iter().chain([refusal]).collect();
        Terminator { shown: self.shown(&old.tls.certificates), problems, ..old.clone() }
    }

    fn unlisted(&self, tls: &TlsConfig) -> Vec<Refusal> {
        let Some(auth) = &tls.client_auth else { return Vec::new() };
        let [authorities, lists] = [&auth.authorities, &auth.revocations]
            .map(|places| places.iter().map(|it| &*it.path).collect::<Vec<_>>());
        unlisted(&authorities, &lists, &self.followed, self.at)
    }

    /// Whether a look would find something that is news.
    pub(crate) fn is_stale(&self, now: SystemTime) -> bool {
        let is_other = |(source, before): (&CertificateSource, &Found)| match pairs(source) {
            Ok(pairs) => before.problem.is_some() || pairs != before.pairs,
            Err(problem) => before.problem.as_ref() != Some(&problem),
        };
        let is_due = now.duration_since(self.at).is_ok_and(|since| since >= TRY_AGAIN_AFTER);
        is_due && self.has_untaken()
            || self.sources.iter().any(is_other)
            || self.followed.is_stale(self.at, now)
            || self.own_secrets.as_ref().is_some_and(|own| own.is_due(now))
            || self.pairs.iter().any(|(pair, entry)| {
                let is_nearer = |good: &Parsed| {
                    let nearness = |at| Nearness::of(good.certificate.validity.1, at);
                    nearness(now) > nearness(self.at)
                };
                !entry.is_fresh(pair.stamp(), now) || entry.good.as_ref().is_some_and(is_nearer)
            })
    }

    fn refreshed(&self, now: SystemTime) -> Self {
        let mut next = self.empty(now);
        for source in self.sources.keys() {
            next.add(source, [self, &Self::default()]);
        }
        let files = self.listeners.values().flat_map(|it| it.tls.followed());
        let files = files.chain(self.origins.configs().filter_map(|it| it.followed()));
        next.followed = self.followed.gather(&files.collect::<Vec<_>>(), now);
        // Without random bytes the old ones go on for a while.
        let own_secrets = self.own_secrets(now, self.own_secrets.is_some());
        next.own_secrets = own_secrets.unwrap_or_else(|_| self.own_secrets.clone());
        for (name, old) in &self.listeners {
            let terminator = next.terminator(name, &old.tls, Some(old));
            let terminator = terminator.unwrap_or_else(|error| next.untaken(old, &error));
            next.listeners.insert(name.clone(), terminator);
        }
        next.origins = self.origins.refreshed(&next);
        next
    }

    /// Adds a source, with what is good in its files now, or was `before`; of the two the first counts more.
    fn add(&mut self, source: &CertificateSource, before: [&Self; 2]) {
        if self.sources.contains_key(source) {
            return;
        }
        let found = pairs(source).map(|pairs| Found { pairs, problem: None });
        let found = found.unwrap_or_else(|problem| {
            let before = before.iter().find_map(|before| before.sources.get(source));
            let pairs = before.map(|before| before.pairs.clone()).unwrap_or_default();
            Found { pairs, problem: Some(problem) }
        });
        for pair in &found.pairs {
            if !self.pairs.contains_key(pair) {
                let old = before.map(|before| before.entry_of(source, pair));
                // Before it is read: a change in between is then noticed later, and not missed.
                let entry = Entry::new(pair.stamp(), old, self.at, || pair.read(self.at));
                self.pairs.insert(pair.clone(), entry);
            }
        }
        self.sources.insert(source.clone(), found);
    }

    /// What is known of a pair of a source; or, if there is nothing, of the one with the same chain: where its key comes and goes it is with
    /// another file, or with none, and still the same certificate.
    fn entry_of(&self, source: &CertificateSource, pair: &Pair) -> Option<&Entry> {
        let of_chain = || {
            let mut pairs = self.sources.get(source)?.pairs.iter();
            self.pairs.get(pairs.find(|other| other.is_of_chain(pair))?)
        };
        self.pairs.get(pair).or_else(of_chain)
    }

    /// What is known of the chain of a pair, with whatever key.
    pub(super) fn entry_of_chain(&self, pair: &Pair) -> Option<&Entry> {
        // Those of a chain stand side by side.
        let first = Pair { key: PathBuf::new(), ..pair.clone() };
        let others = self.pairs.range(first..).take_while(|(other, _)| other.chain == pair.chain);
        let of_chain = || others.into_iter().find(|(other, _)| other.is_of_chain(pair));
        self.pairs.get(pair).or_else(|| of_chain().map(|(_, entry)| entry))
    }

    /// What is good of a source.
    pub(super) fn good(
        &self,
        source: &CertificateSource,
    ) -> impl Iterator<Item = (&Pair, &Parsed)> {
        let pairs = self.sources.get(source).into_iter().flat_map(|found| &found.pairs);
        pairs.filter_map(|pair| Some((pair, self.pairs.get(pair)?.good.as_ref()?)))
    }

    /// What is wrong with a source.
    pub(super) fn refusals(&self, source: &CertificateSource) -> impl Iterator<Item = Refusal> {
        let found = self.sources.get(source);
        let whole = found.and_then(|found| found.problem.clone());
        let pairs = found.into_iter().flat_map(|found| &found.pairs);
        whole.into_iter().chain(pairs.filter_map(|pair| self.pairs.get(pair)?.problem.clone()))
    }

    fn shown(&self, sources: &[CertificateSource]) -> Vec<Arc<Certificate>> {
        let good = sources.iter().flat_map(|source| self.good(source));
        good.map(|(_, parsed)| Arc::clone(&parsed.certificate)).collect()
    }

    /// Puts what is to be shown where handshakes look.
    fn show(&self, before: &Self) {
        for (name, terminator) in &self.listeners {
            let old = before.listeners.get(name).map_or(&[][..], |old| &old.shown);
            let is_same =
                |(old, new): (&Arc<Certificate>, &Arc<Certificate>)| Arc::ptr_eq(old, new);
            let shown = &terminator.shown;
            if old.len() != shown.len() || !old.iter().zip(shown).all(is_same) {
                terminator.certificates.replace(shown);
            }
            let was = before.listeners.get(name).map(|old| &old.current);
            if was.is_none_or(|old| !Arc::ptr_eq(old, &terminator.current)) {
                terminator.terms.replace(&terminator.current);
            }
        }
        self.origins.show(&before.origins);
    }
}

impl Default for Known {
    /// Nothing, long ago.
    fn default() -> Self {
        Self {
            at: SystemTime::UNIX_EPOCH,
            pairs: BTreeMap::new(),
            sources: BTreeMap::new(),
            followed: Followed::default(),
            own_secrets: None,
            listeners: BTreeMap::new(),
            origins: Origins::default(),
            challenges: Arc::default(),
        }
    }
}

// === impl Entry ===

impl Entry {
    /// What `read` finds now; `old` is what was there before: what is in use, and what was read for a config. `stamp` is what the files were
    /// just now.
    fn new(
        stamp: Stamp,
        old: [Option<&Self>; 2],
        now: SystemTime,
        read: impl FnOnce() -> Result<Parsed, Refusal>,
    ) -> Self {
        let mut known = old.into_iter().flatten();
        if let Some(old) = known.clone().find(|old| old.is_fresh(stamp, now)) {
            return old.clone();
        }
        let old = known.find_map(|old| old.good.clone());
        match read() {
            Ok(new) => Self { stamp, good: Some(after(old, new)), problem: None },
            Err(problem) => Self { stamp, good: old, problem: Some(problem) },
        }
    }

    /// Whether reading the files again would find the same.
    fn is_fresh(&self, stamp: Stamp, now: SystemTime) -> bool {
        let is_due = match &self.problem {
            Some((_, Problem::NotYetValid(from))) => now >= *from,
            _ => false,
        };
        self.stamp == stamp && !is_due
    }
}

/// What is `new`, with the certificate of the `old` one if it is the same: whoever writes the same again, or copies it about, changes
/// nothing.
fn after(old: Option<Parsed>, new: Parsed) -> Parsed {
    match old {
        Some(old) if old.certificate.key.cert == new.certificate.key.cert => {
            Parsed { certificate: old.certificate, ..new }
        }
        _ => new,
    }
}

/// What is to be said of the first of `files` where what is new in them is refused with all that was read of it; which of them it is about
/// nobody knows.
pub(super) fn untaken<'f>(files: impl Iterator<Item = &'f Path>, error: &Unusable) -> Refusal {
    let mut files = files;
    let file = files.next().map_or_else(|| PathBuf::from("what has changed"), Path::to_path_buf);
    let why = match error {
        Unusable::Library(why) => why.clone(),
        other => other.to_string(),
    };
    (file, Problem::Library(why))
}

/// What is to be said where nothing else can be used instead.
pub(super) fn refused((file, problem): Refusal) -> Finding {
    Finding { file, remark: Remark::Refused(problem) }
}

/// What the library refuses it may take when it is asked once more: there may have been no random bytes.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

// === impl Unusable ===

impl From<rustls::Error> for Unusable {
    fn from(error: rustls::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl From<aws_lc_rs::error::Unspecified> for Unusable {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Library("there are no random bytes, or no keys can be made of them".to_owned())
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(finding) => finding.fmt(f),
            Self::File(noun, finding) => write!(f, "{noun} {finding}"),
            Self::Library(why) => write!(f, "TLS cannot be had: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{directory, good, put, tls, write};
    use super::super::news::{Level, news};
    use super::*;
    use crate::config::ClientAuthConfig;
    use crate::fixture::config;

    /// It was logged once, and neither shown nor tried again.
    #[test]
    fn what_the_library_refuses_is_told_and_tried_again_and_the_certificates_go_on() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a", &good("a.example"));
        let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
        config.listeners[0].tls = Some(tls(vec![directory(folder.path())]));
        let store = Store::default();
        put(&store, &config);
        let asks = |known: &mut Known, who: Option<ClientAuthConfig>| {
            known.listeners.get_mut("web").unwrap().tls.client_auth = who;
        };
        // No file has it: without any authority the library makes nothing.
        let nobody =
            ClientAuthConfig { is_required: true, authorities: vec![], revocations: vec![] };
        let mut known = Known::clone(&store.known());
        asks(&mut known, Some(nobody));
        write(folder.path(), "a", &good("b.example"));
        let now = SystemTime::now();
        let mut refused = known.refreshed(now);
        let is_same = |one: &Known, other: &Known| {
            let current = |it: &Known| Arc::clone(&it.listeners["web"].current);
            Arc::ptr_eq(&current(one), &current(other))
        };
        assert!(is_same(&known, &refused));
        let shown = &refused.shown_by("web")[0].names;
        assert_eq!(shown.iter().collect::<Vec<_>>(), ["b.example"]);
        assert_eq!(refused.problems_of("web"), Some(1));
        let view = View::of_listener(&refused, "web").unwrap();
        assert!(matches!(view.refused[0].problem, Problem::Library(_)) && view.refused[0].is_kept);
        let lines = |before: &Known, after: &Known| {
            let mut lines = news(before, after);
            lines.retain(|(level, line)| *level == Level::Error && line.contains("listener web: "));
            lines.len()
        };
        assert_eq!(lines(&known, &refused), 1);
        assert!(!refused.is_stale(now));
        let later = now + TRY_AGAIN_AFTER;
        assert!(refused.is_stale(later));
        assert_eq!(lines(&refused, &refused.refreshed(later)), 0);
        asks(&mut refused, None);
        let taken = refused.refreshed(later);
        assert_eq!(taken.problems_of("web"), Some(0));
        assert!(!taken.is_stale(later + TRY_AGAIN_AFTER));
    }
}

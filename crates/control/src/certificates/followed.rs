//! Files beside certificates that are read, judged and followed as these are: one by one, by what is in them. Kept by the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::authorities::{ClientAuthorities, EndpointAuthorities};
use super::client_auth::Revocations;
use super::news::Level;
use super::problem::{Finding, Problem, Remark};
use super::source::{FileStamp, Refusal, is_open, stamp, unreadable};
use super::ticket_keys::TicketSecrets;
use crate::config::{Files as _, Folder};

/// What such a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Authorities that sign clients' certificates.
    ClientAuthorities,
    /// Lists of what these have revoked.
    Revocations,
    /// Secrets for tickets.
    TicketKeys,
    /// Authorities that sign endpoints' certificates.
    EndpointAuthorities,
}

/// All such files of all listeners and clusters.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed {
    pub(super) client_authorities: Files<ClientAuthorities>,
    pub(super) revocations: Files<Revocations>,
    pub(super) ticket_keys: Files<TicketSecrets>,
    pub(super) endpoint_authorities: Files<EndpointAuthorities>,
}

/// Files of one kind.
#[derive(Clone, Debug)]
pub(super) struct Files<T>(BTreeMap<PathBuf, FileEntry<T>>);

/// One file.
#[derive(Clone, Debug)]
struct FileEntry<T> {
    /// What it was just before it was read.
    stamp: Option<FileStamp>,
    /// What was last good in it.
    good: Option<Arc<T>>,
    /// Whether that has become unfit by time alone.
    is_lapsed: bool,
    /// What is wrong with it now.
    problem: Option<Problem>,
}

/// How it stands with a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileState<'f> {
    /// Whether something in it is good, or was.
    pub(super) has_good: bool,
    /// Whether that has become unfit by time alone.
    pub(super) is_lapsed: bool,
    /// Until when it is good; `None` for ever.
    pub(super) until: Option<SystemTime>,
    /// What is wrong with it now.
    pub(super) problem: Option<&'f Problem>,
}

/// What may be in such a file.
pub(super) trait Content: Sized + PartialEq {
    /// What a file is called that has it.
    const KIND: FileKind;
    /// No file is longer.
    const BYTES_MAX: usize;

    /// Reads it, as something that has to be good `now`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(bytes: &[u8], now: SystemTime) -> Result<Self, Problem>;

    /// Until when something in it is good; `None` for ever.
    fn until(&self) -> Option<SystemTime>;

    /// Whether it means something else than it did at the time `before`, although the file is the same.
    fn has_aged(&self, before: SystemTime, now: SystemTime) -> bool;

    /// Why it cannot be used beside the authorities that are there: at least one.
    fn clash(&self, _authorities: &[Arc<ClientAuthorities>]) -> Option<Problem> {
        None
    }

    /// What it has become unfit for by time alone.
    fn decay(&self, _now: SystemTime) -> Option<Problem> {
        None
    }
}

/// What files are judged by.
#[derive(Clone, Copy, Debug)]
struct Measure<'m> {
    now: SystemTime,
    /// Those of clients, where it matters; empty if nobody knows them.
    authorities: &'m [Arc<ClientAuthorities>],
    /// Whether they are others than before, so that the same bytes may mean something else.
    are_others: bool,
}

// === impl FileKind ===

impl FileKind {
    /// As messages call it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::ClientAuthorities => "client CA",
            Self::EndpointAuthorities => "CA",
            Self::Revocations => "revocation list",
            Self::TicketKeys => "ticket keys",
        }
    }
}

// === impl Followed ===

impl Followed {
    /// The files that are `named`, with what is good in them now, or was before.
    pub(super) fn gather(&self, named: &[(FileKind, &Path)], now: SystemTime) -> Self {
        let of = |kind| named.iter().filter(move |(it, _)| *it == kind).map(|(_, file)| *file);
        let measure = Measure { now, authorities: &[], are_others: false };
        let client_authorities =
            self.client_authorities.gather(of(FileKind::ClientAuthorities), measure);
        let (old, new) = (self.client_authorities.all_good(), client_authorities.all_good());
        let by_authorities = Measure { authorities: &new, are_others: old != new, ..measure };
        Self {
            revocations: self.revocations.gather(of(FileKind::Revocations), by_authorities),
            ticket_keys: self.ticket_keys.gather(of(FileKind::TicketKeys), measure),
            endpoint_authorities: self
                .endpoint_authorities
                .gather(of(FileKind::EndpointAuthorities), measure),
            client_authorities,
        }
    }

    /// How it stands with a file.
    pub(super) fn state(&self, kind: FileKind, file: &Path) -> FileState<'_> {
        match kind {
            FileKind::ClientAuthorities => self.client_authorities.state(file),
            FileKind::Revocations => self.revocations.state(file),
            FileKind::TicketKeys => self.ticket_keys.state(file),
            FileKind::EndpointAuthorities => self.endpoint_authorities.state(file),
        }
    }

    /// The first of the files that are `named` in which nothing is good, nor ever was, and what such a file is called.
    pub(super) fn missing(&self, named: &[(FileKind, &Path)]) -> Option<(&'static str, Refusal)> {
        named.iter().find_map(|(kind, file)| match self.state(*kind, file) {
            FileState { has_good: false, problem: Some(problem), .. } => {
                Some((kind.noun(), (file.to_path_buf(), problem.clone())))
            }
            _ => None,
        })
    }

    /// Whether a look would find something that is news since `before`.
    pub(super) fn is_stale(&self, before: SystemTime, now: SystemTime) -> bool {
        self.client_authorities.is_stale(before, now)
            || self.revocations.is_stale(before, now)
            || self.ticket_keys.is_stale(before, now)
            || self.endpoint_authorities.is_stale(before, now)
    }

    /// What is to be said about a file that a config is about to use.
    pub(super) fn findings(&self, kind: FileKind, file: &Path) -> Vec<Finding> {
        match kind {
            FileKind::ClientAuthorities => self.client_authorities.findings(file),
            FileKind::Revocations => self.revocations.findings(file),
            FileKind::TicketKeys => self.ticket_keys.findings(file),
            FileKind::EndpointAuthorities => self.endpoint_authorities.findings(file),
        }
    }

    /// What has changed since `before`, line by line.
    pub(super) fn news(&self, before: &Self) -> Vec<(Level, String)> {
        let mut lines = self.client_authorities.news(&before.client_authorities);
        lines.extend(self.revocations.news(&before.revocations));
        lines.extend(self.ticket_keys.news(&before.ticket_keys));
        lines.extend(self.endpoint_authorities.news(&before.endpoint_authorities));
        lines
    }
}

// === impl Files ===

impl<T: Content> Files<T> {
    /// What is good in `file`.
    pub(super) fn good(&self, file: &Path) -> Option<&Arc<T>> {
        self.0.get(file)?.good.as_ref()
    }

    fn all_good(&self) -> Vec<Arc<T>> {
        self.0.values().filter_map(|entry| entry.good.clone()).collect()
    }

    fn state(&self, file: &Path) -> FileState<'_> {
        let Some(entry) = self.0.get(file) else { return FileState::default() };
        FileState {
            has_good: entry.good.is_some(),
            is_lapsed: entry.is_lapsed,
            until: entry.good.as_ref().and_then(|good| good.until()),
            problem: entry.problem.as_ref(),
        }
    }

    fn gather<'a>(&self, files: impl Iterator<Item = &'a Path>, measure: Measure<'_>) -> Self {
        let mut next = BTreeMap::new();
        for file in files {
            if !next.contains_key(file) {
                next.insert(file.to_owned(), FileEntry::of(file, self.0.get(file), measure));
            }
        }
        Self(next)
    }

    fn is_stale(&self, before: SystemTime, now: SystemTime) -> bool {
        self.0.iter().any(|(file, entry)| {
            entry.stamp != stamp(file)
                || entry.is_due(now)
                || entry.good.as_ref().is_some_and(|good| good.has_aged(before, now))
        })
    }

    fn findings(&self, file: &Path) -> Vec<Finding> {
        let Some(entry) = self.0.get(file) else { return Vec::new() };
        let is_open = T::KIND == FileKind::TicketKeys && entry.problem.is_none() && is_open(file);
        let remarks = entry.remark().into_iter().chain(is_open.then_some(Remark::Open));
        remarks.map(|remark| Finding { file: file.to_owned(), remark }).collect()
    }

    fn news(&self, before: &Self) -> Vec<(Level, String)> {
        let (noun, mut lines) = (T::KIND.noun(), Vec::new());
        for (file, entry) in &self.0 {
            let old = before.0.get(file);
            let is_other = old.is_none_or(|old| match (&old.good, &entry.good) {
                (Some(old), Some(new)) => !Arc::ptr_eq(old, new),
                _ => true,
            });
            let was_well = old.is_some_and(|old| old.problem.is_none());
            if entry.problem.is_none() && (is_other || !was_well) {
                lines.push((Level::Info, format!("{noun} {} in use", file.display())));
            }
            let is_news = entry.remark() != old.and_then(FileEntry::remark);
            if let Some(remark) = entry.remark().filter(|_| is_news) {
                // What has only become too old was taken, and still counts.
                let what = if entry.is_lapsed { "" } else { " refused:" };
                let finding = Finding { file: file.clone(), remark };
                lines.push((Level::Error, format!("{noun}{what} {finding}")));
            }
        }
        lines
    }
}

impl<T> Default for Files<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

// === impl FileEntry ===

impl<T: Content> FileEntry<T> {
    /// What is in `file` now; `old` is what was there before.
    fn of(file: &Path, old: Option<&Self>, measure: Measure<'_>) -> Self {
        let now = measure.now;
        // Before it is read: a change in between is then noticed later, and not missed.
        let stamp = stamp(file);
        let unchanged =
            old.filter(|old| old.stamp == stamp && !old.is_due(now) && !measure.are_others);
        let (good, problem) = match unchanged {
            Some(old) => (old.good.clone(), old.problem.clone()),
            None => Self::read(file, old.and_then(|old| old.good.clone()), measure),
        };
        let decay = good.as_ref().and_then(|good| good.decay(now));
        // Whoever has written something broken in its place has to hear of that.
        Self { stamp, good, is_lapsed: decay.is_some(), problem: problem.or(decay) }
    }

    /// What is good in `file`, or what was good before, which is `old`; and what is wrong with it.
    fn read(
        file: &Path,
        old: Option<Arc<T>>,
        Measure { now, authorities, .. }: Measure<'_>,
    ) -> (Option<Arc<T>>, Option<Problem>) {
        let new = match read::<T>(file, now) {
            Ok(new) => new,
            Err(problem) => return (old, Some(problem)),
        };
        if let Some(problem) = new.clash(authorities).filter(|_| !authorities.is_empty()) {
            return (old, Some(problem));
        }
        match (old, new.decay(now)) {
            // Whoever writes the same again changes nothing.
            (Some(old), _) if *old == new => (Some(old), None),
            // Who copies an old one over a better one changes nothing either.
            (Some(old), Some(problem)) if old.decay(now).is_none() => (Some(old), Some(problem)),
            _ => (Some(Arc::new(new)), None),
        }
    }

    /// What is to be said about it, if it is anything.
    fn remark(&self) -> Option<Remark> {
        let remark = match &self.good {
            _ if self.is_lapsed => Remark::Lapsed,
            Some(_) => Remark::Kept,
            None => Remark::Refused,
        };
        self.problem.clone().map(remark)
    }

    /// Whether the same bytes may have become good by now.
    fn is_due(&self, now: SystemTime) -> bool {
        matches!(self.problem, Some(Problem::NotYetValid(from)) if now >= from)
    }
}

fn read<T: Content>(file: &Path, now: SystemTime) -> Result<T, Problem> {
    let bytes = Folder::new("").read(file, T::BYTES_MAX as u64);
    T::parse(&bytes.map_err(|error| unreadable(&error, T::BYTES_MAX))?, now)
}

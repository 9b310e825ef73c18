//! What people are shown of the certificates of a listener or a cluster. The status and the metrics ask for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use super::followed::{FileKind, FileState};
use super::parse::Parsed;
use super::problem::Problem;
use super::source::{Pair, Refusal};
use super::store::{Entry, Known};
use crate::config::CertificateSource;

/// Everything that a listener or a cluster has, by reference.
#[derive(Debug)]
pub(crate) struct View<'k> {
    /// What is in use: file, and what is in it. Those that end first come first.
    pub(crate) in_use: Vec<(&'k Path, &'k Parsed)>,
    /// The files beside certificates.
    pub(crate) beside: Vec<Beside<'k>>,
    /// What cannot be used as it is.
    pub(crate) refused: Vec<Refused<'k>>,
    /// The files of certificates that are still to come from their authority.
    pub(crate) awaited: Vec<&'k Path>,
}

/// A file beside certificates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'k> {
    pub(crate) kind: FileKind,
    pub(crate) file: &'k Path,
    /// Until when something in it is good; `None` for ever.
    pub(crate) until: Option<SystemTime>,
}

/// A file or directory that cannot be used as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'k> {
    pub(crate) file: &'k Path,
    pub(crate) problem: &'k Problem,
    /// Whether what was good in it before is in use.
    pub(crate) is_kept: bool,
    /// Whether nobody is taken by it.
    pub(crate) is_lapsed: bool,
}

impl<'k> View<'k> {
    /// `None` if `listener` does not speak TLS.
    pub(crate) fn of_listener(known: &'k Known, listener: &str) -> Option<Self> {
        let tls = known.tls_of(listener)?;
        let mut view = Self::new(known, &tls.certificates, tls.followed().collect());
        let own = known.listener_problems().filter(|(name, _)| *name == listener);
        view.refused.extend(own.map(|(_, problem)| {
            // What is refused as a whole was made of files that may all be good.
            let is_kept = matches!(problem.1, Problem::Library(_));
            Refused { is_lapsed: !is_kept, ..Refused::new(problem, is_kept) }
        }));
        Some(view)
    }

    /// `None` if `cluster` does not speak TLS with its endpoints.
    pub(crate) fn of_cluster(known: &'k Known, cluster: &str) -> Option<Self> {
        let tls = known.origins.config_of(cluster)?;
        let mut view =
            Self::new(known, tls.certificate.as_slice(), tls.followed().into_iter().collect());
        view.refused.extend(known.origins.refusal(&tls.trust).map(|it| Refused::new(it, false)));
        let own = known.origins.problems().filter(|(name, _)| *name == cluster);
        view.refused.extend(own.map(|(_, problem)| Refused::new(problem, true)));
        Some(view)
    }

    fn new(
        known: &'k Known,
        sources: &'k [CertificateSource],
        files: Vec<(FileKind, &'k Path)>,
    ) -> Self {
        let found: Vec<_> = sources
            .iter()
            .filter_map(|source| Some((source, known.sources.get(source)?)))
            .collect();
        let directories = found.iter().filter_map(|(source, found)| {
            let is_kept = known.good(source).next().is_some();
            Some(Refused::new(found.problem.as_ref()?, is_kept))
        });
        // Two sources may name the same files.
        let pairs: BTreeSet<&Pair> = found.iter().flat_map(|(_, found)| &found.pairs).collect();
        let entries: Vec<(&Pair, &Entry)> =
            pairs.into_iter().filter_map(|pair| Some((pair, known.pairs.get(pair)?))).collect();
        let certificates = entries.iter().filter_map(|(_, entry)| {
            Some(Refused::new(entry.problem.as_ref()?, entry.good.is_some()))
        });
        let beside: Vec<(Beside<'_>, FileState<'_>)> = files
            .into_iter()
            .map(|(kind, file)| (kind, file, known.followed.state(kind, file)))
            .map(|(kind, file, state)| (Beside { kind, file, until: state.until }, state))
            .collect();
        let others = beside.iter().filter_map(|(Beside { file, .. }, state)| {
            let is_kept = state.has_good && !state.is_lapsed;
            Some(Refused { file, problem: state.problem?, is_kept, is_lapsed: state.is_lapsed })
        });
        let (awaited, refused): (Vec<_>, Vec<_>) = directories
            .chain(certificates)
            .chain(others)
            .partition(|it| *it.problem == Problem::Awaited && !it.is_kept);
        let good =
            |(pair, entry): &(&'k Pair, &'k Entry)| Some((&*pair.chain, entry.good.as_ref()?));
        let mut in_use: Vec<_> = entries.iter().filter_map(good).collect();
        in_use.sort_by_key(|(_, parsed)| parsed.certificate.validity.1);
        Self {
            in_use,
            beside: beside.iter().map(|(it, _)| *it).collect(),
            refused,
            awaited: awaited.into_iter().map(|it| it.file).collect(),
        }
    }
}

impl<'k> Refused<'k> {
    fn new((file, problem): &'k Refusal, is_kept: bool) -> Self {
        Self { file, problem, is_kept, is_lapsed: false }
    }
}

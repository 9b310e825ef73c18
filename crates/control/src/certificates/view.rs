//! What people are shown of a listener's certificates. The status and the metrics ask for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use evenkeel_plan::tls::Certificate;

use super::parse::Parsed;
use super::problem::Problem;
use super::source::Pair;
use super::store::{Entry, Known};

/// Everything that a listener has, by reference.
#[derive(Debug)]
pub(crate) struct View<'k> {
    /// What is in use: file, and what is in it. Those that end first come first.
    pub(crate) in_use: Vec<(&'k Path, &'k Parsed)>,
    /// What cannot be used as it is.
    pub(crate) refused: Vec<Refused<'k>>,
}

/// A file or directory that cannot be used as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'k> {
    pub(crate) file: &'k Path,
    pub(crate) problem: &'k Problem,
    /// Whether what was good in it before is in use.
    pub(crate) is_kept: bool,
}

impl<'k> View<'k> {
    /// `None` if `listener` does not speak TLS.
    pub(crate) fn of(known: &'k Known, listener: &str) -> Option<Self> {
        let found: Vec<_> = known
            .sources_of(listener)?
            .iter()
            .filter_map(|source| Some((source, known.sources.get(source)?)))
            .collect();
        let directories = found.iter().filter_map(|(source, found)| {
            let (file, problem) = found.problem.as_ref()?;
            let is_kept = known.good(source).next().is_some();
            Some(Refused { file, problem, is_kept })
        });
        // Two sources may name the same files.
        let pairs: BTreeSet<&Pair> = found.iter().flat_map(|(_, found)| &found.pairs).collect();
        let entries: Vec<(&Pair, &Entry)> =
            pairs.into_iter().filter_map(|pair| Some((pair, known.pairs.get(pair)?))).collect();
        let files = entries.iter().filter_map(|(_, entry)| {
            let (file, problem) = entry.problem.as_ref()?;
            Some(Refused { file, problem, is_kept: entry.good.is_some() })
        });
        let refused = directories.chain(files).collect();
        let good =
            |(pair, entry): &(&'k Pair, &'k Entry)| Some((&*pair.chain, entry.good.as_ref()?));
        let mut in_use: Vec<_> = entries.iter().filter_map(good).collect();
        in_use.sort_by_key(|(_, parsed)| end(&parsed.certificate));
        Some(Self { in_use, refused })
    }
}

fn end(certificate: &Certificate) -> SystemTime {
    certificate.validity.1
}

//! What the log is told about certificates: once for each change. Called by the store with what was known before and now.

use std::sync::Arc;

use super::expiry::Nearness;
use super::problem::{Finding, Remark, date};
use super::source::{Pair, Refusal};
use super::store::{Entry, Known};

/// Tells everything that is different.
pub(super) fn tell(before: &Known, after: &Known) {
    good(before, after);
    problems(before, after);
    expiry(before, after);
}

/// What is in use from now on.
fn good(before: &Known, after: &Known) {
    let is_new = |(pair, entry): &(&Pair, &Entry)| {
        let Some(new) = &entry.good else { return false };
        let Some(old) = before.pairs.get(*pair) else { return true };
        let is_other = |old| !Arc::ptr_eq(old, &new.certificate);
        let is_well_again = entry.problem.is_none() && old.problem.is_some();
        is_well_again || old.good.as_ref().is_none_or(|old| is_other(&old.certificate))
    };
    let new: Vec<_> = after.pairs.iter().filter(is_new).collect();
    for (pair, entry) in new.iter().take(LOGGED_MAX) {
        let Some(good) = &entry.good else { continue };
        let names: Vec<&str> = good.certificate.names.iter().take(NAMES_MAX).collect();
        let until = date(good.certificate.validity.1);
        let (file, names) = (pair.chain.display(), names.join(", "));
        tracing::info!("certificate {file} is in use: for {names}, until {until}");
    }
    if let Some(more) = new.len().checked_sub(LOGGED_MAX).filter(|more| *more > 0) {
        tracing::info!("and {more} more certificates are in use");
    }
}

/// What cannot be used any more, or still cannot be for another reason.
fn problems(before: &Known, after: &Known) {
    let tell = |(file, problem): &Refusal, has_good: bool| {
        let (file, problem) = (file.clone(), problem.clone());
        let remark = if has_good { Remark::Kept } else { Remark::Refused };
        tracing::warn!("certificate refused: {}", Finding { file, remark: remark(problem) });
    };
    for (pair, entry) in &after.pairs {
        let old = before.pairs.get(pair).and_then(|old| old.problem.as_ref());
        if let Some(problem) = entry.problem.as_ref().filter(|problem| Some(*problem) != old) {
            tell(problem, entry.good.is_some());
        }
    }
    for (source, found) in &after.sources {
        let old = before.sources.get(source).and_then(|old| old.problem.as_ref());
        if let Some(problem) = found.problem.as_ref().filter(|problem| Some(*problem) != old) {
            tell(problem, true);
        }
    }
}

/// What is nearer to its end than before in a way that matters.
fn expiry(before: &Known, after: &Known) {
    for (pair, good) in after.pairs.iter().filter_map(|(pair, it)| Some((pair, it.good.as_ref()?)))
    {
        let nearness = Nearness::of(&good.certificate, after.at);
        let is_known =
            before.pairs.get(pair).and_then(|old| old.good.as_ref()).is_some_and(|old| {
                Arc::ptr_eq(&old.certificate, &good.certificate)
                    && Nearness::of(&old.certificate, before.at) >= nearness
            });
        let (file, until) = (pair.chain.display(), date(good.certificate.validity.1));
        match nearness {
            Nearness::Far => {}
            _ if is_known => {}
            Nearness::Over => {
                tracing::error!("certificate {file} has expired: it was valid until {until}");
            }
            Nearness::Soon | Nearness::Near => {
                tracing::warn!("certificate {file} expires soon: it is valid until {until}");
            }
        }
    }
}

/// Of thousands the log shows the first.
const LOGGED_MAX: usize = 20;

/// Of the names in a certificate, too.
const NAMES_MAX: usize = 5;

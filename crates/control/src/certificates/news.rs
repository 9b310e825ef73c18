//! What the log and the events are told about certificates: once for each change. Called by the store with what was known before and now.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::expiry::Nearness;
use super::parse::Purpose;
use super::problem::{Finding, Problem, Remark, date};
use super::source::{Pair, Refusal};
use super::store::{Entry, Known};
use crate::events::{EventKind, EventLevel, Events};

/// Tells everything that is different; of thousands of a kind the first. What is wrong at the start the config's report has said already.
pub(super) fn tell(before: &Known, after: &Known, events: &Events) {
    let is_start = before.at == SystemTime::UNIX_EPOCH;
    for (level, line) in news(before, after) {
        match level {
            Level::Info => tracing::info!("{line}"),
            Level::Warn | Level::Error if is_start => tracing::debug!("{line}"),
            Level::Warn => tracing::warn!("{line}"),
            Level::Error => tracing::error!("{line}"),
        }
        events.note(level.into(), EventKind::Certificate, line);
    }
}

/// How much somebody should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl From<Level> for EventLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

/// What is different, line by line.
pub(super) fn news(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let mut lines = good(before, after);
    lines.extend(gone(before, after));
    lines.extend(problems(before, after));
    lines.extend(expiry(before, after));
    lines.extend(of_wholes(before, after));
    lines.extend(after.followed.news(&before.followed));
    lines
}

/// What is wrong with listeners and clusters although each of their files is good.
fn of_wholes(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let all = |known: &Known| -> Vec<(&'static str, String, Refusal)> {
        let of = |what| move |(name, it): (&str, &Refusal)| (what, name.to_owned(), it.clone());
        let listeners = known.listener_problems().map(of("listener"));
        listeners.chain(known.origins.problems().map(of("cluster"))).collect()
    };
    let old = all(before);
    let tell = |(what, name, (file, problem)): (&str, String, Refusal)| {
        let (level, remark): (_, fn(Problem) -> Remark) = match problem {
            Problem::Library(_) => (Level::Error, Remark::Kept),
            _ => (Level::Warn, Remark::Lapsed),
        };
        (level, format!("{what} {name}: {}", Finding { file, remark: remark(problem) }))
    };
    let new = all(after).into_iter().filter(|it| !old.contains(it)).map(tell);
    shortened(new.collect(), "more have such problems")
}

/// What is in use from now on.
fn good(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let is_new = |(pair, entry): &(&Pair, &Entry)| {
        let Some(new) = &entry.good else { return false };
        let Some(old) = before.entry_of_chain(pair) else { return true };
        let is_other = |old| !Arc::ptr_eq(old, &new.certificate);
        let is_well_again = entry.problem.is_none() && old.problem.is_some();
        is_well_again || old.good.as_ref().is_none_or(|old| is_other(&old.certificate))
    };
    let tell = |(pair, entry): (&Pair, &Entry)| {
        let certificate = &entry.good.as_ref()?.certificate;
        let names: Vec<&str> = certificate.names.iter().take(NAMES_MAX).collect();
        let names = match pair.purpose {
            Purpose::Server => names.join(", "),
            Purpose::Client => "endpoints".to_owned(),
        };
        let file = pair.chain.display();
        let until = date(certificate.validity.1);
        Some((Level::Info, format!("certificate {file} is in use: for {names}, until {until}")))
    };
    shortened(
        after.pairs.iter().filter(is_new).filter_map(tell).collect(),
        "more certificates are in use",
    )
}

/// What has disappeared from a directory that is still looked through. What a config does not name any more is no surprise.
fn gone(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let sources = before.sources.iter().filter(|(source, _)| after.sources.contains_key(source));
    let pairs = sources.flat_map(|(_, found)| &found.pairs);
    let was_good = |pair: &&Pair| before.pairs.get(*pair).is_some_and(|it| it.good.is_some());
    let gone = pairs.filter(was_good).filter(|pair| after.entry_of_chain(pair).is_none());
    let tell = |file: &Path| {
        let file = file.display();
        (Level::Warn, format!("certificate {file} is not in use any more: it has disappeared"))
    };
    // Two sources may have named the same.
    let files: BTreeSet<&Path> = gone.map(|pair| &*pair.chain).collect();
    shortened(files.into_iter().map(tell).collect(), "more have disappeared")
}

/// What cannot be used any more, or still cannot be for another reason.
fn problems(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let of_sources = after.sources.iter().filter_map(|(source, found)| {
        let old = before.sources.get(source).and_then(|old| old.problem.as_ref());
        let new = found.problem.as_ref().filter(|problem| Some(*problem) != old)?;
        Some((new, true))
    });
    let of_pairs = after.pairs.iter().filter_map(|(pair, entry)| {
        let old = before.entry_of_chain(pair).and_then(|old| old.problem.as_ref());
        let new = entry.problem.as_ref().filter(|problem| Some(*problem) != old)?;
        Some((new, entry.good.is_some()))
    });
    let (awaited, refused): (Vec<_>, Vec<_>) =
        of_sources.chain(of_pairs).partition(|((_, problem), _)| *problem == Problem::Awaited);
    let tell = |((file, problem), has_good): (&Refusal, bool)| {
        let remark = if has_good { Remark::Kept } else { Remark::Refused };
        let finding = Finding { file: file.clone(), remark: remark(problem.clone()) };
        (Level::Warn, format!("certificate refused: {finding}"))
    };
    let mut lines = shortened(refused.into_iter().map(tell).collect(), "more are refused");
    let tell = |((file, problem), _): (&Refusal, bool)| {
        (Level::Info, format!("certificate {} {problem}", file.display()))
    };
    lines.extend(shortened(awaited.into_iter().map(tell).collect(), "more are to come"));
    lines
}

/// What is nearer to its end than before in a way that matters.
fn expiry(before: &Known, after: &Known) -> Vec<(Level, String)> {
    let tell = |(pair, entry): (&Pair, &Entry)| {
        let certificate = &entry.good.as_ref()?.certificate;
        let nearness = Nearness::of(certificate.validity.1, after.at);
        let old = before.entry_of_chain(pair).and_then(|old| old.good.as_ref());
        let is_known = old.is_some_and(|old| {
            Arc::ptr_eq(&old.certificate, certificate)
                && Nearness::of(old.certificate.validity.1, before.at) >= nearness
        });
        let (file, until) = (pair.chain.display(), date(certificate.validity.1));
        let line = match nearness {
            Nearness::Far => return None,
            _ if is_known => return None,
            Nearness::Over => (
                Level::Error,
                format!("certificate {file} has expired: it was valid until {until}"),
            ),
            Nearness::Soon | Nearness::Near => {
                (Level::Warn, format!("certificate {file} expires soon: it is valid until {until}"))
            }
        };
        Some((nearness, line))
    };
    let mut lines: Vec<_> = after.pairs.iter().filter_map(tell).collect();
    // What is left out should not be what matters most.
    lines.sort_by_key(|(nearness, _)| Reverse(*nearness));
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    shortened(lines, "more have expired, or expire soon")
}

/// The first of them, and how many more there are.
fn shortened(mut lines: Vec<(Level, String)>, what: &str) -> Vec<(Level, String)> {
    let more = lines.len().saturating_sub(LOGGED_MAX);
    lines.truncate(LOGGED_MAX);
    let last = lines.last().filter(|_| more > 0).map(|(level, _)| *level);
    lines.extend(last.map(|level| (level, format!("and {more} {what}"))));
    lines
}

/// Of thousands the log shows the first.
const LOGGED_MAX: usize = 20;

/// Of the names in a certificate, too.
const NAMES_MAX: usize = 5;

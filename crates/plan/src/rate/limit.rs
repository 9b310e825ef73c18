//! A limit: a quota, whose requests it counts together, and where it remembers them. Asked by the admission.

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;

use evenkeel_proto::head::RequestHead;

use super::{Quota, RateKey, RateTable, Verdict};
use crate::limits::RATE_LIMITS_MAX;
use crate::time::Time;

/// How many requests there may be of each key.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// What its clients are told that it is called: letters, digits and `-`.
    pub name: Box<str>,
    /// How many.
    pub quota: Quota,
    /// Whose.
    pub key: RateKey,
    /// Whether it only counts whom it would refuse.
    pub dry_run: bool,
    /// Whether clients are told what remains before they are refused.
    pub headers: bool,
    /// Outlives this plan, with the secret; carried over by whoever makes the next one.
    pub table: Arc<RateTable>,
    /// What keys are hashed with.
    pub secret: RandomState,
}

/// What a client can be told about a limit.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What it is called.
    pub name: &'a str,
    /// How many it allows.
    pub quota: Quota,
    /// What it said.
    pub verdict: Verdict,
}

/// What all the limits of one place say about a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said<'a> {
    /// The limit that refuses it, if one does: of several, the one that does so for longest.
    pub(crate) refused: Option<Told<'a>>,
    /// Whether a limit would refuse it that only counts.
    pub(crate) would_refuse: bool,
    /// Of those that are to be told, the limit of which least remains.
    pub(crate) scarcest: Option<Told<'a>>,
}

impl RateLimit {
    /// Whether a limit of this place with that key can go on with the table of this one.
    pub fn remembers(&self, key: &RateKey, entries: u32) -> bool {
        self.key == *key && self.table.entries() == RateTable::room(entries)
    }

    /// Whether `other` says the same, and goes on with the same table.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.name, self.quota, &self.key) == (&other.name, other.quota, &other.key)
            && (self.dry_run, self.headers) == (other.dry_run, other.headers)
            && Arc::ptr_eq(&self.table, &other.table)
    }

    fn told(&self, verdict: Verdict) -> Told<'_> {
        Told { name: &self.name, quota: self.quota, verdict }
    }
}

/// Asks all of `limits`, of which there are at most [`RATE_LIMITS_MAX`], and counts the request in each if none refuses it: what is
/// refused takes nothing from any. Those that only count refuse nobody, and count what the others let through.
///
/// Where there are several, they are all looked at before anything is counted. If another worker comes in between, a limit may
/// have counted a request that the next one refuses; never is one let through that a limit refuses.
pub(crate) fn ask<'a>(
    limits: &'a [RateLimit],
    head: &RequestHead,
    client: IpAddr,
    now: Time,
) -> Said<'a> {
    let mut keys = [0; RATE_LIMITS_MAX];
    for (key, limit) in keys.iter_mut().zip(limits) {
        *key = limit.key.hash(&limit.secret, head, client);
    }
    let keyed = || limits.iter().zip(keys);
    let enforced = || keyed().filter(|(limit, _)| !limit.dry_run);
    if enforced().nth(1).is_some() {
        let looks = enforced()
            .map(|(limit, key)| limit.told(limit.table.look(limit.quota, key, now, 1)))
            .filter(|told| !told.verdict.allowed);
        let refused = looks.max_by_key(|told| told.verdict.retry_after);
        if refused.is_some() {
            return Said { refused, ..Said::default() };
        }
    }
    let mut said = Said::default();
    for (limit, key) in enforced() {
        let told = limit.told(limit.table.take(limit.quota, key, now, 1));
        if !told.verdict.allowed {
            return Said { refused: Some(told), ..Said::default() };
        }
        said.note(limit, told);
    }
    for (limit, key) in keyed().filter(|(limit, _)| limit.dry_run) {
        let told = limit.told(limit.table.take(limit.quota, key, now, 1));
        said.would_refuse |= !told.verdict.allowed;
    }
    said
}

impl<'a> Said<'a> {
    fn note(&mut self, limit: &RateLimit, told: Told<'a>) {
        let left = |told: &Told<'_>| told.verdict.remaining;
        if limit.headers && self.scarcest.as_ref().is_none_or(|it| left(&told) < left(it)) {
            self.scarcest = Some(told);
        }
    }
}

#[cfg(test)]
mod tests;

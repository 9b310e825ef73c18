//! Who may come in, as the plan has it: with the tables that remember who came how often, which live on while the limit has the
//! same place and key. Called by `build`.

use std::hash::RandomState;
use std::sync::Arc;

use evenkeel_plan::admission::{
    Admission, ConnectionRate, Crowd, Door, Networks, PerClient, SeatLimit,
};
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::limits::CLIENTS_COUNTED_MAX;
use evenkeel_plan::rate::{RateLimit, RateTable};

use crate::config::{
    AdmissionConfig, ConnectionRateConfig, ConnectionsConfig, ListenerConfig, RateLimitConfig,
};

/// What a route asks of requests; `None` if that is nothing.
pub(super) fn of_route(
    config: &AdmissionConfig,
    old: Option<&Arc<Admission>>,
    workers: usize,
) -> Option<Arc<Admission>> {
    let networks = Networks::new(&config.allow, &config.deny);
    admission(networks, named("route", &config.limits, old), old, workers)
}

/// What a listener asks of requests; `None` if that is nothing. Networks are the door's matter.
pub(super) fn of_listener(
    config: &AdmissionConfig,
    old: Option<&Arc<Admission>>,
    workers: usize,
) -> Option<Arc<Admission>> {
    admission(Networks::default(), named("listener", &config.limits, old), old, workers)
}

/// What a listener asks of connections; `None` if that is nothing.
pub(super) fn door(config: &ListenerConfig, old: Option<&Door>) -> Option<Box<Door>> {
    let ConnectionsConfig { max, per_client, rate } = &config.connections;
    let networks = Networks::new(&config.admission.allow, &config.admission.deny);
    if networks.is_open() && max.is_none() && per_client.is_none() && rate.is_none() {
        return None;
    }
    let old_seats = old.and_then(|old| old.seats.as_ref());
    let old_clients = old.and_then(|old| old.per_client.as_ref());
    let old_rate = old.and_then(|old| old.rate.as_ref());
    Some(Box::new(Door {
        networks,
        seats: max.map(|max| SeatLimit {
            max,
            seats: old_seats.map(|old| Arc::clone(&old.seats)).unwrap_or_default(),
        }),
        per_client: per_client.map(|max| match old_clients {
            Some(old) => PerClient { max, ..old.clone() },
            None => PerClient {
                max,
                crowd: Arc::new(Crowd::new(CLIENTS_COUNTED_MAX)),
                secret: RandomState::new(),
            },
        }),
        rate: rate.as_ref().map(|rate| connection_rate(rate, old_rate)),
    }))
}

fn admission(
    networks: Networks,
    limits: Box<[RateLimit]>,
    old: Option<&Arc<Admission>>,
    workers: usize,
) -> Option<Arc<Admission>> {
    if networks.is_open() && limits.is_empty() {
        return None;
    }
    let counters = old.map(|old| Arc::clone(&old.counters));
    let counters = counters.unwrap_or_else(|| Arc::new(Sharded::new(workers)));
    let new = Admission { networks, limits, counters };
    let same = old.filter(|old| old.is_same(&new)).map(Arc::clone);
    Some(same.unwrap_or_else(|| Arc::new(new)))
}

/// The limits of a `place`, after which they are called; those that have one of the old limits' keys go on with its table.
fn named(
    place: &str,
    limits: &[RateLimitConfig],
    old: Option<&Arc<Admission>>,
) -> Box<[RateLimit]> {
    let mut left: Vec<&RateLimit> = old.iter().flat_map(|old| &old.limits).collect();
    let limit = |(number, config): (usize, &RateLimitConfig)| {
        let remembers = |old: &&RateLimit| old.remembers(&config.key, config.entries);
        // Of several with the same key each has its own.
        let old = left.iter().position(remembers).map(|position| left.remove(position));
        let table = old.map(|old| (Arc::clone(&old.table), old.secret.clone()));
        let (table, secret) = table.unwrap_or_else(|| new_table(config.entries));
        let name =
            if limits.len() == 1 { place.into() } else { format!("{place}-{number}").into() };
        RateLimit {
            name,
            quota: config.quota,
            key: config.key.clone(),
            dry_run: config.dry_run,
            headers: config.headers,
            table,
            secret,
        }
    };
    (1..).zip(limits).map(limit).collect()
}

fn connection_rate(config: &ConnectionRateConfig, old: Option<&ConnectionRate>) -> ConnectionRate {
    let ConnectionRateConfig { quota, prefixes, entries } = *config;
    let remembers = |old: &&ConnectionRate| {
        old.prefixes == prefixes && old.table.entries() == RateTable::room(entries)
    };
    let table = old.filter(remembers).map(|old| (Arc::clone(&old.table), old.secret.clone()));
    let (table, secret) = table.unwrap_or_else(|| new_table(entries));
    ConnectionRate { quota, prefixes, table, secret }
}

fn new_table(entries: u32) -> (Arc<RateTable>, RandomState) {
    (Arc::new(RateTable::new(entries)), RandomState::new())
}

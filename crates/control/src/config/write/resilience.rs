//! `retry`, `outlier`, `breaker`, `hedge` and `rebalance` of a cluster, as they are written. Called by `write`.

use evenkeel_plan::hedge::Hedging;
use evenkeel_plan::rebalance::Kind;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::retry::{RetryPolicy, Trigger};
use evenkeel_plan::{breaker, outlier, rebalance};

use super::super::decode::format_after;
use super::super::units::{format_duration, format_rate, format_share, format_size};
use super::table::{Table, list, string};

/// Adds what is not as it is by default.
pub(super) fn add(table: &mut Table, rules: &Resilience) {
    add_retry(table, &rules.retry);
    match &rules.outlier {
        None => table.add("outlier", string("off")),
        Some(settings) => table.add_table("outlier", &outlier(settings)),
    }
    match &rules.breaker {
        None => table.add("breaker", string("off")),
        Some(settings) => table.add_table("breaker", &breaker(settings)),
    }
    if let Some(hedging) = &rules.hedge {
        table.add("hedge", hedge(hedging).inline());
    }
}

fn add_retry(table: &mut Table, policy: &RetryPolicy) {
    let default = RetryPolicy::default();
    if *policy == (RetryPolicy { attempts: 1, ..default }) {
        return table.add("retry", string("off"));
    }
    let mut keys = Table::default();
    keys.add_unless("attempts", policy.attempts, policy.attempts == default.attempts);
    let triggers = Trigger::ALL.iter().filter(|trigger| policy.on.contains(**trigger));
    let on = list(triggers.map(|trigger| string(trigger.name())).collect());
    keys.add_unless("on", on, policy.on == default.on);
    add_share(&mut keys, "budget", policy.budget.share, default.budget.share);
    let rate = string(&format_rate(policy.budget.per_second));
    let same_rate = is_same(policy.budget.per_second, default.budget.per_second);
    keys.add_unless("budget_min", rate, same_rate);
    keys.add_duration("backoff", policy.backoff, default.backoff);
    keys.add_unless("body", string(&format_size(policy.body)), policy.body == default.body);
    table.add_table("retry", &keys);
}

fn outlier(settings: &outlier::Settings) -> Table {
    let default = outlier::Settings::default();
    let mut keys = Table::default();
    let consecutive = settings.consecutive.map_or_else(|| string("off"), |count| count.to_string());
    keys.add_unless("consecutive", consecutive, settings.consecutive == default.consecutive);
    add_share_or_off(&mut keys, "failure_rate", settings.failure_rate, default.failure_rate);
    let deviations = settings.deviations.map_or_else(|| string("off"), |it| format!("{it:?}"));
    keys.add_unless("deviations", deviations, settings.deviations == default.deviations);
    let min_requests = settings.min_requests;
    keys.add_unless("min_requests", min_requests, min_requests == default.min_requests);
    keys.add_duration("window", settings.window, default.window);
    keys.add_duration("eject", settings.eject, default.eject);
    keys.add_duration("eject_max", settings.eject_max, default.eject_max);
    add_share(&mut keys, "max_ejected", settings.max_ejected, default.max_ejected);
    let stall = settings.stall.map_or_else(|| "off".to_owned(), format_duration);
    keys.add_unless("stall", string(&stall), settings.stall == default.stall);
    keys
}

fn breaker(settings: &breaker::Settings) -> Table {
    let default = breaker::Settings::default();
    let mut keys = Table::default();
    add_share_or_off(&mut keys, "failure_rate", settings.failure_rate, default.failure_rate);
    add_share_or_off(&mut keys, "slow_rate", settings.slow_rate, default.slow_rate);
    keys.add_duration("slow", settings.slow, default.slow);
    let min_requests = settings.min_requests;
    keys.add_unless("min_requests", min_requests, min_requests == default.min_requests);
    keys.add_duration("window", settings.window, default.window);
    keys.add_duration("cool_down", settings.cool_down, default.cool_down);
    keys.add_unless("trials", settings.trials, settings.trials == default.trials);
    keys
}

fn hedge(hedging: &Hedging) -> Table {
    let default = Hedging::default();
    let mut keys = Table::default();
    keys.add("after", string(&format_after(hedging.after, format_duration)));
    add_share(&mut keys, "budget", hedging.budget.share, default.budget.share);
    keys
}

/// How streams move.
pub(super) fn rebalance(settings: &rebalance::Settings) -> Table {
    let default = rebalance::Settings::default();
    let mut keys = Table::default();
    keys.add("pace", string(&format_rate(settings.pace)));
    keys.add_duration("min_age", settings.min_age, default.min_age);
    add_share(&mut keys, "margin", settings.margin, default.margin);
    let kinds = Kind::ALL.iter().filter(|kind| settings.kinds.contains(**kind));
    let kinds = list(kinds.map(|kind| string(kind.name())).collect());
    keys.add_unless("kinds", kinds, settings.kinds == default.kinds);
    keys
}

fn add_share(keys: &mut Table, key: &'static str, share: f64, default: f64) {
    keys.add_unless(key, string(&format_share(share)), is_same(share, default));
}

fn add_share_or_off(keys: &mut Table, key: &'static str, share: Option<f64>, default: Option<f64>) {
    let written = share.map_or_else(|| "off".to_owned(), format_share);
    keys.add_unless(key, string(&written), share == default);
}

fn is_same(one: f64, other: f64) -> bool {
    one.total_cmp(&other).is_eq()
}

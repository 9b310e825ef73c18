//! The families about the config: reloads, and what was changed on top of the file.

use std::fmt;

use prometheus_client::metrics::MetricType::{Counter, Gauge};

use super::Families;
use crate::in_force::InForce;

pub(super) fn encode(families: &mut Families<'_, '_>, in_force: &InForce) -> fmt::Result {
    let reloads = in_force.reloads();
    families.family(Counter, "config_reloads", "Reloads, by what became of them.", |family| {
        family.counter(&[("result", "applied")], reloads.applied)?;
        family.counter(&[("result", "unchanged")], reloads.unchanged)?;
        family.counter(&[("result", "refused")], reloads.refused)
    })?;
    let help = "0 while the file as it stands is refused, and what was in force before still is.";
    families.family(Gauge, "config_last_reload_successful", help, |family| {
        family.0.encode_gauge(&i64::from(!in_force.is_refused()))
    })?;
    let help = "When a reload last succeeded; 0 before the first.";
    families.family(Gauge, "config_last_reload_success_timestamp_seconds", help, |family| {
        family.0.encode_gauge(&reloads.last_success)
    })?;
    let help = "Endpoints that the admin API has changed on top of the file.";
    families.family(Gauge, "config_overrides", help, |family| {
        family.0.encode_gauge(&(in_force.status().1.len() as i64))
    })
}

//! The families about orders of certificates.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::metrics::MetricType::{Counter, Gauge};

use super::Families;
use crate::acme::Ledger;

pub(super) fn encode(families: &mut Families<'_, '_>, ledger: &Ledger) -> fmt::Result {
    let all = ledger.all();
    let help = "When a certificate is ordered next, in Unix time: renewed, or tried again.";
    families.family(Gauge, "acme_next_order_seconds", help, |family| {
        for (name, standing) in &all {
            let next = standing.next.unwrap_or(SystemTime::UNIX_EPOCH);
            let next = next.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let next = i64::try_from(next.as_secs()).unwrap_or(i64::MAX);
            family.gauge(&[("acme", name)], next)?;
        }
        Ok(())
    })?;
    let help = "How many orders came to a certificate, and how many failed.";
    families.family(Counter, "acme_orders", help, |family| {
        for (name, standing) in &all {
            family.counter(&[("acme", name), ("result", "issued")], standing.issued)?;
            family.counter(&[("acme", name), ("result", "failed")], standing.failed)?;
        }
        Ok(())
    })
}

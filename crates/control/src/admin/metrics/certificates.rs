//! The families about certificates: until when they are good, and how many files cannot be used.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use evenkeel_plan::Plan;
use evenkeel_plan::tls::Certificate;
use prometheus_client::metrics::MetricType::Gauge;

use super::Families;
use crate::certificates::Known;

pub(super) fn encode(families: &mut Families<'_, '_>, plan: &Plan, known: &Known) -> fmt::Result {
    let help = "Until when a certificate that is in use is good, in Unix time, by its first name; of several for that name, the one that ends first.";
    families.family(Gauge, "tls_certificate_not_after_seconds", help, |family| {
        for listener in &plan.listeners {
            for (name, until) in ends(known, &listener.name) {
                family.gauge(&[("listener", &listener.name), ("name", name)], until)?;
            }
        }
        Ok(())
    })?;
    let help = "Files and directories with certificates that cannot be used as they are; what was good before stays in use.";
    families.family(Gauge, "tls_certificate_problems", help, |family| {
        for listener in &plan.listeners {
            if let Some(problems) = known.problems_of(&listener.name) {
                family.gauge(&[("listener", &listener.name)], problems as i64)?;
            }
        }
        Ok(())
    })?;
    let help = "Until when the certificate that endpoints are shown is good, in Unix time.";
    families.family(Gauge, "upstream_tls_certificate_not_after_seconds", help, |family| {
        for cluster in &plan.clusters {
            if let Some(certificate) = known.shown_to_endpoints(&cluster.name) {
                family.gauge(&[("cluster", &cluster.name)], end(certificate))?;
            }
        }
        Ok(())
    })?;
    let help = "Files with certificates and authorities for endpoints that cannot be used as they are; what was good before stays in use.";
    families.family(Gauge, "upstream_tls_certificate_problems", help, |family| {
        for cluster in &plan.clusters {
            if let Some(problems) = known.problems_with_endpoints(&cluster.name) {
                family.gauge(&[("cluster", &cluster.name)], problems as i64)?;
            }
        }
        Ok(())
    })
}

/// The end of each certificate by its first name.
fn ends<'k>(known: &'k Known, listener: &str) -> BTreeMap<&'k str, i64> {
    let mut ends = BTreeMap::new();
    for certificate in known.shown_by(listener) {
        let until = end(certificate);
        let name = certificate.names.iter().next().unwrap_or_default();
        ends.entry(name).and_modify(|end: &mut i64| *end = until.min(*end)).or_insert(until);
    }
    ends
}

/// In seconds of Unix time; 0 before that.
fn end(certificate: &Certificate) -> i64 {
    let until = certificate.validity.1.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(until.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

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
    let listeners = || plan.listeners.iter().map(|it| &*it.name);
    let clusters = || plan.clusters.iter().map(|it| &*it.name);
    let help = "Until when a certificate that is in use is good, in Unix time, by its first name; of several for that name, the one that ends first.";
    families.family(Gauge, "tls_certificate_not_after_seconds", help, |family| {
        let ends = listeners().flat_map(|it| ends(known, it).into_iter().map(move |end| (it, end)));
        ends.into_iter().try_for_each(|(listener, (name, until))| {
            family.gauge(&[("listener", listener), ("name", name)], until)
        })
    })?;
    let mut levels = |name, help, label, levels: Vec<(&str, i64)>| {
        families.family(Gauge, name, help, |family| {
            levels.into_iter().try_for_each(|(of, level)| family.gauge(&[(label, of)], level))
        })
    };
    let problems = |(of, problems): (_, Option<usize>)| Some((of, problems? as i64));
    levels(
        "tls_certificate_problems",
        "Files and directories with certificates, and files beside them, that cannot be used as they are; what was good before stays in use.",
        "listener",
        listeners().map(|it| (it, known.problems_of(it))).filter_map(problems).collect(),
    )?;
    levels(
        "upstream_tls_certificate_not_after_seconds",
        "Until when the certificate that endpoints are shown is good, in Unix time.",
        "cluster",
        clusters().filter_map(|it| Some((it, end(known.shown_to_endpoints(it)?)))).collect(),
    )?;
    levels(
        "upstream_tls_certificate_problems",
        "Files with certificates and authorities for endpoints that cannot be used as they are; what was good before stays in use.",
        "cluster",
        clusters().map(|it| (it, known.problems_with_endpoints(it))).filter_map(problems).collect(),
    )
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

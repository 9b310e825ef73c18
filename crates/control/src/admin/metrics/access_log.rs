//! What became of the access log's lines.

use std::fmt;

use evenkeel_plan::lines::LineCounters;
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType::Counter;

use super::Families;

pub(super) fn encode(families: &mut Families<'_, '_>, lines: &LineCounters) -> fmt::Result {
    let help = "Lines of the access log that were written.";
    families.family(Counter, "access_log_lines", help, |family| {
        // It has no labels, not even none: that would be written as `{}`.
        family.0.encode_counter::<NoLabelSet, _, u64>(&lines.written.count(), None)
    })?;
    let help = "Lines of the access log that were lost, and why.";
    families.family(Counter, "access_log_lost_lines", help, |family| {
        family.counter(&[("cause", "ring_full")], lines.lost_to_full_rings())?;
        family.counter(&[("cause", "write_failed")], lines.write_failed.count())
    })
}

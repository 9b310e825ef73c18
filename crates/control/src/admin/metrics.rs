//! `/metrics`: the counters of the plan in force, read at each scrape. What is gone from the plan is gone from here.

use std::fmt;
use std::sync::Arc;

use evenkeel_plan::counters::{DURATION_BOUNDS, Histogram, HistogramSum};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

mod access_log;
mod acme;
mod certificates;
mod config;
mod listeners;
mod process;
mod upstreams;

use crate::overview::Overview;

/// What the text is, for those who ask for a certain format.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All series.
#[derive(Debug)]
pub(super) struct Metrics(Registry);

impl Metrics {
    pub(super) fn new(overview: Arc<Overview>) -> Self {
        let mut registry = Registry::default();
        let ours = registry.sub_registry_with_prefix("evenkeel");
        ours.register_collector(Box::new(Balancer(overview)));
        registry.register_collector(Box::new(process::Process));
        Self(registry)
    }

    /// The text of one scrape, in OpenMetrics 1.0.
    pub(super) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

/// The series with our prefix.
#[derive(Debug)]
struct Balancer(Arc<Overview>);

impl Collector for Balancer {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let plan = self.0.plan();
        let mut families = Families(&mut encoder);
        families.build_info()?;
        let help = "How many plans have been published.";
        families.family(MetricType::Gauge, "plan_generation", help, |family| {
            family.0.encode_gauge(&plan.generation)
        })?;
        config::encode(&mut families, &self.0.in_force)?;
        access_log::encode(&mut families, &self.0.lines)?;
        listeners::encode(&mut families, &plan)?;
        certificates::encode(&mut families, &plan, &self.0.certificates.known())?;
        acme::encode(&mut families, &self.0.acme)?;
        upstreams::encode(&mut families, &plan, &self.0.journal)
    }
}

/// Writes families one after the other.
struct Families<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Families<'_, '_> {
    fn build_info(&mut self) -> fmt::Result {
        let mut encoder =
            self.0.encode_descriptor("build", "The program.", None, MetricType::Info)?;
        encoder.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    /// A family with its series. To a counter's name the encoder adds `_total`.
    fn family(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        series: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        series(&mut Series(self.0.encode_descriptor(name, help, None, kind)?))
    }
}

/// Writes the series of one family.
struct Series<'e>(MetricEncoder<'e>);

/// Labels by name and value.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

impl Series<'_> {
    fn counter<const N: usize>(&mut self, labels: &Labels<'_, N>, count: u64) -> fmt::Result {
        self.0.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }

    /// The same for what may have many values that never occur, such as the methods: absent until it occurs.
    fn occurrence<const N: usize>(&mut self, labels: &Labels<'_, N>, count: u64) -> fmt::Result {
        if count == 0 { Ok(()) } else { self.counter(labels, count) }
    }

    fn gauge<const N: usize>(&mut self, labels: &Labels<'_, N>, level: i64) -> fmt::Result {
        self.0.encode_family(labels)?.encode_gauge(&level)
    }

    /// The histograms of all workers, added up.
    fn histogram<'h, const N: usize>(
        &mut self,
        labels: &Labels<'_, N>,
        histograms: impl Iterator<Item = &'h Histogram>,
    ) -> fmt::Result {
        let bounds = DURATION_BOUNDS.iter().map(|bound| bound.seconds).chain([f64::INFINITY]);
        let HistogramSum { counts, nanos } = HistogramSum::of(histograms);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = counts.iter().sum();
        let mut family = self.0.encode_family(labels)?;
        family.encode_histogram::<NoLabelSet>(nanos as f64 / 1e9, count, &buckets, None)
    }
}

/// The label of each class of status.
const CODE_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[cfg(test)]
mod tests;

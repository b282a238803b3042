//! Handles from the current recorder.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata};

use super::catalogue::Metric;

/// Registers series that share labels.
pub(super) struct Registry {
    labels: Vec<Label>,
}

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Registry {
    pub(super) fn new(labels: Vec<Label>) -> Self {
        Self { labels }
    }

    pub(super) fn counter<const N: usize>(
        &self,
        metric: &Metric,
        labels: [(&'static str, &'static str); N],
    ) -> Counter {
        let key = self.key(metric, labels);
        metrics::with_recorder(|it| it.register_counter(&key, &METADATA))
    }

    pub(super) fn gauge(&self, metric: &Metric) -> Gauge {
        let key = self.key(metric, []);
        metrics::with_recorder(|it| it.register_gauge(&key, &METADATA))
    }

    pub(super) fn histogram<const N: usize>(
        &self,
        metric: &Metric,
        labels: [(&'static str, &'static str); N],
    ) -> Histogram {
        let key = self.key(metric, labels);
        metrics::with_recorder(|it| it.register_histogram(&key, &METADATA))
    }

    fn key<const N: usize>(
        &self,
        metric: &Metric,
        labels: [(&'static str, &'static str); N],
    ) -> Key {
        let own = labels.iter().map(Label::from);
        let all: Vec<Label> = self.labels.iter().cloned().chain(own).collect();
        Key::from_parts(metric.name, all)
    }
}

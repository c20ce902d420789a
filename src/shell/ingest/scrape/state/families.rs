use super::{Collected, ScrapeFailure, TargetState};
use crate::config::ExpositionConfig;
use crate::formats::exposition::{Families, Family, Format, HistogramForms};
use crate::model::{Labels, Timestamp};

/// The label that holds a metric's type, as Prometheus's feature `type-and-unit-labels` adds it.
const TYPE_LABEL: &str = "__type__";
/// The label that holds a metric's unit.
const UNIT_LABEL: &str = "__unit__";

impl TargetState {
    /// Collects an exposition family by family: protobuf, and text of which more is wanted than its lines say each.
    pub(super) fn collect_families(
        &mut self,
        body: &[u8],
        format: Format,
        at: Timestamp,
        collected: &mut Collected,
    ) -> Result<(), ScrapeFailure> {
        let ExpositionConfig { native_histograms, always_classic_histograms, convert_classic_histograms, .. } =
            self.settings.exposition;
        let forms = HistogramForms { native: native_histograms, always_classic: always_classic_histograms };
        let mut families = Families::new(body, format, forms).map_err(ScrapeFailure::Malformed)?;
        while let Some(mut family) = families.next_family().map_err(ScrapeFailure::Malformed)? {
            if convert_classic_histograms && family.metadata.kind == "histogram" {
                for metric in &mut family.metrics {
                    metric.convert_classic(always_classic_histograms);
                }
            }
            self.collect_family(&family, at, collected)?;
            if family.is_described {
                collected.metadata.push(family.metadata);
            }
        }
        Ok(())
    }

    fn collect_family(
        &mut self,
        family: &Family,
        at: Timestamp,
        collected: &mut Collected,
    ) -> Result<(), ScrapeFailure> {
        let ExpositionConfig { type_and_unit_labels, start_timestamps, .. } = self.settings.exposition;
        for metric in &family.metrics {
            let start = metric.start.filter(|_| start_timestamps);
            for point in &metric.points {
                collected.scraped += 1;
                let mut exposed = family.labels(metric, point);
                if type_and_unit_labels {
                    exposed = described(&exposed, family);
                }
                let own = point.at.filter(|_| self.settings.honor_timestamps);
                let text = exposed.to_string();
                if let Some(labels) = self.labels_of(&text, || Ok(exposed), collected)? {
                    collected.push(labels, own, at, point.value.clone(), start);
                }
            }
        }
        Ok(())
    }
}

/// The labels with those that tell type and unit, where these are known.
fn described(labels: &Labels, family: &Family) -> Labels {
    let mut labels = labels.builder();
    let kind = family.metadata.kind.as_str();
    if kind != "unknown" {
        labels.set(TYPE_LABEL, kind);
    }
    if !family.metadata.unit.is_empty() {
        labels.set(UNIT_LABEL, &family.metadata.unit);
    }
    labels.finish()
}

//! What is to be remarked on the samples of a window: noted as a flag where it is seen, worded once per metric.

use crate::lang::Span;
use crate::model::Labels;

use super::super::WARNINGS_MAX;
use super::super::error::WarningLevel;
use super::super::evaluator::Evaluator;

/// A remark on a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eval) enum Remark {
    MixedTypes,
    HistogramsIgnored,
    NotCounter,
    NotGauge,
    MixedBuckets,
    ConflictingResets,
    ReconciledInAddition,
    ReconciledInSubtraction,
    ReconciledInAggregation,
    OverlappingStart,
}

use Remark::{
    ConflictingResets, HistogramsIgnored, MixedBuckets, MixedTypes, NotCounter, NotGauge, OverlappingStart,
    ReconciledInAddition, ReconciledInAggregation, ReconciledInSubtraction,
};

const ALL: [Remark; 10] = [
    MixedTypes,
    HistogramsIgnored,
    NotCounter,
    NotGauge,
    MixedBuckets,
    ConflictingResets,
    ReconciledInAddition,
    ReconciledInSubtraction,
    ReconciledInAggregation,
    OverlappingStart,
];

impl Remark {
    /// Level and text, worded as Prometheus does.
    fn worded(self, metric: &str) -> (WarningLevel, String) {
        let warning = |text: &str| (WarningLevel::Warning, format!("{text} {metric:?}"));
        let info = |text: &str| (WarningLevel::Info, text.to_owned());
        match self {
            MixedTypes => warning("encountered a mix of histograms and floats for metric name"),
            HistogramsIgnored => {
                let text = "ignored histograms in a range containing both floats and histograms for metric name";
                (WarningLevel::Info, format!("{text} {metric:?}"))
            }
            NotCounter => warning("this native histogram metric is not a counter:"),
            NotGauge => warning("this native histogram metric is not a gauge:"),
            MixedBuckets => warning(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
            ),
            ConflictingResets => {
                (WarningLevel::Warning, "conflicting counter resets during histogram aggregation".to_owned())
            }
            ReconciledInAddition => info("mismatched custom buckets were reconciled during addition"),
            ReconciledInSubtraction => info("mismatched custom buckets were reconciled during subtraction"),
            ReconciledInAggregation => info("mismatched custom buckets were reconciled during aggregation"),
            OverlappingStart => {
                warning("sample has start time that overlaps with previous sample timestamp for metric")
            }
        }
    }
}

/// A set of remarks on one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::eval) struct Remarks(u16);

impl Remarks {
    /// `remark` alone.
    pub(in crate::eval) fn only(remark: Remark) -> Self {
        let mut remarks = Remarks::default();
        remarks.add(remark);
        remarks
    }

    pub(in crate::eval) fn add(&mut self, remark: Remark) {
        self.0 |= 1 << remark as u16;
    }

    pub(in crate::eval) fn add_all(&mut self, others: Remarks) {
        self.0 |= others.0;
    }

    pub(in crate::eval) fn has(self, remark: Remark) -> bool {
        self.0 & (1 << remark as u16) != 0
    }

    pub(in crate::eval) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The remarks on the series of a call.
#[derive(Debug, Default)]
pub(in crate::eval) struct Notebook {
    notes: Vec<(String, Remarks)>,
}

impl Notebook {
    /// Notes `remarks` on the series `labels`; cheap when there is nothing new.
    pub(in crate::eval) fn note(&mut self, remarks: Remarks, labels: &Labels) {
        if remarks.is_empty() {
            return;
        }
        let name = labels.metric_name();
        if let Some((_, noted)) = self.notes.iter_mut().rev().find(|(noted, _)| noted == name) {
            noted.add_all(remarks);
        } else if self.notes.len() < WARNINGS_MAX {
            self.notes.push((name.to_owned(), remarks));
        }
    }
}

impl Evaluator<'_> {
    /// Words what was noted, as remarks on `span`.
    pub(in crate::eval) fn remark_all(&mut self, notebook: &Notebook, span: &Span) {
        for (name, remarks) in &notebook.notes {
            for remark in ALL.into_iter().filter(|remark| remarks.has(*remark)) {
                match remark.worded(name) {
                    (WarningLevel::Warning, text) => self.warn(text, span),
                    (WarningLevel::Info, text) => self.inform(text, span),
                }
            }
        }
    }
}
